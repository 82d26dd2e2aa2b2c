"""What becomes of a data set whose making is killed: the test kills ten times, the benchmark a hundred."""

import hashlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tests.end_to_end.conftest import ENVIRONMENT, Project

LEVELS = ("linear", "cubic")  # of prepare.resize.interpolation, in turns, so that each run has every shard to make


@dataclass(frozen=True, slots=True)
class Killed:
    """One kill and what the next `dvc repro` made of it."""

    seconds: float  # after the stage began
    in_time: bool  # before the run had ended by itself
    finished_before: int  # shards that the killed run left
    exit_code: int
    same_bytes: bool
    strays: list[str]


def tree_of(project: Project) -> dict[str, str]:
    """SHA-256 of each file below data/, by its path."""
    return {
        path.relative_to(project.root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted((project.root / "data").rglob("*"))
        if path.is_file()
    }


def kill_again_and_again(project: Project, count: int, rng: np.random.Generator) -> Iterator[Killed]:
    """Kills `dvc repro prepare` with all its processes at random moments, runs it again, and compares.

    Args:
        project: one whose prepare takes a second or so.
        count: how often.
        rng: draws the moments.
    """
    expected, longest = {}, 0.0
    for level in LEVELS:
        project.set({"prepare.resize.interpolation": level})
        longest = max(longest, _until_killed(project, after=None))
        expected[level] = tree_of(project)
    for number in range(count):
        level = LEVELS[number % 2]
        project.set({"prepare.resize.interpolation": level})
        seconds = float(rng.uniform(0, longest))
        before = set(tree_of(project))
        took = _until_killed(project, after=seconds)
        left = set(tree_of(project)) - before
        ended = project.run("dvc", "repro", "prepare")
        found = tree_of(project)
        yield Killed(
            seconds,
            in_time=took >= seconds,
            finished_before=sum(name.endswith(".h5") for name in left),
            exit_code=ended.exit_code,
            same_bytes=found == expected[level],
            strays=sorted(set(found) - set(expected[level])),
        )


def _until_killed(project: Project, *, after: float | None) -> float:
    """Runs `dvc repro prepare`; returns the seconds from the start of the stage to the end, by itself or by the kill."""
    # --no-run-cache: what an earlier round made must not be taken from DVC's cache.
    with subprocess.Popen(
        ["dvc", "repro", "--no-run-cache", "prepare"],
        cwd=project.root,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    ) as process:
        for line in process.stdout or ():
            if "Running stage 'prepare'" in line:
                break
        start = time.perf_counter()
        try:
            process.wait(after)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return after or 0.0
        return time.perf_counter() - start
