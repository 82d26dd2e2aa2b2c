"""dvc.lock and the copy of the last whole one: DVC writes it in place, so that a kill may leave a part of it.

Under DVC a stage starts after DVC has read dvc.lock, so each stage keeps a copy at its start. The copy needs no parser there:
what a kill leaves is the beginning of a file, and that is seen at its end.
"""

import contextlib
import re
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from dataprep.core.artifacts import write_bytes
from pipelines.parameters.params import PARAMS_FILE

DVC_LOCK = Path("dvc.lock")
LOCK_COPY = Path(".darkroom/dvc.lock")

_CONFLICT = re.compile(rb"^(<<<<<<<|=======|>>>>>>>)( |$)", re.MULTILINE)
_LAST_LINE = re.compile(rb"\n      (size|nfiles|isexec): \w+\n\Z")


def keep_copy(lock: Path = DVC_LOCK, copy: Path = LOCK_COPY) -> None:
    """Copies dvc.lock, if it is whole and was changed since the last copy; where that cannot be done, the old copy stays."""
    with contextlib.suppress(OSError):  # no reason to end a stage, which meets a full disk itself
        content = lock.read_bytes()
        if looks_whole(content) and not (copy.is_file() and copy.read_bytes() == content):
            write_bytes(copy, [content])


def locked_source(lock: Path = DVC_LOCK) -> str | None:
    """The `ingest.source` of the last run of ingest; None where dvc.lock does not say."""
    try:
        stages = YAML(typ="safe").load(lock.read_text(encoding="utf-8"))["stages"]
        source = stages["ingest"]["params"][PARAMS_FILE.name]["ingest"]["source"]
    except (OSError, ValueError, LookupError, TypeError, YAMLError):
        return None
    return source if isinstance(source, str) else None


def looks_whole(content: bytes) -> bool:
    r"""Whether a dvc.lock has its beginning and its end and no marks of a merge.

    >>> lock = b"schema: '2.0'\nstages:\n  split:\n    cmd: a\n    outs:\n    - path: b\n      hash: md5\n      size: 12\n"
    >>> looks_whole(lock), looks_whole(lock[:-1]), looks_whole(b""), looks_whole(lock.replace(b"  split:", b"======="))
    (True, False, False, False)
    """
    return content.startswith(b"schema:") and has_end(content) and not has_conflict(content)


def has_end(content: bytes) -> bool:
    """Whether the last stage lists what it made, and its last line is one with which DVC ends an output."""
    return content.rfind(b"\n    outs:\n") > content.rfind(b"\n    cmd:") and _LAST_LINE.search(content[-200:]) is not None


def has_conflict(content: bytes) -> bool:
    """Whether there are the marks that Git leaves where two versions differ."""
    return _CONFLICT.search(content) is not None
