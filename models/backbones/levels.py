"""From prepared images to what a backbone takes."""

import keras


def rgb_levels(images: keras.KerasTensor, *, side: int, interpolation: str) -> keras.KerasTensor:
    """Makes (N, side, side, 3) float32 levels of 0 to 255 from (N, H, W, C) uint8 images; gray ones get three equal channels.

    Args:
        images: of one or three channels.
        side: height and width wanted; proportions are not kept.
        interpolation: as `keras.layers.Resizing` names it. Images are not smoothed before they are made smaller.
    """
    x = keras.layers.Rescaling(1.0, name="levels")(images)  # as float32
    if images.shape[-1] == 1:
        x = keras.layers.Concatenate(name="gray_to_rgb")([x, x, x])
    return keras.layers.Resizing(side, side, interpolation=interpolation, name="resized")(x)
