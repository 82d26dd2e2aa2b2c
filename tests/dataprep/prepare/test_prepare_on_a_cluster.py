"""Shards made by Dask's workers are those that this machine makes, whatever happens to a worker."""

from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl
import psutil
import pytest

from dataprep.config.execute import ExecuteConfig
from dataprep.prepare.packing import prepare_images
from dataprep.store.shards import Filled
from tests.conftest import local
from tests.dataprep.execute.test_executor import dask, end, start_scheduler, start_worker
from tests.dataprep.prepare.test_packing import CONFIG, DECODE, split_rows


def filled(images: pl.DataFrame, output: Path, source: Path, execute: ExecuteConfig) -> Iterator[Filled]:
    return prepare_images(images, output, source=source, decode=DECODE, prepare=CONFIG, execute=execute)


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_dask_makes_the_same_bytes(make_tree: Callable[..., Path], tmp_path: Path) -> None:
    source = make_tree(classes=3, images=9)
    images = split_rows(source)
    list(filled(images, tmp_path / "here", source, local(1)))
    list(filled(images.sample(fraction=1.0, shuffle=True, seed=1), tmp_path / "dask", source, dask(2)))
    assert len(bytes_of(tmp_path / "here")) > 4
    assert bytes_of(tmp_path / "dask") == bytes_of(tmp_path / "here")


def test_a_worker_of_a_cluster_that_is_killed_changes_nothing(
    make_tree: Callable[..., Path], tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    source = make_tree(classes=4, images=60)
    images = split_rows(source)
    list(filled(images, tmp_path / "here", source, local(1)))
    folder = tmp_path_factory.mktemp("cluster")
    scheduler, address = start_scheduler(folder)
    workers = [start_worker(address, folder) for _ in range(2)]
    try:
        shards = filled(images, tmp_path / "dask", source, dask(0, address))
        next(shards)
        killed = psutil.Process(workers[0].pid).children(recursive=True)  # the process that works; its keeper starts another
        for process in killed:
            process.kill()
        made = 1 + sum(shard.made for shard in shards)
    finally:
        end([scheduler, *workers])
    assert killed
    assert made > 40
    assert bytes_of(tmp_path / "dask") == bytes_of(tmp_path / "here")
