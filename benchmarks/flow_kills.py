"""Kills (SIGKILL) in the middle of a flow, each followed by a flow that goes on: `python -m benchmarks.flow_kills 20`.

At a random moment of its whole time, Prefect's start included, the flow is killed: in turns alone, so that DVC and the stage
end by themselves or go on, and with all that it has started. Every flow trains anew. The records are in a PREFECT_HOME of its
own, where it is counted how many runs and tasks have no end.
"""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import psutil

from dataprep.core.rng import rng_for
from tests.conftest import write_striped_tree
from tests.end_to_end.conftest import ENVIRONMENT, SHORT, Project, copy_project
from tests.end_to_end.kills import LEVELS, made_by

FLOW = ("darkroom", "flow", "--no-publish")
SECONDS_TO_REST = 120.0


@dataclass(frozen=True, slots=True)
class KilledFlow:
    """One kill and what the next flow made of it."""

    seconds: float  # after the start
    in_time: bool  # before the flow had ended by itself
    with_all: bool  # that it had started
    stage: str  # the last that had begun; "" before the first
    left: int  # processes that were still there two minutes later
    failure: str  # the last line of the next flow where it failed
    wrong: list[str]  # files that differ, are missing or were left behind
    open_before: int  # runs and tasks without an end after the kill
    open_after: int  # after the next flow
    next_seconds: float

    @property
    def is_mended(self) -> bool:
        return not self.failure and not self.wrong

    @property
    def in_words(self) -> str:
        """A row of the table."""
        same = "yes" if self.is_mended else f"no: {', '.join([*self.wrong, self.failure])}"
        what = "all" if self.with_all else "flow"
        moment = f"{self.seconds:.1f}" + ("" if self.in_time else " (had ended)")
        open_runs = f"{self.open_before} | {self.open_after}"
        return f"{moment} | {what} | {self.stage or '-'} | {self.left} | {open_runs} | {same} | {self.next_seconds:.0f}"


def main() -> None:
    count, seed = int((sys.argv[1:] or ["20"])[0]), int((sys.argv[2:] or ["0"])[0])
    with TemporaryDirectory(prefix="darkroom-bench-") as folder:
        project = copy_project(Path(folder) / "project")
        write_striped_tree(project.root / "raw/tiny", classes=3, images=20)
        project.set(SHORT)
        environment = {name: value for name, value in ENVIRONMENT.items() if name != "PREFECT_API_URL"}
        environment["PREFECT_HOME"] = str(Path(folder) / "prefect")
        print(
            "| | after, s | killed | last stage begun | processes left | open before | open after | same bytes | next flow, s |"
        )
        print("|---:|---:|---|---|---:|---:|---:|---|---:|")
        kills = []
        for kill in kill_flows(project, count, rng_for(seed, "kills of flows"), environment):
            kills.append(kill)
            print(f"| {len(kills)} | {kill.in_words} |", flush=True)
    print(f"{len(kills)} kills, {sum(kill.in_time for kill in kills)} before the flow had ended")
    print(f"identical bytes after the next flow: {sum(kill.is_mended for kill in kills)} of {len(kills)}")
    before, after = sum(kill.open_before for kill in kills), sum(kill.open_after for kill in kills)
    print(f"runs and tasks without an end: {before} after the kills, {after} after the next flows")


def kill_flows(project: Project, count: int, rng: np.random.Generator, environment: Mapping[str, str]) -> Iterator[KilledFlow]:
    """Kills flows and runs the next ones.

    Args:
        project: a tiny one.
        count: how often.
        rng: draws the moments.
        environment: with PREFECT_HOME and no server.
    """
    database, expected, longest = Path(environment["PREFECT_HOME"]) / "prefect.db", {}, 0.0
    for level in LEVELS:
        project.set({"prepare.resize.interpolation": level})
        start = time.perf_counter()
        ended = project.run(*FLOW, env=environment)
        longest = time.perf_counter() - start  # of the second: the first has made Prefect's database
        if ended.exit_code:
            raise RuntimeError(ended.output)
        expected[level] = made_by(project)
    for number in range(count):
        level, with_all = LEVELS[number % 2], number % 4 >= 2
        project.set({"prepare.resize.interpolation": level})
        seconds = float(rng.uniform(0.5, longest))
        in_time, stage, left = _kill_flow(project, environment, seconds, with_all=with_all)
        before = open_runs(database)
        shutil.rmtree(project.root / ".dvc/cache/runs", ignore_errors=True)
        start = time.perf_counter()
        ended = project.run(*FLOW, env=environment)
        took, found = time.perf_counter() - start, made_by(project)
        shutil.rmtree(project.root / ".dvc/cache/runs", ignore_errors=True)
        names = found.keys() | expected[level].keys()
        yield KilledFlow(
            seconds=seconds,
            in_time=in_time,
            with_all=with_all,
            stage=stage,
            left=left,
            failure=ended.output.splitlines()[-1] if ended.exit_code else "",
            wrong=sorted(name for name in names if found.get(name) != expected[level].get(name)),
            open_before=before,
            open_after=open_runs(database),
            next_seconds=took,
        )


def open_runs(database: Path) -> int:
    """Flow runs and task runs without an end, in Prefect's database."""
    ends = "('COMPLETED', 'FAILED', 'CRASHED', 'CANCELLED')"
    with sqlite3.connect(database) as connection:
        tables = (f"SELECT count(*) FROM {table} WHERE state_type NOT IN {ends}" for table in ("flow_run", "task_run"))  # noqa: S608
        return sum(connection.execute(words).fetchone()[0] for words in tables)


def _kill_flow(project: Project, environment: Mapping[str, str], seconds: float, *, with_all: bool) -> tuple[bool, str, int]:
    """Whether the flow was killed before it had ended, the last stage that had begun, and how many processes are left."""
    log = project.root / ".darkroom/killed.log"
    log.parent.mkdir(exist_ok=True)
    below: list[psutil.Process] = []
    with (
        log.open("w") as output,
        subprocess.Popen(FLOW, cwd=project.root, env=environment, stdout=output, stderr=subprocess.STDOUT) as process,
    ):
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            below = psutil.Process(process.pid).children(recursive=True)
            os.kill(process.pid, signal.SIGKILL)
            for child in below if with_all else []:
                child.kill()
        in_time = process.wait() == -signal.SIGKILL
    _, alive = psutil.wait_procs(below, SECONDS_TO_REST)
    begun = [line.split("'")[1] for line in log.read_text(errors="replace").splitlines() if "Running stage '" in line]
    return in_time, begun[-1] if begun else "", len(alive)


if __name__ == "__main__":
    main()
