"""What is said of a trained network beside its file, for people: layers, settings, and versions of what made it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from dataprep.core.artifacts import Count, Document, read_document


@dataclass(frozen=True, slots=True)
class ChangedSetting:
    """One setting that is not the default one; None where it is off or belongs to a network of another kind."""

    key: str
    value: str | None
    default: str | None


class Layer(Document):
    """One layer, or a network within the network; trained counts those of its weights that training changes.

    The shape is that of what it gives for one image; it is empty where it gives several arrays.
    """

    name: str
    kind: str
    shape: list[Count]
    weights: Count
    trained: Count


class NetworkSheet(Document):
    """What network.json holds.

    Attributes:
        layers: in their order.
        versions: of Python and of the libraries that made the network.
        environment: what the machine could change.
        settings: the sections of params.yaml by which it was made.
        pretrained: source and sha256 of weights that were there before; empty where there are none.
    """

    format_version: Literal[1] = 1
    layers: list[Layer]
    versions: dict[str, str]
    environment: dict[str, str | int]
    settings: dict[str, dict[str, Any]]
    pretrained: dict[str, str]

    @property
    def weights(self) -> int:
        return sum(layer.weights for layer in self.layers)

    @property
    def trained(self) -> int:
        return sum(layer.trained for layer in self.layers)

    def listed_settings(self) -> dict[str, str]:
        """Every value by its key, as `train.optimizer.kind`; operations that are off are left out."""
        return _listed(self.settings)

    def changed_settings(self, defaults: Mapping[str, Mapping[str, Any]]) -> list["ChangedSetting"]:
        """The settings that differ from the default ones, sorted by key.

        Args:
            defaults: the same sections of params.yaml as it is shipped.
        """
        own, default = self.listed_settings(), _listed(defaults)
        return [
            ChangedSetting(key, own.get(key), default.get(key))
            for key in sorted(own.keys() | default.keys())
            if own.get(key) != default.get(key)
        ]


def read_network_sheet(path: Path) -> NetworkSheet:
    """Reads network.json.

    Raises:
        ArtifactError: it is missing or damaged.
    """
    return read_document(path, NetworkSheet, stage="train")


def _listed(settings: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    return dict(pair for name, section in settings.items() for pair in _flat(section, name))


def _flat(section: Mapping[str, Any], where: str) -> Iterator[tuple[str, str]]:
    if section.get("probability") == 0:
        return
    for key, value in section.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{where}.{key}")
        else:
            yield f"{where}.{key}", _in_words(value)


def _in_words(value: object) -> str:
    """A value as params.yaml writes it, but for what is empty."""
    if isinstance(value, list):
        return ", ".join(map(_in_words, value)) or "none"
    return {"True": "true", "False": "false", "None": "none", "{}": "none"}.get(str(value), str(value))
