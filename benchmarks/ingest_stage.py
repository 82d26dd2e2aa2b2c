"""The ingest stage as a user runs it, in a folder of its own."""

import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import polars as pl
from ruamel.yaml import YAML

from dataprep.store.manifest import read_manifest

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class Ran:
    """One run of the stage."""

    seconds: float  # with the start of Python
    peak_mb: float  # of the largest process
    last_line: str


class Stage:
    """Runs ingest on a source again and again; the scan cache stays between runs."""

    def __init__(self, folder: Path, source: Path, *, pattern: str, workers: int = 0) -> None:
        self._folder = folder
        yaml = YAML()
        params = yaml.load(ROOT / "params.yaml")
        params["ingest"] |= {"source": str(source), "pattern": pattern}
        params["execute"]["workers"] = workers
        folder.mkdir(parents=True, exist_ok=True)
        yaml.dump(params, folder / "params.yaml")

    def run(self) -> Ran:
        command = [
            *("/usr/bin/time", "-f", "%M", sys.executable, "-m", "pipelines.stages.ingest"),
            *("--embedded", "raw", "--scan-cache", "scan.parquet", "--manifest", "manifest.parquet"),
        ]
        start = time.perf_counter()
        ended = subprocess.run(
            command, cwd=self._folder, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=True
        )
        seconds = time.perf_counter() - start
        return Ran(seconds, int(ended.stderr.split()[-1]) / 1024, ended.stdout.splitlines()[-1])

    def forget(self) -> None:
        """Removes the scan cache."""
        (self._folder / "scan.parquet").unlink(missing_ok=True)

    @property
    def manifest(self) -> pl.DataFrame:
        return read_manifest(self._folder / "manifest.parquet")
