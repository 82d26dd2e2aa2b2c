"""Saliency maps: what in an image spoke for the class that the network read.

Grad-CAM: the outputs of the last convolution are added up, each weighed by the mean gradient that the score of the predicted
class has at it; what is below 0 speaks for other classes and is left out. The score is taken before softmax, whose gradient
vanishes where the network is sure.

Source: R. R. Selvaraju et al., Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization, 2017.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

import cv2
import keras
import numpy as np
import polars as pl
import tensorflow as tf
from numpy.typing import NDArray

from dataprep.core.artifacts import Place
from dataprep.decode.image import Pixels
from dataprep.store.shards import ShardReader, read_index
from models.evaluate.predict import Classifier
from models.evaluate.saliency_table import LARGEST_PX, SALIENCY
from models.layers.leaf_layers import leaf_layers

HeatFunction: TypeAlias = Callable[[Pixels], list[NDArray[np.uint8]] | None]

MOST_IMAGES = 300
_AT_ONCE = 32  # images; the outputs of all layers are held for these


def measure_saliency(classifier: Classifier, prepared: Place, ids: list[str]) -> pl.DataFrame:
    """Maps of images, at most `MOST_IMAGES`, by id.

    Args:
        classifier: of trees there are none, nor of a network without a convolution.
        prepared: the folder of the shards.
        ids: the images, the most telling first.
    """
    chosen = sorted(ids[:MOST_IMAGES])
    layers = [] if classifier.trees else convolutions(classifier.network)
    rows: list[tuple[str, int, int, bytes]] = []
    if layers and chosen:
        images = _read(prepared, chosen)
        heat_maps = heat_function(classifier.network, layers)
        for start in range(0, len(chosen), _AT_ONCE):
            maps = heat_maps(images[start : start + _AT_ONCE])
            for image_id, heat in zip(chosen[start:], maps if maps is not None else (), strict=False):
                rows.append((image_id, *heat.shape, heat.tobytes()))
    return pl.DataFrame(rows, schema=SALIENCY.columns, orient="row")


def heat_function(network: keras.Model, layers: list[keras.Layer]) -> HeatFunction:
    """What makes the maps of images: (N, H, W, C) to one map (h, w) for each, 0 to 255; None where no layer is on the way.

    It is compiled at its first call. Step by step, one image takes 15 ms of a quiet processor and 100 of a busy one.

    Args:
        network: gives probabilities.
        layers: convolutions, the last first; a decoder stands beside the way to the class.
    """

    def outputs_and_gradients(images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor] | None:
        for layer in layers:
            with tf.GradientTape() as tape, _recorded(layer, tape) as outputs, _before_softmax(network):
                scores = network(images, training=False)
                score = tf.reduce_sum(tf.reduce_max(tf.cast(scores, tf.float32), axis=1))
            gradients = tape.gradient(score, outputs[-1]) if outputs else None
            if gradients is not None:
                return outputs[-1], gradients
        return None

    compiled = tf.function(outputs_and_gradients, reduce_retracing=True)

    def heat_maps(images: Pixels) -> list[NDArray[np.uint8]] | None:
        found = compiled(tf.constant(images))
        return None if found is None else [_scaled(heat) for heat in _weighed(*map(np.asarray, found))]

    return heat_maps


def _weighed(outputs: NDArray[Any], gradients: NDArray[Any]) -> NDArray[np.float32]:
    """(N, h, w, channels) each to (N, h, w), what speaks for the class."""
    weights = gradients.astype(np.float32).mean(axis=(1, 2), keepdims=True)
    speaks: NDArray[np.float32] = np.maximum((outputs.astype(np.float32) * weights).sum(axis=3), 0)
    return speaks


def _scaled(heat: NDArray[np.float32]) -> NDArray[np.uint8]:
    """(h, w) to at most `LARGEST_PX` and 0 to 255; what is 0 everywhere stays so."""
    height, width = (min(side, LARGEST_PX) for side in heat.shape)
    small = cv2.resize(heat, (width, height), interpolation=cv2.INTER_AREA) if heat.shape != (height, width) else heat
    top = float(small.max())
    scaled: NDArray[np.uint8] = np.rint(small * (255 / top if top > 0 else 0)).astype(np.uint8)
    return scaled


def convolutions(network: keras.Model) -> list[keras.Layer]:
    """The convolutions whose outputs have places, also those within networks, the last first."""
    found = [layer for layer in leaf_layers(network) if "Conv" in type(layer).__name__ and _has_places(layer)]
    return list(dict.fromkeys(reversed(found)))


def _has_places(layer: keras.Layer) -> bool:
    shape = layer.output.shape
    return len(shape) == 4 and min(shape[1:3]) > 1


@contextmanager
def _recorded(layer: keras.Layer, tape: tf.GradientTape) -> Iterator[list[tf.Tensor]]:
    """While it lasts, what a layer gives is kept and watched, wherever in the network it stands."""
    outputs: list[tf.Tensor] = []
    call = layer.call

    def keep(*args: object, **options: object) -> tf.Tensor:
        given = call(*args, **options)
        tape.watch(given)
        outputs.append(given)
        return given

    layer.call = keep
    try:
        yield outputs
    finally:
        layer.call = call


@contextmanager
def _before_softmax(network: keras.Model) -> Iterator[None]:
    """While it lasts, the network gives what stands before its last activation."""
    last = list(leaf_layers(network))[-1]
    activation = getattr(last, "activation", None)
    if activation is None:
        yield
        return
    last.activation = keras.activations.linear
    try:
        yield
    finally:
        last.activation = activation


def _read(prepared: Place, ids: list[str]) -> Pixels:
    """(N, H, W, C) of some images, in the order of their ids, which is ascending."""
    index = read_index(prepared, stage="prepare")
    places = {image_id: number for number, image_id in enumerate(ids)}
    images = np.zeros((len(ids), *index.shape), dtype=np.uint8)
    for entry in index.shards:
        with ShardReader(prepared, entry, index.layout, stage="prepare") as shard:
            for row, image_id in enumerate(shard.ids()):
                if image_id in places:
                    shard.read_into(images[places[image_id] : places[image_id] + 1], row)
    return images
