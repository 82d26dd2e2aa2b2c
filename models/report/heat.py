"""Saliency maps as pictures that lie over an image: clear where there is nothing, red where most is."""

import base64
import io

import numpy as np
import polars as pl
from PIL import Image

_LEVELS = 16  # a picture of 16 colours has half a byte per pixel
_FAINT, _STRONG = np.array([255, 214, 10]), np.array([230, 20, 20])
_MOST_OPAQUE = 190


def heat_addresses(saliency: pl.DataFrame) -> dict[str, str]:
    """Data addresses by id.

    Args:
        saliency: the table of saliency maps.
    """
    return {
        image_id: heat_address(np.frombuffer(heat, dtype=np.uint8).reshape(height, width))
        for image_id, height, width, heat in saliency.iter_rows()
    }


def heat_address(heat: "np.ndarray[tuple[int, int], np.dtype[np.uint8]]") -> str:
    """The data address of one map, (h, w) uint8."""
    part = np.linspace(0, 1, _LEVELS)[:, np.newaxis]
    colors = np.rint(_FAINT * (1 - part) + _STRONG * part).astype(np.uint8)
    picture = Image.frombytes("P", heat.shape[::-1], (heat // (256 // _LEVELS)).tobytes())
    picture.putpalette(colors.tobytes())
    opacity = bytes(np.rint(_MOST_OPAQUE * part[:, 0]).astype(np.uint8))
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG", optimize=True, transparency=opacity, bits=4)
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"
