"""When the source has changed and is quiet again, so that a rebuild does not begin amid an upload.

    0 s  files A        as at the last run: nothing
    30 s files B        changed
    60 s files C        still changing: wait again
    90 s files C        quiet for 30 s: start a run

The source is listed again and again, as ingest lists it: names, sizes and times. That works on every file system and URL, where
notices of the system's kernel (inotify) do not.
"""

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

from dataprep.source.raw_folder import list_source
from pipelines.parameters.params import read_params
from pipelines.workspace.dvc_graph import option_value
from pipelines.workspace.raw_folder import locate_raw_folder


@dataclass(frozen=True, slots=True)
class Watch:
    """What a watcher knows.

    Attributes:
        quiet_seconds: how long nothing may change before a run starts.
        handled: the state of the source for which a run was started last; None before the first.
        seen: the state that was seen last.
        since: when that was first seen, in seconds of any clock.
    """

    quiet_seconds: float
    handled: str | None = None
    seen: str | None = None
    since: float = 0.0


def look(watch: Watch, state: str, now: float) -> tuple[Watch, bool]:
    """Takes note of the source.

    Args:
        watch: what was known.
        state: of the source now.
        now: seconds.

    Returns:
        What is known now, and whether a run is to start.
    """
    if state != watch.seen:
        watch = replace(watch, seen=state, since=now)
    is_due = state != watch.handled and now - watch.since >= watch.quiet_seconds
    return (replace(watch, handled=state) if is_due else watch), is_due


def state_of_source() -> str:
    """A hash of the list of files that params.yaml names: paths, sizes, times.

    Raises:
        DarkroomError: params.yaml or the source cannot be read.
    """
    config = read_params().ingest
    source = locate_raw_folder(config.source, Path(option_value("ingest", "--embedded")))
    files = list_source(source, config.skip).files
    rows = files.select("path", "bytes", "modified_ns", "changed_ns").hash_rows()  # the same within one process
    return hashlib.sha256(rows.to_numpy().tobytes()).hexdigest()
