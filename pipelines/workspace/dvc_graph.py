"""The stages and their order, as DVC knows them: dvc.yaml is the only graph."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import psutil
from pydantic import AfterValidator, BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from dataprep.core.errors import DarkroomError, first_five, on_one_line, shortened
from pipelines.workspace.lock import LockError, who_works
from pipelines.workspace.repository_checks import need_repository

DVC_FILE = Path("dvc.yaml")
OUTPUT_KINDS = ("outs", "metrics", "plots")

Outputs: TypeAlias = set[tuple[str, str]]
"""Stage and path of each output in dvc.yaml."""

_EDGE = re.compile(r'"(?P<before>[^"]+)" -> "(?P<after>[^"]+)"')
_NODE = re.compile(r'^"(?P<name>[^"]+)";$', re.MULTILINE)

_PATIENCE = 6
_SECONDS_TO_END = 10.0

_BUSY = re.compile(r"Unable to acquire lock|is busy, it is being blocked by")
_BLOCKER = re.compile(r"\(PID (?P<pid>\d+)\): (?P<command>.*)")


class GraphError(DarkroomError):
    """DVC cannot read the graph, or refuses to run it."""


def _need_outputs(stage: dict[str, Any]) -> dict[str, Any]:
    """Checks what is read here of a stage. DVC knows more keys, and checks all."""
    command = stage.get("cmd", "")
    if not isinstance(command, str) and not (isinstance(command, list) and all(isinstance(line, str) for line in command)):
        raise ValueError(f"cmd must be text; it is {shortened(command)}")
    for kind in OUTPUT_KINDS:
        entries = stage.get(kind, [])
        if not isinstance(entries, list):
            raise ValueError(f"{kind} must be a list; it is {shortened(entries)}")  # noqa: TRY004  # what pydantic catches
        for entry in entries:
            if not isinstance(entry, str) and not (
                isinstance(entry, dict) and len(entry) == 1 and isinstance(next(iter(entry)), str)
            ):
                raise ValueError(f"{kind} must hold paths; it holds {shortened(entry)}")
    return {"cmd": command, **stage}


class _Graph(BaseModel):
    stages: dict[str, Annotated[dict[str, Any], AfterValidator(_need_outputs)]]


@dataclass(frozen=True, slots=True)
class Finished:
    """How a DVC command ended and all that it printed."""

    exit_code: int
    output: str


def dvc(*arguments: str, on_line: Callable[[str], None] = lambda _: None) -> Finished:
    """Runs DVC with the interpreter of this process, so that its stages find the same packages.

    Args:
        *arguments: of the `dvc` command.
        on_line: hears each line as it is printed.
    """
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    lines = []
    with subprocess.Popen(  # noqa: S603  # the arguments are this project's own
        [sys.executable, "-P", "-m", "dvc", *arguments],  # a folder dvc/ of the project is not meant
        env={**os.environ, "PATH": path, "PYTHONUTF8": "1"},  # whatever the locale: it prints names of files
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="surrogateescape",
    ) as process:
        try:
            for line in process.stdout or ():
                lines.append(line)
                on_line(line.rstrip().encode("utf-8", "backslashreplace").decode())
        except KeyboardInterrupt:
            _end(process)
            raise
    return Finished(process.returncode, "".join(lines))


def _end(process: subprocess.Popen[str]) -> None:
    """Ends DVC and waits for it, so that nothing is at work in this folder afterwards.

    DVC does not listen while a stage runs. So the stage is ended, and DVC then puts its own files in order. It may have heard
    the interruption as well, from the same terminal, and a second one would stop it amid that: it gets one only if it goes on.
    """
    for _ in range(_PATIENCE):
        with contextlib.suppress(psutil.Error):
            for child in psutil.Process(process.pid).children(recursive=True):
                child.terminate()
        try:
            process.communicate(timeout=_SECONDS_TO_END)
            return
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)
    process.kill()


def stage_order(targets: Sequence[str] = ()) -> list[str]:
    """The names of the stages, each after all that it depends on.

    Args:
        targets: only these and what they depend on; all stages if there are none.

    Raises:
        GraphError: DVC cannot read the graph, or has no such stage.
    """
    return order_of(_ask_dvc("dag", "--dot"), targets)


def order_of(dot: str, targets: Sequence[str] = ()) -> list[str]:
    r"""Sorts the nodes of a graph in the DOT language.

    >>> order_of('strict digraph  {\n"b";\n"a";\n"a" -> "b";\n}')
    ['a', 'b']
    >>> order_of('strict digraph  {\n"a";\n"b";\n"c";\n"a" -> "b";\n"a" -> "c";\n}', ["c"])
    ['a', 'c']

    Raises:
        GraphError: a target is none of them.
    """
    before: dict[str, set[str]] = {match["name"]: set() for match in _NODE.finditer(dot)}
    for edge in _EDGE.finditer(dot):
        before.setdefault(edge["after"], set()).add(edge["before"])
    order = list(TopologicalSorter(before).static_order())
    if unknown := [name for name in targets if name not in before]:
        raise GraphError(f"{DVC_FILE} must have the stage {unknown[0]!r}; it has {', '.join(order)}. Correct the name")
    wanted = set(targets) or set(order)
    for name in reversed(order):  # what depends on a stage comes before it here
        if name in wanted:
            wanted |= before[name]
    return [name for name in order if name in wanted]


def out_of_date() -> list[str]:
    """The stages that `dvc repro` would run, those aside that always run.

    Raises:
        GraphError: DVC cannot read it.
    """
    return stale_stages(status_of_stages())


def status_of_stages() -> str:
    """The answer of `dvc status --json`.

    Raises:
        GraphError: DVC cannot read the graph.
    """
    return _ask_dvc("status", "--json")


def stale_stages(status: str) -> list[str]:
    """Reads the answer of `dvc status --json`.

    >>> stale_stages('{"ingest": ["always changed"], "train": [{"changed deps": {"params.yaml": {}}}]}')
    ['train']
    """
    return list(stale_reasons(status))


def stale_reasons(status: str) -> dict[str, list[str]]:
    """Why stages would run, from the answer of `dvc status --json`.

    >>> stale_reasons('{"train": [{"changed deps": {"params.yaml": {"train.seed": "modified"}, "data": "new"}}]}')
    {'train': ['train.seed modified', 'data new']}
    """
    found = json.loads(last_line(status))
    return {
        stage: [reason for entry in reasons if entry != "always changed" for reason in _phrases(entry)]
        for stage, reasons in found.items()
        if reasons != ["always changed"]
    }


def _phrases(entry: str | dict[str, dict[str, object]]) -> Iterator[str]:
    """What DVC says of one stage: text, or how each file or each of its keys changed."""
    if isinstance(entry, str):
        yield entry
        return
    for changes in entry.values():
        for path, change in changes.items():
            keys = change if isinstance(change, dict) else {path: change}
            yield from (f"{key} {how}" for key, how in keys.items())


def output_path(stage: str, name: str) -> Path:
    """The output of a stage whose file has this name; paths stand in dvc.yaml alone.

    Raises:
        GraphError: the stage has no such output.
    """
    declared = _stage(stage)
    entries = [*declared.get("outs", []), *declared.get("metrics", [])]
    paths = [Path(entry if isinstance(entry, str) else next(iter(entry))) for entry in entries]
    for path in paths:
        if path.name == name:
            return path
    raise GraphError(f"dvc.yaml: stage {stage} must make {name}; it makes {', '.join(map(str, paths))}. Add it")


def option_value(stage: str, option: str) -> str:
    """What the command line of a stage says after an option.

    Raises:
        GraphError: the stage has no such option.
    """
    command = _stage(stage)["cmd"]
    words = (command if isinstance(command, str) else " ".join(command)).split()
    if option not in words[:-1]:
        raise GraphError(f"dvc.yaml: the command of stage {stage} must have {option}; it has not. Add it")
    return str(words[words.index(option) + 1])


def cache_folder() -> Path:
    """Where DVC keeps its copies, relative to the current folder if it lies below.

    Raises:
        GraphError: DVC cannot read it.
    """
    folder = Path(last_line(_ask_dvc("cache", "dir")))
    return folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder


def busy_holder(output: str) -> str | None:
    r"""Who is at work where DVC's words are that it cannot start beside another run; None where they are others.

    DVC advises to remove its lock file, which would let two runs write the same files; so its words are not passed on.

    >>> busy_holder("ERROR: 'data' is busy, it is being blocked by:\n  (PID 7): dvc repro\n")
    'process 7 works in this folder (dvc repro). Wait until it ends'
    """
    if not _BUSY.search(output):
        return None
    if holder := who_works():
        return holder
    if blocker := _BLOCKER.search(output):
        return f"process {blocker['pid']} works in this folder ({blocker['command']}). Wait until it ends"
    return "another DVC command works in this folder. Wait until it ends"


def last_line(text: str) -> str:
    """The last line of a program's output that is not blank, which is where DVC puts its error."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""


