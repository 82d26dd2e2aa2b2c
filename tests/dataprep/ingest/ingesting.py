"""The whole of ingest without its stage, for tests."""

import os
from collections.abc import Callable
from pathlib import Path

import polars as pl

from dataprep.config.ingest import IngestConfig
from dataprep.decode.deep_samples import Range
from dataprep.decode.value_range import out_of_date, with_levels
from dataprep.ingest.build_manifest import build_manifest, cluster_pictures, find_ranges
from dataprep.ingest.examine import FACTS, ExamineTask, examine, examine_files
from dataprep.source.raw_folder import Source, scan
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

    def examined(chosen: pl.DataFrame, levels: dict[str, Range]) -> pl.DataFrame:
        decoding = with_levels(config.decode, levels)
        return examine_files(ExamineTask(source, chosen.select("path", "bytes").rows(), decoding, config.limits))

    return manifest_of(found, in_range(found, examined(openable(found), {}), config, examined), config)


def in_range(
    found: pl.DataFrame,
    seen: pl.DataFrame,
    config: IngestConfig,
    examined: Callable[[pl.DataFrame, dict[str, Range]], pl.DataFrame],
) -> pl.DataFrame:
    """The second pass: images of more than 8 bits whose range is now known."""
    levels = find_ranges(seen, config)
    changed = out_of_date(seen, levels)
    again = examined(found.join(changed, on="path", how="semi"), levels)
    return pl.concat([seen.join(changed, on="path", how="anti"), again])


def run_in_workers(source: Source, config: IngestConfig = INGEST, workers: int = 1) -> pl.DataFrame:
    """Ingests a folder as the stage does."""
    found = scan(source, config.skip)
    execute = local(workers)

    def examined(chosen: pl.DataFrame, levels: dict[str, Range]) -> pl.DataFrame:
        decoding = with_levels(config.decode, levels)
        looks = examine(chosen, source=source, decoding=decoding, limits=config.limits, execute=execute)
        return pl.concat([pl.DataFrame(schema=FACTS), *looks])

    return manifest_of(found, in_range(found, examined(openable(found), {}), config, examined), config)


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
