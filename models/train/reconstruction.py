"""An autoencoder in training: it learns to give clean images, while a head learns to classify by its code.

Both are fitted at once, and the loss is the sum of the two. No gradient goes from the head into the code, so the code is learnt
without labels: the head is a probe of it.
"""

import keras

from models.layers.autoencoder_lookup import AUTOENCODER, CODE, LEVELS, autoencoder_of


def in_training(network: keras.Model) -> keras.Model:
    """The network to be fitted: the network itself, or for one with an autoencoder another that shares its layers.

    Returns:
        Not compiled, where it is another.
    """
    if autoencoder_of(network) is None:
        return network
    code, clean = network.get_layer(AUTOENCODER)(network.get_layer(LEVELS).output)
    head = keras.Model(network.get_layer(CODE).output, network.output)
    return _Reconstructing(network.input, [head(keras.ops.stop_gradient(code)), clean], name="reconstruction")


class _Reconstructing(keras.Model):  # type: ignore[misc]  # Keras has no types
    """Images (N, H, W, C) to probabilities and clean images; it is compiled with the loss and the metrics of the former."""

    def compute_loss(
        self,
        x: keras.KerasTensor,
        y: keras.KerasTensor,
        y_pred: list[keras.KerasTensor],
        sample_weight: keras.KerasTensor | None = None,
        training: bool = True,  # noqa: FBT001, FBT002  # as Keras calls it
    ) -> keras.KerasTensor:
        """The loss of the probabilities, and the mean squared error of the clean images as fractions of 255."""
        probabilities, clean = y_pred
        missed = (keras.ops.cast(clean, "float32") - keras.ops.cast(x, "float32")) / 255
        return super().compute_loss(x, y, probabilities, sample_weight, training) + keras.ops.mean(keras.ops.square(missed))

    def compute_metrics(
        self,
        x: keras.KerasTensor,
        y: keras.KerasTensor,
        y_pred: list[keras.KerasTensor],
        sample_weight: keras.KerasTensor | None = None,
    ) -> dict[str, float]:
        """The metrics of the probabilities."""
        return super().compute_metrics(x, y, y_pred[0], sample_weight)  # type: ignore[no-any-return]
