"""What becomes of a data set whose making is killed: the tests kill a few times, the benchmark a hundred."""

import contextlib
import hashlib
import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.end_to_end.conftest import ENVIRONMENT, Project

MADE = ("data", "artifacts", "reports", "dvc.lock")
LEVELS = ("linear", "cubic")  # of prepare.resize.interpolation, in turns, so that each run has every shard to make
PREPARE = ["--no-run-cache", "prepare"]  # what an earlier round made must not be taken from DVC's cache
TRAIN = ["--no-run-cache", "--force", "--single-item", "train"]

Moment = Callable[[subprocess.Popen[str], float], bool]
"""Waits for the moment to kill a process that takes about so many seconds; says whether it still runs."""


def at_random(rng: np.random.Generator) -> Moment:
    def wait(process: subprocess.Popen[str], longest: float) -> bool:
        try:
            process.wait(float(rng.uniform(0, longest)))
        except subprocess.TimeoutExpired:
            return True
        return False

    return wait


def when_made(folder: Path, number: int) -> Moment:
    """As soon as so many more shards are there, whatever time that takes."""

    def wait(process: subprocess.Popen[str], _: float) -> bool:
        before = set(folder.glob("*.h5"))
        while len(set(folder.glob("*.h5")) - before) < number and process.poll() is None:
            time.sleep(0.002)
        return process.poll() is None

    return wait


@dataclass(frozen=True, slots=True)
class Killed:
    """One kill and what the next `dvc repro` made of it."""

    seconds: float  # after the stage began
    in_time: bool  # before the run had ended by itself
    finished_before: int  # shards that the killed run left
    exit_code: int
    same_bytes: bool
    strays: list[str]


@dataclass(frozen=True, slots=True)
class KilledTraining:
    """One kill of the stage train and what its next run made of it."""

    moment: float  # epochs of all phases before the kill; of the last one, a part by the clock
    in_time: bool  # before the run had ended by itself
    epochs: int  # complete ones that the killed run kept
    exit_code: int
    wrong: list[str]  # files that differ, are missing or were left behind


def tree_of(project: Project) -> dict[str, str]:
    """SHA-256 of each file below data/, by its path."""
    return {
        path.relative_to(project.root).as_posix(): _sha256(path)
        for path in sorted((project.root / "data").rglob("*"))
        if path.is_file()
    }


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@dataclass(frozen=True, slots=True)
class KilledRun:
    """One kill of the whole of `dvc repro` and what `make repro` made of it."""

    seconds: float  # after the start
    in_time: bool  # before the run had ended by itself
    trained: bool  # anew, and not from DVC's run cache
    stage: str  # the last that had begun; "" before the first
    found: str  # by `darkroom doctor`
    exit_code: int
    wrong: list[str]  # files that differ, are missing or were left behind


def made_by(project: Project) -> dict[str, str]:
    """SHA-256 of each file that a run makes, dvc.lock included."""
    files = [path for name in MADE for path in sorted([project.root / name, *(project.root / name).rglob("*")])]
    return {str(path.relative_to(project.root)): _sha256(path) for path in files if path.is_file()}


def kill_whole_runs(
    project: Project, count: int, rng: np.random.Generator, *, train_each: int, last: str = "diagnose"
) -> Iterator[KilledRun]:
    """Kills `dvc repro` with all its processes at random moments, does what `make repro` does, and compares.

    Args:
        project: a tiny one.
        count: how often.
        rng: draws the moments.
        train_each: one kill in so many hits a run that trains anew; in the others DVC restores what it has in its run cache, so
            that more of the kills hit DVC's own work.
        last: stage of the run.
    """
    expected, longest = {}, {}
    for level in LEVELS:
        project.set({"prepare.resize.interpolation": level})
        longest[True] = _run_line(project, last, after=None, trained=True)[0]
        expected[level] = made_by(project)
    for level in LEVELS if train_each > 1 else ():
        project.set({"prepare.resize.interpolation": level})
        longest[False] = _run_line(project, last, after=None, trained=False)[0]
    for number in range(count):
        level, trained = LEVELS[number % 2], number % train_each == 0
        project.set({"prepare.resize.interpolation": level})
        seconds = float(rng.uniform(0.2, longest[trained]))
        took, stage = _run_line(project, last, after=seconds, trained=trained)
        doctor = project.run("darkroom", "doctor", "--quick", "--mend")
        ended = project.run("dvc", "repro", *_options(trained=trained), last)
        found = made_by(project)
        names = found.keys() | expected[level].keys()
        yield KilledRun(
            seconds,
            in_time=took >= seconds,
            trained=trained,
            stage=stage,
            found=doctor.output,
            exit_code=doctor.exit_code or ended.exit_code,
            wrong=sorted(name for name in names if found.get(name) != expected[level].get(name)),
        )


def _options(*, trained: bool) -> list[str]:
    return ["--no-run-cache"] if trained else []


