"""A Prefect server and worker, a Dask cluster and an S3 remote, all on loopback: `python -m tests.end_to_end.cluster`.

What `docs/cluster.md` says of several machines, on one: the server records, the worker takes the run of the deployment in
`prefect.yaml`, `ingest`, `prepare` and `augment` go to the Dask workers, and the published version to S3.

    prefect server ── work pool "darkroom" ── prefect worker ── flow ── dvc repro, stage by stage
                                                                  ├── ingest, prepare, augment ── dask scheduler ── 2 workers
                                                                  └── dvc push ── S3 (moto)
"""

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx

from tests.conftest import write_striped_tree
from tests.end_to_end.conftest import ENVIRONMENT, RUN, SHORT, Ended, Project, copy_project
from tests.end_to_end.s3 import KEYS, s3_server

BUCKET = "models"
_SECONDS_TO_START = 90.0


@dataclass(frozen=True, slots=True)
class Cluster:
    """What is up.

    Attributes:
        project: whose runs it takes.
        environment: of a command that uses it: addresses and keys.
        scheduler: the address of Dask's.
        logs: a file for each part.
    """

    project: Project
    environment: Mapping[str, str]
    scheduler: str
    logs: Path

    def run(self, *command: str) -> Ended:
        return self.project.run(*command, env=self.environment)

    def log(self, part: str) -> str:
        return (self.logs / part).read_text(errors="replace")


@contextlib.contextmanager
def cluster(folder: Path, *, dask_workers: int = 2) -> Iterator[Cluster]:
    """Starts every part, makes a tiny project for it, and deploys its flow; all ends with the context.

    Args:
        folder: a new one, for the project, the logs and Prefect's records.
        dask_workers: how many.
    """
    logs = folder / "logs"
    logs.mkdir(parents=True)
    project = copy_project(folder / "project")
    write_striped_tree(project.root / "raw/tiny", classes=3, images=20)
    environment = {
        **{name: value for name, value in ENVIRONMENT.items() if not name.startswith("PREFECT_")},
        **KEYS,
        "PREFECT_HOME": str(folder / "prefect"),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PWD": str(project.root),  # the folder of prefect.yaml, as a shell would say
        "PYTHONPATH": str(project.root),
    }
    with contextlib.ExitStack() as up:

        def start(part: str, *command: str) -> None:
            up.enter_context(_running(command, logs / part, project.root, environment))

        s3 = up.enter_context(s3_server(BUCKET))
        port = _free_port()
        environment["PREFECT_API_URL"] = f"http://127.0.0.1:{port}/api"
        start("prefect-server", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port))
        start("dask-scheduler", "dask", "scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard")
        scheduler = _said(logs / "dask-scheduler", "Scheduler at:").split()[-1]
        for number in range(dask_workers):
            local = ["--local-directory", str(folder / f"dask-{number}")]
            start(f"dask-worker-{number}", "dask", "worker", scheduler, "--nthreads", "1", "--no-dashboard", *local)
            _said(logs / f"dask-worker-{number}", "Registered to:")
        found = Cluster(project, environment, scheduler, logs)
        project.set(
            {
                **SHORT,
                **RUN,
                "execute.backend": "dask",
                "execute.address": scheduler,
                "publish.commit": True,
                "publish.push": True,
            }
        )
        _do(found, "dvc", "remote", "add", "-q", "-d", "store", f"s3://{BUCKET}/project")
        _do(found, "dvc", "remote", "modify", "-q", "store", "endpointurl", f"http://127.0.0.1:{s3}")
        _do(found, "git", "commit", "-qam", "cluster")
        _wait_for(environment["PREFECT_API_URL"])
        _do(found, "prefect", "work-pool", "create", "darkroom", "--type", "process")
        _do(found, "prefect", "--no-prompt", "deploy", "--all")
        start("prefect-worker", "prefect", "worker", "start", "--pool", "darkroom", "--limit", "1")
        yield found


def run_deployment(found: Cluster) -> Ended:
    """Asks for a run, as the schedule does at two, and waits for its end; the exit code is 0 where it ended well."""
    return found.run("prefect", "deployment", "run", "rebuild/nightly", "--watch", "--watch-interval", "1")


def main() -> None:
    with TemporaryDirectory(prefix="darkroom-cluster-") as folder, cluster(Path(folder)) as found:
        print(f"Prefect {found.environment['PREFECT_API_URL']}, Dask {found.scheduler}", flush=True)
        ended = run_deployment(found)
        print(ended.output)
        for part in sorted(path.name for path in found.logs.iterdir()):
            print(f"--- {part}\n{found.log(part)}")
        sys.exit(ended.exit_code)


@contextlib.contextmanager
def _running(command: Sequence[str], log: Path, folder: Path, environment: Mapping[str, str]) -> Iterator[None]:
    """Keeps a program up; at the end it and what it has started are ended."""
    with (
        log.open("wb") as output,
        subprocess.Popen(
            command, cwd=folder, env=environment, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        ) as process,
    ):
        try:
            yield
        finally:
            for end in (15, 9):
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, end)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(10)


def _do(found: Cluster, *command: str) -> None:
    ended = found.run(*command)
    if ended.exit_code:
        raise RuntimeError(f"{' '.join(command)}: {ended.output}")


def _said(log: Path, words: str) -> str:
    """Waits for a line of a log."""
    end = time.monotonic() + _SECONDS_TO_START
    while time.monotonic() < end:
        for line in log.read_text(errors="replace").splitlines():
            if words in line:
                return line
        time.sleep(0.05)
    raise RuntimeError(log.read_text(errors="replace"))


def _wait_for(url: str) -> None:
    end = time.monotonic() + _SECONDS_TO_START
    while time.monotonic() < end:
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(f"{url}/health", timeout=5).text.strip() == "true":
                return
        time.sleep(0.2)
    raise RuntimeError(f"{url} does not answer")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as own:
        return int(own.getsockname()[1])


if __name__ == "__main__":
    main()
