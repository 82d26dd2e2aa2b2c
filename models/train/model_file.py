"""What a .keras file says of itself, read before Keras sees it: which members it has, how large, and what it was trained on."""

import json
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from dataprep.config.prepare import PIXELS_VERSION
from dataprep.core.artifacts import missing
from dataprep.core.errors import ArtifactError, in_short, shortened
from dataprep.store.shards import ShardIndex
from models.layers.keras_file import open_keras_file

RECIPE = "darkroom"
"""The key of the recipe in metadata.json."""

VERSION = 2
"""Of what stands under that key."""

TREES = "boosted_trees.json"
"""The member with the trees that classify in the place of the network's head; a file without it has none."""

LARGEST_TEXT = 2**26
"""Bytes of a member of JSON, at most."""

_STAGE = "train"


def recipe_of(index: ShardIndex) -> dict[str, object]:
    """What a model must know of the images that it was trained on: class names, and all that was done to them."""
    made_by = {"version": VERSION, "pixels_version": PIXELS_VERSION}
    return {**made_by, **index.model_dump(include={"class_names", "decode", "prepare"}, mode="json")}


@contextmanager
def open_model_file(path: Path) -> Iterator[zipfile.ZipFile]:
    """Opens a .keras file that holds what Darkroom puts there, each once, stored as it is; it may lack the trees.

    Raises:
        ArtifactError: it is missing, no such file, or would be larger unpacked than it is.
    """
    try:
        with open_keras_file(path, partial(model_fault, path), beside={TREES}) as archive:
            yield archive
    except FileNotFoundError as error:
        raise missing(path, _STAGE) from error


def check_recipe(path: Path, archive: zipfile.ZipFile, index: ShardIndex) -> None:
    """Compares what a model was trained on with what it is to see.

    Raises:
        ArtifactError: the file does not say it, or these are other classes or images that were prepared in another way.
    """
    said = read_recipe(path, archive)
    for name, wanted in recipe_of(index).items():
        if said.get(name) != wanted:
            where, theirs, ours = _first_difference(name, said.get(name), wanted)
            raise model_fault(
                path, f"must be trained on the images that it is to see; its {where} is {theirs}, theirs is {ours}"
            )


def read_recipe(path: Path, archive: zipfile.ZipFile) -> dict[str, object]:
    """What a model says it was trained on, and with.

    Raises:
        ArtifactError: the file does not say it, or says it in no JSON, in too much of it, or in another version.
    """
    metadata = _read_json(path, archive, "metadata.json")
    said = metadata.get(RECIPE) if isinstance(metadata, dict) else None
    if not isinstance(said, dict):
        raise model_fault(path, f"must say in metadata.json, under {RECIPE!r}, what it was trained on; it does not")
    if said.get("version") != VERSION:
        raise model_fault(
            path, f"must say in metadata.json, under '{RECIPE}.version', {VERSION}; it says {shortened(said.get('version'))}"
        )
    return said


def read_trees_document(path: Path, archive: zipfile.ZipFile) -> dict[str, object] | None:
    """The JSON of the boosted trees in a model file; None where its head classifies.

    Raises:
        ArtifactError: it is no JSON, or too much of it; it is there and the file says that its head classifies, or the reverse.
    """
    holds, stated = TREES in archive.namelist(), _stated_classifier(read_recipe(path, archive))
    if holds != (stated == "xgboost"):
        wanted = "'xgboost', since it holds" if holds else "'head', since it lacks"
        key = f"{RECIPE}.model.classifier.kind"
        raise model_fault(path, f"must say in metadata.json, under {key!r}, {wanted} {TREES}; it says {shortened(stated)}")
    if not holds:
        return None
    found = _read_json(path, archive, TREES)
    if not isinstance(found, dict):
        raise model_fault(path, f"must hold an object in {TREES}; it holds {shortened(found)}")
    return found


def _stated_classifier(recipe: Mapping[str, object]) -> object:
    """The kind of classifier that a recipe states; None of one without the section `model`, whose head classifies."""
    found: object = recipe
    for key in ("model", "classifier", "kind"):
        found = found.get(key) if isinstance(found, dict) else None
    return found


def _read_json(path: Path, archive: zipfile.ZipFile, name: str) -> object:
    try:
        if archive.getinfo(name).file_size > LARGEST_TEXT:
            raise model_fault(path, f"must have a {name} of at most {LARGEST_TEXT:,} bytes; it is larger")
        found: object = json.loads(archive.read(name))
    except (ValueError, RecursionError, zipfile.BadZipFile, OSError, EOFError, NotImplementedError, RuntimeError) as error:
        raise model_fault(path, f"cannot be loaded as a Keras model ({name}: {in_short(error)})") from error
    return found


def _first_difference(name: str, said: Any, wanted: Any) -> tuple[str, str, str]:
    """The first setting that differs, and both of its values."""
    if isinstance(said, dict) and isinstance(wanted, dict):
        for key in wanted:
            if said.get(key) != wanted[key]:
                return _first_difference(f"{name}.{key}", said.get(key), wanted[key])
    return name, shortened(said), shortened(wanted)


def model_fault(path: Path, what: str) -> ArtifactError:
    """What is wrong with a model file, and how a new one is made."""
    return ArtifactError(f"{path} {what}. Run: dvc repro {_STAGE}")