def _run_line(project: Project, last: str, *, after: float | None, trained: bool) -> tuple[float, str]:
    """Runs `dvc repro`; returns the seconds to its end, by itself or by the kill, and the last stage that had begun."""
    log = project.root / ".darkroom/killed.log"
    log.parent.mkdir(exist_ok=True)
    with (
        log.open("w") as output,
        subprocess.Popen(
            ["dvc", "repro", *_options(trained=trained), last],
            cwd=project.root,
            env=ENVIRONMENT,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as process,
    ):
        start = time.perf_counter()
        try:
            process.wait(after)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            seconds = after or 0.0
        else:
            seconds = time.perf_counter() - start
    begun = re.findall(r"[Ss]tage '(\w+)'", log.read_text(errors="replace"))
    return seconds, begun[-1] if begun else ""


def kill_again_and_again(project: Project, moments: Iterable[Moment]) -> Iterator[Killed]:
    """Kills `dvc repro prepare` with all its processes, runs it again, and compares.

    Args:
        project: one whose prepare takes a second or so.
        moments: when to kill, for each kill.
    """
    expected, longest = {}, 0.0
    for level in LEVELS:
        project.set({"prepare.resize.interpolation": level})
        longest = max(longest, _run_stage(project, PREPARE))
        expected[level] = tree_of(project)
    for number, moment in enumerate(moments):
        level = LEVELS[number % 2]
        project.set({"prepare.resize.interpolation": level})
        before = set(tree_of(project))
        seconds, in_time = _kill_stage(project, PREPARE, moment, longest)
        left = set(tree_of(project)) - before
        ended = project.run("dvc", "repro", "prepare")
        found = tree_of(project)
        yield Killed(
            seconds,
            in_time=in_time,
            finished_before=sum(name.endswith(".h5") for name in left),
            exit_code=ended.exit_code,
            same_bytes=found == expected[level],
            strays=sorted(set(found) - set(expected[level])),
        )


def kill_training(project: Project, count: int, rng: np.random.Generator) -> Iterator[KilledTraining]:
    """Kills a training with all its processes, does what `make repro` does, and compares.

    Args:
        project: one in which everything before train has run.
        count: how often, once in each of so many equal parts of the epochs.
        rng: draws the moments.
    """
    seconds = _run_stage(project, TRAIN)
    expected, checkpoints = made_by(project), project.root / ".darkroom/checkpoints"
    total = project.read("artifacts/history.csv").count("\n") - 1
    for number in range(count):
        moment = (number + float(rng.uniform())) / count * total
        _, in_time = _kill_stage(project, TRAIN, _after_epochs(checkpoints, moment), seconds / total)
        epochs = _epochs_in(checkpoints)
        doctor = project.run("darkroom", "doctor", "--quick", "--mend")
        ended = project.run("dvc", "repro", *TRAIN)
        found = made_by(project) | {str(path.relative_to(project.root)): "" for path in checkpoints.glob("*")}
        names = found.keys() | expected.keys()
        yield KilledTraining(
            moment,
            in_time=in_time,
            epochs=epochs,
            exit_code=doctor.exit_code or ended.exit_code,
            wrong=sorted(name for name in names if found.get(name) != expected.get(name)),
        )


def _after_epochs(checkpoints: Path, epochs: float) -> Moment:
    """When so many epochs are kept, and the rest of one has passed; given the seconds of an epoch."""

    def wait(process: subprocess.Popen[str], epoch_seconds: float) -> bool:
        while process.poll() is None and _epochs_in(checkpoints) < int(epochs):
            time.sleep(0.01)
        try:
            process.wait(epochs % 1 * epoch_seconds)
        except subprocess.TimeoutExpired:
            return True
        return False

    return wait


def _epochs_in(checkpoints: Path) -> int:
    """Complete epochs of all phases."""
    count = 0
    for path in checkpoints.glob("phase_*.npz"):
        with contextlib.suppress(FileNotFoundError), np.load(path) as arrays:  # training that ends removes it
            count += len(json.loads(arrays["header"].tobytes())["epochs"])
    return count


@contextmanager
def _stage_begins(project: Project, options: list[str]) -> Iterator[subprocess.Popen[str]]:
    """`dvc repro` with these options, at the beginning of the stage that is the last of them."""
    with subprocess.Popen(
        ["dvc", "repro", *options],
        cwd=project.root,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    ) as process:
        for line in process.stdout or ():
            if f"Running stage '{options[-1]}'" in line:
                break
        yield process


def _run_stage(project: Project, options: list[str]) -> float:
    """Seconds from the start of the stage to the end of the run."""
    with _stage_begins(project, options) as process:
        start = time.perf_counter()
        assert process.wait() == 0
        return time.perf_counter() - start


def _kill_stage(project: Project, options: list[str], moment: Moment, longest: float) -> tuple[float, bool]:
    """Seconds from the start of the stage to the kill, and whether the run had not ended by itself before."""
    with _stage_begins(project, options) as process:
        start = time.perf_counter()
        in_time = moment(process, longest)
        if in_time:
            os.killpg(process.pid, signal.SIGKILL)
        return time.perf_counter() - start, in_time
