"""Digests of what the transforms make of a few made-up images.

`python -m tests.dataprep.prepare.golden_pixels` writes them anew; see `PIXELS_VERSION` in dataprep/config/prepare.py.
"""

import itertools
import json
from typing import Any, get_args

import numpy as np

from dataprep.config.prepare import PIXELS_VERSION, PrepareConfig, ResizeConfig
from dataprep.core.rng import uniforms_for
from dataprep.decode.image import Pixels, digest_pixels
from dataprep.prepare.transforms import steps_of
from tests.closure import ROOT

GOLDEN = ROOT / "tests/golden/pixels.json"

SHAPES = ((28, 28, 1), (95, 100, 1), (40, 23, 3), (3, 70, 3), (200, 150, 1))

_PLAIN: dict[str, Any] = {
    "image_size": (32, 32),
    "color": "gray",
    "resize": {"mode": "stretch", "interpolation": "cubic", "pad_value": 9},
    "denoise_px": 0,
    "equalise": "off",
    "saturate": {"method": "off", "threshold": 150, "window_px": 15, "ink": "dark", "output": "keep_ink"},
    "invert": False,
    "images_per_shard": 1,
    "mib_per_shard": 64,
}


def made_up(shape: tuple[int, int, int]) -> Pixels:
    """A disc on noisy paper; from SplitMix64 and whole numbers, so that no other version of numpy draws it otherwise."""
    height, width, num_channels = shape
    noise = uniforms_for(np.arange(height * width * num_channels, dtype=np.uint64), 4, "golden", *shape)
    rows, columns, channels = np.indices(shape)
    disc = (2 * rows - height) ** 2 + (2 * columns - width) ** 2 < height * width // 3
    paper: Pixels = (170 + channels * 20 - 120 * disc + noise.reshape(shape) * 40).astype(np.uint8)
    return paper


def digests() -> dict[str, str]:
    """For each config, a digest over the pictures of every step, of all images."""
    found = {}
    for name, changes in _configs().items():
        config = PrepareConfig.model_validate({**_PLAIN, **changes})
        pictures = itertools.chain.from_iterable(steps_of(made_up(shape), config) for shape in SHAPES)
        joined = "".join(digest_pixels(picture) for _, picture in pictures)
        found[name] = digest_pixels(np.frombuffer(joined.encode(), dtype=np.uint8).reshape(1, -1, 1))
    return found


def _configs() -> dict[str, dict[str, Any]]:
    modes = itertools.product(*(get_args(ResizeConfig.model_fields[name].annotation) for name in ("mode", "interpolation")))
    inks = itertools.product(("threshold", "otsu", "sauvola"), ("dark", "light"), ("keep_ink", "binary"))
    return {
        "rgb": {"color": "rgb"},
        **{f"{mode} {name}": {"resize": {"mode": mode, "interpolation": name, "pad_value": 9}} for mode, name in modes},
        **{f"denoise {side}": {"denoise_px": side} for side in (3, 5, 7)},
        **{
            f"saturate {method} {ink}{' binary' if output == 'binary' else ''}": {
                "saturate": {"method": method, "threshold": 150, "window_px": 15, "ink": ink, "output": output}
            }
            for method, ink, output in inks
        },
        "equalise": {"equalise": "clahe"},
        "equalise rgb": {"equalise": "clahe", "color": "rgb"},
        "invert": {"invert": True},
        "everything": {
            "image_size": (96, 96),
            "resize": {"mode": "pad", "interpolation": "lanczos", "pad_value": 255},
            "denoise_px": 3,
            "saturate": {"method": "otsu", "threshold": 0, "window_px": 15, "ink": "dark", "output": "keep_ink"},
            "invert": True,
        },
    }


def main() -> None:
    GOLDEN.parent.mkdir(exist_ok=True)
    GOLDEN.write_text(json.dumps({"pixels_version": PIXELS_VERSION, "digests": digests()}, indent=1) + "\n")


if __name__ == "__main__":
    main()
