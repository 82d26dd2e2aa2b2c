"""What training minimises, and what it reports beside it: both depend on the network's head."""

from dataclasses import dataclass

import keras

from models.config.model import Head


@dataclass(frozen=True, slots=True)
class Objective:
    """What a network is compiled with.

    Attributes:
        loss: to minimise.
        accuracy: reported as `accuracy` in each epoch.
    """

    loss: str
    accuracy: keras.metrics.Metric


def objective_of(head: Head) -> Objective:
    """The objective of a network with this head."""
    correct = _CORRECT[head]
    return Objective(_LOSSES[head], keras.metrics.MeanMetricWrapper(correct, name="accuracy"))


def saved_metrics(network: keras.Model) -> list[str]:
    """Keras' own metrics for the file of a network: a metric of ours could not be loaded without our code."""
    activation = getattr(network.layers[-1], "activation", None)
    metric = _SAVED_METRICS.get(getattr(activation, "__name__", ""))
    return [metric] if metric else []


def exact_match(targets: keras.KerasTensor, probabilities: keras.KerasTensor) -> keras.KerasTensor:
    """1 for each of N images whose classes are all found and none besides, else 0.

    Args:
        targets: (N, num_classes), above 0.5 where the image has the class.
        probabilities: (N, num_classes), above 0.5 where the network says so.
    """
    same = keras.ops.equal(keras.ops.greater(targets, 0.5), keras.ops.greater(probabilities, 0.5))
    return keras.ops.cast(keras.ops.all(same, axis=-1), "float32")


_LOSSES = {"softmax": "categorical_crossentropy", "binary": "categorical_crossentropy", "sigmoid": "binary_crossentropy"}
_SAVED_METRICS = {"softmax": "categorical_accuracy", "sigmoid": "binary_accuracy"}
_CORRECT = {
    "softmax": keras.metrics.categorical_accuracy,
    "binary": keras.metrics.categorical_accuracy,
    "sigmoid": exact_match,
}
