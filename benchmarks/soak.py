"""A served schedule every 20 s for ten minutes, while images come, go and break, and a tenth of the stages fail: `make soak`.

    python -m benchmarks.soak         ten minutes
    python -m benchmarks.soak 7200    two hours

Looked at is whether each run has an end and a record, whether each change is published once, and whether the processes that
serve open more files or take more memory as time passes. Stages fail by a file that Python reads when it starts.
"""

import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import psutil

from dataprep.core.rng import rng_for
from pipelines.versions.model_versions import Version
from tests.conftest import striped, write_png, write_striped_tree
from tests.end_to_end.conftest import ENVIRONMENT, SHORT, Project, copy_project

SECONDS = 600.0
INTERVAL = 20
SECONDS_OF_CHANGE = 45.0
SECONDS_OF_SAMPLE = 5.0
SECONDS_TO_CATCH_UP = 180.0
FAILS = """
import os, random, sys
words = " ".join(sys.orig_argv)
if " -m pipelines.stages." in words and random.random() < 0.1:
    stage = words.partition("pipelines.stages.")[2].split()[0]
    with open(os.environ["SOAK_FAILURES"], "a") as file:
        file.write(stage + "\\n")
    print("error: a planted failure", file=sys.stderr)
    os._exit(2)
"""


KINDS = ("add", "remove", "add", "break")
"""What happens at each change, in turns: two images come, one goes, one becomes a file that is no image."""


@dataclass(slots=True)
class Soak:
    """What was done, and what was seen of the processes that serve."""

    changes: int = 0
    done: Counter[str] = field(default_factory=Counter)
    files: list[int] = field(default_factory=list)
    mebibytes: list[float] = field(default_factory=list)


def main() -> None:
    seconds = float((sys.argv[1:] or [str(SECONDS)])[0])
    with TemporaryDirectory(prefix="darkroom-bench-") as name:
        folder = Path(name)
        project = copy_project(folder / "project")
        write_striped_tree(project.root / "raw/tiny", classes=3, images=40)
        project.set({**SHORT, "gate.not_worse": False, "ingest.max_quarantined_fraction": 1.0})
        (folder / "fails").mkdir()
        (folder / "fails/sitecustomize.py").write_text(FAILS)
        environment = {name: value for name, value in ENVIRONMENT.items() if name != "PREFECT_API_URL"}
        environment |= {"PREFECT_HOME": str(folder / "prefect"), "SOAK_FAILURES": str(folder / "failures")}
        first = project.run("darkroom", "flow", env=environment)
        if "version 1 is published" not in first.output:
            raise RuntimeError(first.output)
        soak = serve(project, {**environment, "PYTHONPATH": str(folder / "fails")}, seconds)
        report(project, folder, soak)


def serve(project: Project, environment: Mapping[str, str], seconds: float) -> Soak:
    """Serves for so many seconds, and longer until each change is published and no run is at work."""
    soak, rng = Soak(), rng_for(0, "soak")
    images = sorted((project.root / "raw/tiny").rglob("*.png"))
    order = [images[place] for place in rng.permutation(len(images))]
    words = ["darkroom", "serve", "--interval", str(INTERVAL)]
    with (
        (project.root / ".darkroom/serve.log").open("w") as log,
        subprocess.Popen(words, cwd=project.root, env=environment, stdout=log, stderr=subprocess.STDOUT) as process,
    ):
        start = time.monotonic()
        while (passed := time.monotonic() - start) < seconds + SECONDS_TO_CATCH_UP:
            if passed < seconds - SECONDS_OF_CHANGE and passed >= (soak.changes + 1) * SECONDS_OF_CHANGE:
                change(project.root, order, soak)
            elif passed >= seconds and published(project) == soak.done:
                break
            if passed < seconds:
                sample(process.pid, soak)
            time.sleep(SECONDS_OF_SAMPLE)
        process.terminate()
    return soak


def change(root: Path, order: list[Path], soak: Soak) -> None:
    """Changes the raw folder, as the number of the change says."""
    kind = KINDS[soak.changes % len(KINDS)]
    soak.changes += 1
    if kind == "add":
        for label in (0, 1):
            write_png(root / f"raw/tiny/class{label}/new{soak.changes}.png", striped(label, 90_000 + 10 * soak.changes + label))
            soak.done["new"] += 1
        return
    soak.done["removed"] += 1  # what is no image is in use no more
    if kind == "remove":
        order.pop().unlink()
    else:
        order.pop().write_bytes(b"no image")
        soak.done["quarantined"] += 1


def published(project: Project) -> Counter[str]:
    """Images that changed, as all versions but the first count them."""
    found: Counter[str] = Counter()
    for path in sorted((project.root / "versions").glob("*.json"))[1:]:
        changes = Version.model_validate_json(path.read_bytes()).changes
        found += Counter(new=changes.new, removed=changes.removed, quarantined=changes.quarantined)
    return found


def sample(pid: int, soak: Soak) -> None:
    """Notes open files and memory of the process that serves and of its server: those that stay."""
    own = psutil.Process(pid)
    staying = [own, *(child for child in own.children() if "pipelines.schedule.ends_with_parent" in child.cmdline())]
    soak.files.append(sum(process.num_fds() for process in staying))
    soak.mebibytes.append(sum(process.memory_info().rss for process in staying) / 2**20)


def report(project: Project, folder: Path, soak: Soak) -> None:
    """Prints what was found."""
    with sqlite3.connect(folder / "prefect/prefect.db") as connection:
        states = Counter(dict(connection.execute("SELECT state_name, count(*) FROM flow_run GROUP BY state_name").fetchall()))
    log = (project.root / ".darkroom/serve.log").read_text(errors="replace")
    failures = Counter((folder / "failures").read_text().split()) if (folder / "failures").exists() else Counter()
    print(f"runs by state: {dict(states)}; begun by the log: {log.count('Beginning flow run')}")
    print(f"stages that were made to fail: {failures.total()} ({dict(failures)}); runs that failed: {states['Failed']}")
    versions = len(list((project.root / "versions").glob("*.json")))
    print(
        f"changes: {soak.changes}, images {dict(soak.done)}; published, in {versions - 1} versions: {dict(published(project))}"
    )
    for what, values in (("open files", soak.files), ("memory, MiB", soak.mebibytes)):
        print(f"{what}: {_growth(values)}")


def _growth(values: Sequence[float]) -> str:
    """The medians of two quarters: the one after the warm-up, and the last."""
    quarter = len(values) // 4
    early, late = median(values[quarter : 2 * quarter]), median(values[-quarter:])
    return f"{early:.0f} in the second quarter, {late:.0f} in the last ({100 * (late / early - 1):+.1f}%)"


if __name__ == "__main__":
    main()