def reason_of(output: str) -> str:
    r"""What a stage said is wrong, or else DVC.

    >>> reason_of("epoch 1\nerror: the loss is no number. Lower the rate\nERROR: failed to reproduce 'train'\n")
    'the loss is no number. Lower the rate'
    """
    said = [line.removeprefix("error: ") for line in output.splitlines() if line.startswith("error: ")]
    return said[-1] if said else last_line(output)


def error_of(output: str) -> str:
    r"""What DVC says is wrong, which may take several lines; its last line where it does not say so.

    >>> error_of("Running\nERROR: failed to push\n  3 files\n")
    'failed to push 3 files'
    >>> error_of("ERROR: unexpected error - no route to host\n\nHaving any troubles? Hit us up, we are happy to help!\n")
    'unexpected error - no route to host'
    """
    message = output.rpartition("ERROR: ")[2].partition("Having any troubles?")[0]  # whom DVC would have asked
    return " ".join(message.split()) or last_line(output)


def read_stages(graph: Path = DVC_FILE) -> dict[str, dict[str, Any]]:
    """What dvc.yaml says of each stage, in its order.

    Raises:
        GraphError: it is missing or cannot be read.
    """
    if not graph.is_file():
        raise GraphError(f"{graph} must be in the current folder; it is not. Run from the project's root")
    try:
        return _Graph.model_validate(YAML(typ="safe").load(graph.read_text(encoding="utf-8"))).stages
    except ValidationError as error:
        first = error.errors()[0]
        what = f"{'.'.join(map(str, first['loc']))}: {first['msg']}" if first["loc"] else "it holds no stages"
        raise GraphError(on_one_line(f"{graph} cannot be read ({what}). Correct it")) from error
    except (YAMLError, ValueError, LookupError, TypeError, RecursionError) as error:
        raise GraphError(on_one_line(f"{graph} cannot be read ({' '.join(str(error).split())}). Correct it")) from error


def declared_outputs(stages: Mapping[str, Mapping[str, Any]]) -> Outputs:
    """Stage and path of each output.

    Args:
        stages: as they stand in dvc.yaml.
    """
    entries = [(name, entry) for name, stage in stages.items() for kind in OUTPUT_KINDS for entry in stage.get(kind, [])]
    return {(name, entry if isinstance(entry, str) else next(iter(entry))) for name, entry in entries}


def _stage(name: str) -> dict[str, Any]:
    stages = read_stages()
    if name not in stages:
        raise GraphError(f"{DVC_FILE} must have the stage {name}; it has {first_five(stages)}. Restore it")
    return stages[name]


def _ask_dvc(*arguments: str) -> str:
    """What a DVC command says of the graph."""
    ended = dvc(*arguments)
    if ended.exit_code and (holder := busy_holder(ended.output)):
        raise LockError(f"DVC cannot look at the graph now: {holder}")
    if ended.exit_code:
        need_repository()  # what DVC's own words leave open
        read_stages()
        raise GraphError(f"dvc.yaml must hold a graph that DVC can read; it says: {last_line(ended.output)}. Correct it")
    return ended.output
