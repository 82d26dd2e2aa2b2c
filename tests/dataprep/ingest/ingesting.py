"""The whole of ingest without its stage, for tests."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl

from dataprep.config.decode import Decoding
from dataprep.config.execute import ExecuteConfig
from dataprep.config.ingest import IngestConfig
from dataprep.ingest.build_manifest import build_manifest, cluster_pictures
from dataprep.ingest.common_range import Pass, examine_in_common_range
from dataprep.ingest.corrections import NO_CORRECTIONS
from dataprep.ingest.examine import FACTS, ExamineTask, examine, examine_files
from dataprep.ingest.label_table import find_labels
from dataprep.ingest.scan_cache import Known
from dataprep.source.raw_folder import Source, scan
from pipelines.parameters.params import read_params
from tests.closure import SHIPPED
from tests.conftest import local

INGEST = read_params(SHIPPED).ingest.model_copy(update={"min_class_images": 1})
ONE = local(1)
NOTHING = Known(pl.DataFrame(schema=FACTS), pl.DataFrame(schema={"digest": pl.String, "cluster": pl.String}))


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


def run(source: Source, config: IngestConfig = INGEST, corrections: pl.DataFrame = NO_CORRECTIONS) -> pl.DataFrame:
    """Ingests a folder in this process."""

    def examined(files: pl.DataFrame, decoding: Decoding) -> list[pl.DataFrame]:
        return [examine_files(ExamineTask(source, files.select("path", "bytes").rows(), decoding, config.limits))]

    return _ingest(source, config, examined, corrections)


def run_in_workers(
    source: Source,
    config: IngestConfig = INGEST,
    execute: ExecuteConfig = ONE,
    after_each: Callable[[pl.DataFrame], None] = lambda _: None,
) -> pl.DataFrame:
    """Ingests a folder as the stage does; what was seen of some files is handed to `after_each` as it comes."""

    def examined(files: pl.DataFrame, decoding: Decoding) -> Iterator[pl.DataFrame]:
        for table in examine(files, source=source, decoding=decoding, limits=config.limits, execute=execute):
            after_each(table)
            yield table

    return _ingest(source, config, examined)


def _ingest(source: Source, config: IngestConfig, examined: Pass, corrections: pl.DataFrame = NO_CORRECTIONS) -> pl.DataFrame:
    found = scan(source, config.skip)
    seen = examine_in_common_range(found, NOTHING, config, first_pass=examined, second_pass=examined)
    clusters = cluster_pictures(seen.facts, seen.clusters, config, workers=1)
    labels = find_labels(config.labels, found)
    return build_manifest(found, seen.facts, clusters, config, corrections=corrections, labels=labels)


def by_id(manifest: pl.DataFrame) -> dict[str, dict[str, object]]:
    return {row["id"]: row for row in manifest.iter_rows(named=True)}


def num_files_below(source: Path) -> int:
    """Counts what is no folder by walking the tree in another way than ingest does; links are counted and not followed."""
    count = 0
    for at, folders, files in os.walk(os.fsencode(source)):
        links = [name for name in folders if Path(os.fsdecode(os.path.join(at, name))).is_symlink()]
        count += len(files) + len(links)
    return count
