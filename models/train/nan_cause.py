"""Why the loss of the first step is no number: no step was made, so it is not the learning rate."""

from models.config.model import ModelConfig
from models.config.network_kinds import SAVED_NETWORKS
from models.config.train import TrainConfig


def cause_of_no_number(model: ModelConfig, train: TrainConfig) -> str:
    """The likely cause, and what to change in params.yaml.

    Images are whole numbers of 0 to 255, and files of weights that are no numbers are refused when the network is built. So the
    layers make something infinite or undefined of numbers: by values that grow from layer to layer, or by a root, a logarithm
    or an exponential of what it was not meant for.
    """
    network = model.network
    if train.devices.mixed_precision:
        return "Hidden layers hold no number above 65,504 in mixed precision: set train.devices.mixed_precision to false"
    if model.normalise.method == "none" and not network.takes_gray_levels:
        return "Gray levels to 255 are too large for this network: set model.normalise.method to standard"
    for key in ("file", "weights"):
        name = getattr(network, key, "")
        if name.endswith((".keras", ".weights.h5")):
            return (
                f"The layers of {SAVED_NETWORKS / name} make no numbers of these images: put another file there, or correct "
                f"model.network.{key}"
            )
    if getattr(network, "batch_normalisation", True):
        return f"Its layers make no numbers of these images: choose others in model.network, whose kind is {network.kind}"
    return "Values grow from layer to layer: set model.network.batch_normalisation to true"
