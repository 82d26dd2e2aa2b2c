"""A model file of a network that was never trained; importing this loads TensorFlow."""

from pathlib import Path

from dataprep.feed.batches import find_train_set
from dataprep.store.shards import read_index
from dataprep.store.statistics import read_statistics
from models.config.model import ModelConfig
from models.config.train import TrainConfig
from models.train.compiled_network import compile_network
from models.train.model_bytes import encode_model
from models.train.model_file import recipe_of
from pipelines.parameters.params import Params


def write_untrained(path: Path, tiny: Path, model: ModelConfig, train: TrainConfig, params: Params) -> Path:
    """Writes the file.

    Args:
        path: of the file.
        tiny: the folder with prepared/, augmented/ and statistics.json.
        model: the network.
        train: how it would be trained.
        params: with the section `augment`.
    """
    index = read_index(tiny / "prepared", stage="prepare")
    train_set = find_train_set(tiny / "prepared", tiny / "augmented")
    statistics = read_statistics(tiny / "statistics.json", index)
    network = compile_network(model, train, train_set, statistics, augment=params.augment)
    path.write_bytes(encode_model(network, recipe=recipe_of(index)))
    return path
