"""The autoencoder inside a network: its parts, by the names under which training, evaluation and other kinds find them."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras

AUTOENCODER = "autoencoder"
"""The layer that is the autoencoder: gray levels (N, H, W, C) to two outputs, the code and clean images (N, H, W, C)."""

LEVELS = "levels"
"""The layer before it."""

CODE = "code"
"""The layer whose output is the code: inside the autoencoder, and once more in the network around it."""

NOISE = "noise"
"""The layer inside that adds noise in training, its standard deviation as a fraction of 255."""


def autoencoder_of(network: "keras.Model") -> "keras.Model | None":
    """The autoencoder of a network of that kind; None of any other network."""
    found = next((layer for layer in network.layers if layer.name == AUTOENCODER), None)
    inside = {layer.name for layer in getattr(found, "layers", [])}
    return found if {CODE, NOISE} <= inside else None


def encoder_of(autoencoder: "keras.Model") -> "keras.Model":
    """Its encoder without the noise: gray levels (N, H, W, C) to the code as a vector (N, F). It shares the layers."""
    import keras

    encoder = keras.Model(autoencoder.get_layer(NOISE).output, autoencoder.get_layer(CODE).output)
    levels = keras.Input(autoencoder.input_shape[1:], name=LEVELS)
    fractions = keras.layers.Rescaling(1 / 255, name="scaled")(levels)
    return keras.Model(levels, keras.layers.Flatten(name="flatten")(encoder(fractions)), name="encoder")


def noise_std(autoencoder: "keras.Model") -> float:
    """The standard deviation of the noise that it was trained to remove, in gray levels."""
    fraction: float = autoencoder.get_layer(NOISE).stddev
    return round(255 * fraction, 6)
