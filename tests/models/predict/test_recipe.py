import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dataprep.config.decode import Decoding
from dataprep.core.errors import ArtifactError
from dataprep.store.shards import ShardIndex
from models.predict.recipe import read_preparation
from models.train.model_file import RECIPE, recipe_of
from pipelines.parameters.params import Params


@pytest.fixture
def index(params: Params) -> ShardIndex:
    decode = Decoding(**params.ingest.decode.model_dump(), levels={"uint12": (0.0, 4095.0)})
    return ShardIndex(shape=(16, 16, 1), class_names=["a", "b"], decode=decode, prepare=params.prepare.pixels, shards=[])


def write_model(folder: Path, metadata: object) -> Path:
    """A file with the members of a model, of which only the metadata can be read."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("metadata.json", json.dumps(metadata))
        archive.writestr("config.json", "{}")
        archive.writestr("model.weights.h5", b"")
    path = folder / "model.keras"
    path.write_bytes(buffer.getvalue())
    return path


def test_all_that_preparation_needs_comes_back(index: ShardIndex, tmp_path: Path) -> None:
    assert read_preparation(write_model(tmp_path, {RECIPE: {**recipe_of(index), "model": {"head": "softmax"}}})) == index


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda recipe: recipe.update(version=1), "under 'darkroom.version', 2; it says 1"),
        (lambda recipe: recipe.update(pixels_version=0), "pixels version 1, which this version prepares; it says 0"),
        (lambda recipe: recipe.pop("pixels_version"), "darkroom.pixels_version: Field required"),
        (lambda recipe: recipe["prepare"].update(image_size=[0, 8]), "darkroom.prepare.image_size: must be"),
        (lambda recipe: recipe["prepare"].update(image_size="\n"), "darkroom.prepare.image_size"),
        (lambda recipe: recipe["decode"].pop("levels"), "darkroom.decode.levels: Field required"),
        (lambda recipe: recipe.update(class_names=["a", "a"]), "darkroom.class_names: each class must be listed once"),
    ],
)
def test_what_a_stranger_s_recipe_says_is_one_line(
    change: Callable[[Any], None], message: str, index: ShardIndex, tmp_path: Path
) -> None:
    recipe = json.loads(json.dumps(recipe_of(index)))
    change(recipe)
    with pytest.raises(ArtifactError) as raised:
        read_preparation(write_model(tmp_path, {RECIPE: recipe}))
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_model_without_a_recipe_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="what it was trained on; it does not"):
        read_preparation(write_model(tmp_path, {"keras_version": "3"}))
    with pytest.raises(ArtifactError, match="is missing"):
        read_preparation(tmp_path / "none.keras")
    (tmp_path / "cut.keras").write_bytes(write_model(tmp_path, {}).read_bytes()[:100])
    with pytest.raises(ArtifactError, match="cannot be loaded as a Keras model"):
        read_preparation(tmp_path / "cut.keras")
