"""A project brought to the package that is installed now: its graph, its record of the code, new keys in its parameters."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dataprep.core.artifacts import write_files
from dataprep.core.errors import DarkroomError, ParamsError
from pipelines.parameters.commented_params import load_commented, text_of
from pipelines.parameters.params import PARAMS_FILE, check_params
from pipelines.parameters.yaml_reading import load_yaml, read_text
from pipelines.project.code_record import CodeRecord, changed_stages, encode_record, hash_text, installed_record, read_record
from pipelines.project.derived_graph import RECORD, derive_graph
from pipelines.project.recipes import default_text, differences, lay_over
from pipelines.project.shipped_files import SHIPPED_GRAPH
from pipelines.workspace.dvc_graph import DVC_FILE


@dataclass(frozen=True, slots=True)
class Upgrade:
    """What an upgrade changes.

    Attributes:
        old: the record that stood.
        new: that of the installed package.
        changed: stages whose code differs, which the next `dvc repro` runs.
        added: keys that params.yaml lacked, as `section.key = value`.
    """

    old: CodeRecord
    new: CodeRecord
    changed: list[str]
    added: list[str]


def upgrade_project(*, replace: bool) -> Upgrade:
    """Writes dvc.yaml and the record anew, and params.yaml where it lacks keys; all or nothing.

    Args:
        replace: also a dvc.yaml that was changed by hand.

    Raises:
        DarkroomError: the current folder is no such project, its dvc.yaml was changed by hand, or its parameters cannot be.
    """
    old = read_record()
    if old is None:
        raise DarkroomError(
            f"{RECORD} must be in the current folder; it is not. A clone runs its own code: upgrade it with git pull"
        )
    new = installed_record()
    if not replace and DVC_FILE.is_file() and hash_text(read_text(DVC_FILE)) not in (old.graph, new.graph):
        raise DarkroomError(
            f"{DVC_FILE} must be as darkroom wrote it; it was changed since. Commit it, run: darkroom upgrade --replace, and "
            "bring your changes in again"
        )
    params, added = _with_new_keys(read_text(PARAMS_FILE))
    texts = {
        DVC_FILE: derive_graph(read_text(SHIPPED_GRAPH)),
        RECORD: encode_record(new),
        **({PARAMS_FILE: params} if added else {}),
    }
    write_files({path: text.encode() for path, text in texts.items()})
    return Upgrade(old, new, changed_stages(old, new), added)


def _with_new_keys(text: str) -> tuple[str, list[str]]:
    """params.yaml with the keys that it lacks, which are written into the defaults as shipped: with their comments."""
    old = load_yaml(text, PARAMS_FILE)
    try:
        check_params(text, PARAMS_FILE)
    except ParamsError:
        if not isinstance(old, Mapping):
            raise
    else:
        return text, []
    params = load_commented(default_text())
    lay_over(params, old)
    whole = text_of(params)
    check_params(whole, Path(PARAMS_FILE))
    changes = differences(old, load_yaml(whole, PARAMS_FILE))
    return whole, [change.replace(": none -> ", " = ", 1) for change in changes]
