"""The bytes of a model file: the same network gives the same bytes, on any day and in any process."""

import io
import json
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import keras

from models.train.mixed_precision import unscaled
from models.train.model_file import RECIPE
from models.train.objectives import saved_metrics

_EPOCH_OF_ZIP = (1980, 1, 1, 0, 0, 0)


def encode_model(network: keras.Model, recipe: dict[str, object], beside: Mapping[str, bytes] | None = None) -> bytes:
    """The bytes of a .keras file, without what differs from run to run: the date, memory addresses, the zip's times.

    Args:
        network: from `compile_network`; it is compiled anew.
        recipe: class names and all that was done to the images; kept under "darkroom" in the file's metadata.
        beside: other members of the file, by name.
    """
    network.compile(optimizer=unscaled(network.optimizer), loss=network.loss, metrics=saved_metrics(network), jit_compile=False)
    with tempfile.TemporaryDirectory() as folder:
        saved = Path(folder) / "model.keras"
        network.save(saved)
        return _without_chance(saved.read_bytes(), recipe, beside or {})


def _without_chance(saved: bytes, recipe: dict[str, object], beside: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(saved)) as source, zipfile.ZipFile(buffer, "w") as target:
        members = {**{name: source.read(name) for name in source.namelist()}, **beside}
        for name, content in sorted(members.items()):
            if name == "metadata.json":
                metadata = json.loads(content)
                del metadata["date_saved"]
                content = json.dumps({**metadata, RECIPE: recipe}, sort_keys=True).encode()
            elif name == "config.json":
                content = json.dumps(_numbered(json.loads(content), {})).encode()
            target.writestr(zipfile.ZipInfo(name, date_time=_EPOCH_OF_ZIP), content)
    return buffer.getvalue()


def _numbered(node: object, seen: dict[int, int]) -> object:
    """Replaces each `shared_object_id`, a memory address, by the number of its first appearance."""
    if isinstance(node, list):
        return [_numbered(item, seen) for item in node]
    if isinstance(node, dict):
        return {
            key: seen.setdefault(value, len(seen)) if key == "shared_object_id" else _numbered(value, seen)
            for key, value in node.items()
        }
    return node
