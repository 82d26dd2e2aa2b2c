"""From prepared images to what a backbone takes."""

import keras


def rgb_levels(images: keras.KerasTensor, *, side: int, interpolation: str) -> keras.KerasTensor:
    """Makes (N, side, side, 3) levels of (N, H, W, C) ones, of 0 to 255 as float32; gray images get three equal channels.

    Args:
        images: of one or three channels.
        side: height and width wanted; proportions are not kept.
        interpolation: as `keras.layers.Resizing` names it. Images are not smoothed before they are made smaller.
    """
    x = images
    if images.shape[-1] == 1:
        x = keras.layers.Concatenate(name="gray_to_rgb")([x, x, x])
    return keras.layers.Resizing(side, side, interpolation=interpolation, name="resized")(x)
