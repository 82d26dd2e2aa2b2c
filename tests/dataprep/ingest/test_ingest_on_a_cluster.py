"""The manifest made by Dask's workers is that of this machine, and a file that hangs or kills costs its own row there too."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

from dataprep.config.execute import ExecuteConfig
from dataprep.ingest import examine as examine_module
from tests.conftest import local, random_image, write_png
from tests.dataprep.execute.test_executor import dask, end, start_scheduler, start_worker
from tests.dataprep.ingest.hostile_decoders import HANGS, examine_hang_or_die
from tests.dataprep.ingest.ingesting import INGEST, by_id, run_in_workers, with_values

pytestmark = pytest.mark.processes


@pytest.fixture(params=["dask 2", "address"])
def execute(request: pytest.FixtureRequest) -> ExecuteConfig:
    return dask(2) if request.param == "dask 2" else dask(0, request.getfixturevalue("cluster")[0])


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> object:
    """The address of a scheduler, and its two workers."""
    folder = tmp_path_factory.mktemp("cluster")
    scheduler, address = start_scheduler(folder)
    workers = [start_worker(address, folder) for _ in range(2)]
    yield address, workers
    end([scheduler, *workers])


def test_a_bomb_a_decoder_that_hangs_and_one_that_dies_cost_a_row_each(
    make_tree: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, execute: ExecuteConfig
) -> None:
    source = make_tree(classes=3, images=30)
    Image.fromarray(np.tile(np.arange(250, dtype=np.uint8), (7000, 28)), "L").convert("RGBA").save(source / "class0/bomb.png")
    hangs = write_png(source / "class1/hangs.png", random_image(1))
    hangs.write_bytes(hangs.read_bytes() + HANGS)
    write_png(source / "class2/killer.png", random_image(2))
    config = with_values(INGEST, limits__memory_mib=200, limits__seconds=2.0, max_quarantined_fraction=1.0)
    monkeypatch.setattr(examine_module, "FILES_PER_TASK", 5)
    monkeypatch.setattr(examine_module, "examine_files", examine_hang_or_die)
    there = run_in_workers(source, config, execute=execute)
    assert {name: row["reason"] for name, row in by_id(there).items() if row["status"] != "ok"} == {
        "class0/bomb.png": "too_much_memory",
        "class1/hangs.png": "too_slow",
        "class2/killer.png": "worker_died",
    }
    assert there.height == 93
    assert there.equals(run_in_workers(source, config, execute=local(2)))


def test_a_dask_worker_that_dies_costs_time_and_no_row(
    make_tree: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    source = make_tree(classes=4, images=60)
    monkeypatch.setattr(examine_module, "FILES_PER_TASK", 2)
    scheduler, address = start_scheduler(tmp_path)
    workers = [start_worker(address, tmp_path) for _ in range(2)]
    try:
        seen = 0

        def kill_one(_: object) -> None:
            nonlocal seen
            seen += 1
            if seen == 3:
                for process in psutil.Process(workers[0].pid).children():
                    process.kill()

        there = run_in_workers(source, execute=dask(0, address), after_each=kill_one)
    finally:
        end([scheduler, *workers])
    assert seen > 3
    assert there.equals(run_in_workers(source))
