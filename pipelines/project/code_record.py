"""Which code made the outputs of a project: the version of the package, and a hash of the code of each stage.

`darkroom-version.yaml` records it where the project is no clone. The stages of its dvc.yaml take their hash as a parameter, so
that DVC runs anew what other code would make. A stage that finds other code than the recorded ends at once: its outputs would
stand under the hash of code that did not make them.
"""

import hashlib
import io
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError
from ruamel.yaml import YAML

from dataprep.core.errors import DarkroomError, in_short
from pipelines.parameters.yaml_reading import load_yaml, read_text
from pipelines.project.derived_graph import RECORD, code_of, derive_graph
from pipelines.project.shipped_files import CODE, SHIPPED_GRAPH, installed_version
from pipelines.workspace.dvc_graph import read_stages

_HEADER = "# What made this project's outputs. DVC compares it; `darkroom upgrade` writes it anew.\n"


class CodeRecord(BaseModel):
    """What the file holds.

    Attributes:
        version: of the package.
        graph: hash of the project's dvc.yaml as that version has it.
        stages: hash of the code of each stage.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    version: str
    graph: str
    stages: dict[str, str]


def installed_record() -> CodeRecord:
    """The record of the package that runs."""
    hashes = {name: installed_code(name) for name in _shipped_stages()}
    graph = derive_graph(SHIPPED_GRAPH.read_text(encoding="utf-8"))
    return CodeRecord(version=installed_version(), graph=hash_text(graph), stages=hashes)


def installed_code(stage: str) -> str:
    """The hash of the code of one stage of the package that runs."""
    return hash_code(CODE, code_of(_shipped_stages()[stage]))


def read_record(path: Path = RECORD) -> CodeRecord | None:
    """The record of the project in the current folder; None in a clone, which has none.

    Raises:
        DarkroomError: it cannot be read.
    """
    if not path.exists():
        return None
    try:
        return CodeRecord.model_validate(load_yaml(read_text(path), path))
    except ValidationError as error:
        raise DarkroomError(
            f"{path} must hold version, graph and stages; it cannot be read ({in_short(error)}). Run: git checkout {path}, or "
            "darkroom upgrade"
        ) from error


def encode_record(record: CodeRecord) -> str:
    """The text of the file."""
    yaml = YAML()
    buffer = io.StringIO()
    yaml.dump(record.model_dump(), buffer)
    return _HEADER + buffer.getvalue()


def changed_stages(old: CodeRecord, new: CodeRecord) -> list[str]:
    """The stages whose code differs, in the order of the new graph."""
    return [name for name, code in new.stages.items() if old.stages.get(name) != code]


def check_code(stage: str | None = None, path: Path = RECORD) -> None:
    """Refuses to run a stage by other code than the project's record says.

    Args:
        stage: whose code alone is compared, which takes a tenth of the time; None = of all stages, and the graph.
        path: of the record.

    Raises:
        DarkroomError: another version is installed, whose code or graph differs; or the record cannot be read.
    """
    old = read_record(path)
    if old is None or (stage is not None and old.stages.get(stage) == installed_code(stage)):
        return
    if (old.graph, old.stages) == ((new := installed_record()).graph, new.stages):
        return
    changed = changed_stages(old, new)
    what = f"the code of {', '.join(changed)}" if changed else "the graph"
    other = f"darkroom {new.version}" if old.version != new.version else "the same version with other code"
    raise DarkroomError(
        f"{path} must be of the darkroom that runs; it is of {old.version}, and {other} is installed, which changed {what}. "
        "Run: darkroom upgrade, or install the earlier one again"
    )


def hash_code(root: Path, places: Sequence[str]) -> str:
    """A hash of files and folders of code, whatever else lies in the folders that Python makes there.

    Args:
        root: the folder that holds the packages.
        places: relative paths; DVC's order of them does not count.
    """
    files: Mapping[str, Path] = {
        str(path.relative_to(root)): path
        for place in places
        for path in ([root / place] if (root / place).is_file() else (root / place).rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }
    listed = "".join(f"{name} {hashlib.sha256(path.read_bytes()).hexdigest()}\n" for name, path in sorted(files.items()))
    return hash_text(listed)


@cache
def _shipped_stages() -> dict[str, dict[str, Any]]:
    return read_stages(SHIPPED_GRAPH)


def hash_text(text: str) -> str:
    """The first 64 bits of the SHA-256 of a text, as 16 hex digits."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]
