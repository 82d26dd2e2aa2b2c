"""The whole of ingest without its stage, for tests."""

import os
from pathlib import Path

import polars as pl

from dataprep.config import IngestConfig
from dataprep.examine import ExamineTask, examine, examine_files
from dataprep.ingest import build_manifest, cluster_pictures
from dataprep.source import Source, scan
from pipelines.params import read_params
from tests.closure import ROOT
from tests.conftest import local

INGEST = read_params(ROOT / "params.yaml").ingest.model_copy(update={"min_class_images": 1})
NO_CLUSTERS = pl.DataFrame(schema={"digest": pl.String, "cluster": pl.String})


def with_values(config: IngestConfig, **values: object) -> IngestConfig:
    """A copy with other values, checked; `limits__seconds=1` reaches into a section."""
    changed = config.model_dump()
    for key, value in values.items():
        *sections, name = key.split("__")
        target = changed
        for section in sections:
            target = target[section]
        target[name] = value
    return IngestConfig.model_validate(changed)


def openable(found: pl.DataFrame) -> pl.DataFrame:
    return found.filter(pl.col("reason").is_null())


def run(source: Source, config: IngestConfig = INGEST) -> pl.DataFrame:
    """Ingests a folder in this process."""
    found = scan(source, config.skip)
    task = ExamineTask(source, openable(found).select("path", "bytes").rows(), config.decode, config.limits)
    return manifest_of(found, examine_files(task), config)


def run_in_workers(source: Source, config: IngestConfig = INGEST, workers: int = 1) -> pl.DataFrame:
    """Ingests a folder as the stage does."""
    found = scan(source, config.skip)
    execute = local(workers)
    looks = examine(openable(found), source=source, decoding=config.decode, limits=config.limits, execute=execute)
    return manifest_of(found, pl.concat(looks), config)


def manifest_of(found: pl.DataFrame, seen: pl.DataFrame, config: IngestConfig) -> pl.DataFrame:
    return build_manifest(found, seen, cluster_pictures(seen, NO_CLUSTERS, config, workers=1), config)


def by_id(manifest: pl.DataFrame) -> dict[str, dict[str, object]]:
    return {row["id"]: row for row in manifest.iter_rows(named=True)}


def num_files_below(source: Path) -> int:
    """Counts what is no folder by walking the tree in another way than ingest does; links are counted and not followed."""
    count = 0
    for at, folders, files in os.walk(os.fsencode(source)):
        links = [name for name in folders if Path(os.fsdecode(os.path.join(at, name))).is_symlink()]
        count += len(files) + len(links)
    return count
