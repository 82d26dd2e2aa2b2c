"""Versions of the model: a record of each, which Git keeps, and the files of the one that is published.

    versions/0003.json         scores of version 3, what changed since version 2, what the gate said
    published/v3/model.keras   the published model with its tables and its report
    published/current.json     {"number": 3}: written last, so the files that it names are whole

`artifacts/model.keras` is the model of the last run, whether it may be used or not. `published/` holds the last that passed.
"""

import hashlib
import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from dataprep.config.base import SPLITS, SplitName
from dataprep.core.artifacts import D, Document, read_document, write_document
from dataprep.core.errors import ArtifactError
from models.compare.data_changes import DataCounts
from models.compare.drift import Drift
from models.compare.gate import Judgement
from models.diagnose.metrics import Accuracy
from pipelines.workspace.dvc_graph import output_path

VERSIONS = Path("versions")
PUBLISHED = Path("published")
TAG = "model-v"

KEPT = (
    ("train", "model.keras"),
    ("evaluate", "reference.npz"),
    ("evaluate", "predictions.parquet"),
    ("ingest", "manifest.parquet"),
    ("split", "split.parquet"),
    ("diagnose", "metrics.json"),
    ("diagnose", "diagnosis.json"),
    ("diagnose", "index.html"),
)
"""Stage and name of each output that is kept of a published version."""

_CURRENT = PUBLISHED / "current.json"
_MEND = "darkroom restore NUMBER, with one of darkroom history; or, to begin anew: rm -r published"
_RECORD = re.compile(r"\d{4,}\.json")


class Version(Document):
    """What versions/<number>.json holds."""

    format_version: Literal[1] = 1
    number: Annotated[int, Field(ge=1)]
    model: str  # MD5 of model.keras, as in dvc.lock
    data: str  # MD5 of manifest.parquet
    scores: dict[SplitName, Accuracy]
    changes: DataCounts  # since the version before
    drift: Drift
    judgement: Judgement

    @property
    def tag(self) -> str:
        return f"{TAG}{self.number}"


class _Current(Document):
    format_version: Literal[1] = 1
    number: Annotated[int, Field(ge=1)]


@dataclass(frozen=True, slots=True)
class Published:
    """The version that is published."""

    version: Version
    folder: Path

    def file(self, name: str) -> Path:
        return self.folder / name


def record_path(number: int) -> Path:
    return VERSIONS / f"{number:04d}.json"


def folder_of(number: int) -> Path:
    return PUBLISHED / f"v{number}"


def read_version(path: Path) -> Version:
    """Reads the record of a version.

    Raises:
        ArtifactError: it is missing, or no such record.
    """
    return _read(path, Version, f"git checkout {path}")


def _read(path: Path, kind: type[D], mend: str) -> D:
    """Reads a document that no stage makes."""
    try:
        return read_document(path, kind, stage="")
    except ArtifactError as error:
        raise ArtifactError(
            f"{path} must be a whole {kind.__name__} of this version of Darkroom; it is not. Run: {mend}"
        ) from error


def _read_current() -> int | None:
    """The number of the published version; None before the first."""
    return _read(_CURRENT, _Current, _MEND).number if _CURRENT.is_file() else None


def read_versions() -> list[Version]:
    """All records, the first version first.

    Raises:
        ArtifactError: one cannot be read.
    """
    paths = [path for path in VERSIONS.glob("*.json") if _RECORD.fullmatch(path.name)] if VERSIONS.is_dir() else []
    return sorted((read_version(path) for path in paths), key=lambda own: own.number)


def published_version() -> Published | None:
    """The published version; None before the first.

    Raises:
        ArtifactError: its files are damaged.
    """
    number = _read_current()
    if number is None:
        return None
    folder = folder_of(number)
    return Published(_read(folder / "version.json", Version, _MEND), folder)


def next_number(tags: Iterable[str]) -> int:
    """The number of the next version: above all records, tags and published files.

    >>> next_number(["model-v7", "v9", "model-vx"])
    8
    """
    tagged = [int(tag.removeprefix(TAG)) for tag in tags if re.fullmatch(rf"{TAG}\d+", tag)]
    recorded = [int(path.stem) for path in VERSIONS.glob("*.json") if _RECORD.fullmatch(path.name)]
    return max([0, *tagged, *recorded, _read_current() or 0]) + 1


def md5_of(path: Path) -> str:
    """The MD5 of a file, which dvc.lock has for it."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def keep_files(version: Version) -> Path:
    """Copies the outputs of the run beside the published version; nothing is published by that.

    Returns:
        The folder.
    """
    folder = folder_of(version.number)
    shutil.rmtree(folder, ignore_errors=True)  # of a run that was killed
    folder.mkdir(parents=True)
    for stage, name in KEPT:
        shutil.copyfile(output_path(stage, name), folder / name)
    write_document(folder / "version.json", version)
    return folder


def switch_to(version: Version) -> None:
    """Publishes files that `keep_files` has copied, and then removes those of other versions."""
    write_document(_CURRENT, _Current(number=version.number))
    for other in PUBLISHED.glob("v*"):
        if other != folder_of(version.number):
            shutil.rmtree(other, ignore_errors=True)


def scores_in_words(version: Version) -> str:
    """For example `test 0.9887 (0.9715 to 0.9956; 357 images), validation ...`."""
    return ", ".join(f"{split} {version.scores[split].in_words}" for split in reversed(SPLITS[1:]))
