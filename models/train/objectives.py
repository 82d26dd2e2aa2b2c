"""What training minimises, and what it reports beside it: both depend on the network's head.

Losses that Keras has by name are given by name: so they stand in the model file, and any Keras loads them.
"""

from dataclasses import dataclass

import keras

from models.config.model import ModelConfig
from models.config.train import CrossEntropyConfig, LossConfig


@dataclass(frozen=True, slots=True)
class Objective:
    """What a network is compiled with.

    Attributes:
        loss: to minimise.
        accuracy: reported as `accuracy` in each epoch.
    """

    loss: str | keras.losses.Loss
    accuracy: keras.metrics.Metric


def objective_of(model: ModelConfig, loss: LossConfig) -> Objective:
    """The objective of a network with the head of `model`, which minimises `loss`."""
    if model.head == "sigmoid":
        accuracy = keras.metrics.MeanMetricWrapper(exact_match, name="accuracy", threshold=model.acceptance_threshold)
    else:
        accuracy = keras.metrics.MeanMetricWrapper(keras.metrics.categorical_accuracy, name="accuracy")
    if not isinstance(loss, CrossEntropyConfig):
        return Objective(_ERRORS[loss.kind], accuracy)
    name, smoothed = _CROSS_ENTROPIES[model.head]
    return Objective(smoothed(label_smoothing=loss.label_smoothing) if loss.label_smoothing else name, accuracy)


def saved_metrics(network: keras.Model) -> list[str]:
    """Keras' own metrics for the file of a network: a metric of ours could not be loaded without our code."""
    activation = getattr(network.layers[-1], "activation", None)
    metric = _SAVED_METRICS.get(getattr(activation, "__name__", ""))
    return [metric] if metric else []


def exact_match(targets: keras.KerasTensor, probabilities: keras.KerasTensor, threshold: float) -> keras.KerasTensor:
    """1 for each of N images whose classes are all found and none besides, else 0.

    Args:
        targets: (N, num_classes), above 0.5 where the image has the class.
        probabilities: (N, num_classes).
        threshold: the probability above which a class counts as found.
    """
    same = keras.ops.equal(keras.ops.greater(targets, 0.5), keras.ops.greater(probabilities, threshold))
    return keras.ops.cast(keras.ops.all(same, axis=-1), "float32")


_OVER_CLASSES = ("categorical_crossentropy", keras.losses.CategoricalCrossentropy)
_CROSS_ENTROPIES = {
    "softmax": _OVER_CLASSES,
    "binary": _OVER_CLASSES,
    "sigmoid": ("binary_crossentropy", keras.losses.BinaryCrossentropy),
}
_ERRORS = {"squared_error": "mean_squared_error", "absolute_error": "mean_absolute_error"}
_SAVED_METRICS = {"softmax": "categorical_accuracy", "sigmoid": "binary_accuracy"}
