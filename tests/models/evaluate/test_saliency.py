from pathlib import Path

import keras
import numpy as np
import pytest

from dataprep.core.artifacts import encode_table, write_bytes
from dataprep.core.errors import ArtifactError
from dataprep.store.shards import ShardReader, read_index
from models.evaluate.predict import Classifier
from models.evaluate.saliency import convolutions, heat_function, measure_saliency
from models.evaluate.saliency_table import LARGEST_PX, SALIENCY, read_saliency


def network_of_lines(side: int = 16) -> keras.Model:
    """Class 0 is upright lines, class 1 lying ones; it is so sure that softmax is flat."""
    image = keras.Input((side, side, 1))
    lines = keras.layers.Conv2D(2, 3, padding="same", activation="relu", use_bias=False, name="lines")
    pooled = keras.layers.GlobalMaxPooling2D()(lines(image))
    head = keras.layers.Dense(2, activation="softmax", use_bias=False, name="probabilities")
    network = keras.Model(image, head(pooled))
    upright = np.array([[-1.0, 2.0, -1.0]] * 3)
    lines.set_weights([np.stack([upright, upright.T], axis=2)[:, :, np.newaxis]])
    head.set_weights([np.array([[1.0, -1.0], [-1.0, 1.0]])])
    return network


def both_lines() -> np.ndarray:
    """An upright line on the left and a lying one at the bottom right: in one image the first is lighter, then the second."""
    images = np.zeros((2, 16, 16, 1), dtype=np.uint8)
    for image, (upright, lying) in zip(images, ((250, 120), (120, 250)), strict=True):
        image[3:9, 4], image[12, 8:14] = upright, lying
    return images


def nested(inner: keras.Model) -> keras.Model:
    image = keras.Input((16, 16, 1))
    return keras.Model(image, inner(image))


@pytest.mark.parametrize("wrap", [lambda network: network, nested], ids=["as it is", "within another"])
def test_the_map_is_where_the_class_was_seen(wrap: "type[keras.Model]") -> None:
    network = wrap(network_of_lines())
    assert network.predict_on_batch(both_lines()).max(axis=1) == pytest.approx(1.0)
    upright, lying = heat_function(network, convolutions(network))(both_lines()) or []
    assert upright.shape == (16, 16)
    assert (upright[6, 4], upright[12, 11]) == (255, 0)
    assert (lying[12, 11], lying[6, 4]) == (255, 0)
    assert network.predict_on_batch(both_lines()).max(axis=1) == pytest.approx(1.0)  # the network is as it was


def test_a_convolution_beside_the_way_to_the_class_is_passed_over() -> None:
    network = network_of_lines()
    beside = keras.layers.Conv2D(1, 3, padding="same", name="beside")(network.input)
    branched = keras.Model(network.input, [network.output, beside])
    upright, _ = heat_function(network, [branched.get_layer("beside"), *convolutions(network)])(both_lines()) or []
    assert upright[6, 4] == 255
    assert heat_function(network, [branched.get_layer("beside")])(both_lines()) is None


def test_a_large_map_is_shrunk_and_an_empty_one_stays_empty() -> None:
    network = network_of_lines(80)
    images = np.zeros((1, 80, 80, 1), dtype=np.uint8)
    (nothing,) = heat_function(network, convolutions(network))(images) or []
    assert nothing.shape == (LARGEST_PX, LARGEST_PX)
    assert not nothing.any()


def test_maps_of_images_are_a_table_by_id_and_read_back(tiny: Path, tmp_path: Path) -> None:
    image = keras.Input((8, 8, 1))
    maps = keras.layers.Conv2D(2, 3, strides=2, padding="same")(image)
    outputs = keras.layers.Dense(3, activation="softmax")(keras.layers.Flatten()(maps))
    index = read_index(tiny / "prepared", stage="prepare")
    with ShardReader(tiny / "prepared", index.shards[0], index.layout, stage="prepare") as shard:
        ids = shard.ids()[::-1][:3]
    table = measure_saliency(Classifier(keras.Model(image, outputs), None, None), tiny / "prepared", ids)
    assert table["id"].to_list() == sorted(ids)
    assert table.select("height", "width").unique().row(0) == (4, 4)
    path = tmp_path / "saliency.parquet"
    write_bytes(path, [encode_table(table, SALIENCY)])
    assert read_saliency(path).equals(table)
    write_bytes(path, [encode_table(table.with_columns(height=table["height"] + 1), SALIENCY)])
    with pytest.raises(ArtifactError, match="heat must hold height x width bytes"):
        read_saliency(path)


def test_a_network_without_a_convolution_has_none(tiny: Path) -> None:
    image = keras.Input((8, 8, 1))
    network = keras.Model(image, keras.layers.Dense(3, activation="softmax")(keras.layers.Flatten()(image)))
    assert measure_saliency(Classifier(network, None, None), tiny / "prepared", ["any"]).height == 0
