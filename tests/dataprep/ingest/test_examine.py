import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

from dataprep.config.decode import Decoding
from dataprep.config.ingest import LimitsConfig
from dataprep.decode import image
from dataprep.decode.image import Loaded
from dataprep.ingest import examine as examine_module
from dataprep.ingest.examine import FACTS, ExamineTask, examine_files
from dataprep.ingest.quality import MEASURES
from dataprep.source.raw_folder import scan
from tests.conftest import local, random_image, write_png
from tests.dataprep.ingest.hostile_decoders import examine_or_die
from tests.dataprep.ingest.ingesting import INGEST, by_id, run_in_workers, with_values

DECODE = Decoding(max_pixels=1_000_000, background=255, black_level="full", white_level="full", levels={})
LIMITS = LimitsConfig(max_bytes=10_000_000, min_side=4, seconds=5.0, memory_mib=512)


def look(source: Path, *files: tuple[bytes, int], limits: LimitsConfig = LIMITS) -> list[dict[str, object]]:
    return examine_files(ExamineTask(source, files, DECODE, limits)).to_dicts()


def test_facts_have_the_columns_that_are_promised(tmp_path: Path) -> None:
    path = write_png(tmp_path / "1.png", random_image(0, (9, 12, 3)))
    table = examine_files(ExamineTask(tmp_path, [(b"1.png", path.stat().st_size), (b"2.png", 5)], DECODE, LIMITS))
    assert dict(table.schema) == FACTS
    assert table.row(0, named=True)["sharpness"] is not None
    assert table.select(MEASURES).row(1) == (None,) * len(MEASURES)


def test_measures_do_not_depend_on_what_is_measured_beside(tmp_path: Path) -> None:
    files = []
    for number in range(20):
        path = write_png(tmp_path / f"{number}.png", random_image(number, ((9, 12, 3), (30, 20, 1))[number % 2]))
        files.append((os.fsencode(path.name), path.stat().st_size))
    together = examine_files(ExamineTask(tmp_path, files, DECODE, LIMITS))
    alone = pl.concat([examine_files(ExamineTask(tmp_path, [file], DECODE, LIMITS)) for file in files])
    assert together.equals(alone)


def test_a_file_that_grew_shrank_or_vanished_is_reported(tmp_path: Path) -> None:
    size = write_png(tmp_path / "1.png", random_image(0)).stat().st_size
    rows = look(tmp_path, (b"1.png", size - 1), (b"1.png", size + 1), (b"gone.png", 7))
    assert [row["reason"] for row in rows] == ["changed"] * 3
    assert [row["message"] for row in rows] == [
        f"it changed while the folder was read: more than {size - 1:,} bytes; run again",
        f"it changed while the folder was read: {size:,} of {size + 1:,} bytes; run again",
        "it vanished while the folder was read; run again",
    ]


def test_what_took_the_place_of_a_file_is_not_waited_for_nor_followed(tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    os.mkfifo(tmp_path / "raw/pipe.png")
    secret = write_png(tmp_path / "secret.png", random_image(0))
    (tmp_path / "raw/link.png").symlink_to(secret)
    (tmp_path / "raw/folder.png").mkdir()
    start = time.monotonic()
    rows = look(tmp_path / "raw", (b"pipe.png", 9), (b"link.png", secret.stat().st_size), (b"folder.png", 9))
    assert time.monotonic() - start < 5
    assert [row["reason"] for row in rows] == ["changed", "unreadable", "changed"]
    assert all(row["digest"] is None for row in rows)


def test_decoding_that_takes_too_long_costs_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = []
    for number in range(3):
        path = write_png(tmp_path / f"{number}.png", random_image(number))
        files.append((os.fsencode(path.name), path.stat().st_size))
    slow = (tmp_path / "1.png").read_bytes()

    def load(content: bytes, config: Decoding) -> Loaded:
        if content == slow:
            assert 0 < signal.getitimer(signal.ITIMER_REAL)[0] <= 60
            signal.setitimer(signal.ITIMER_REAL, 0.01)  # the minute is soon over, for this file alone
        while content == slow:
            try:
                time.sleep(60)
            except Exception:  # noqa: BLE001  # as a decoder might
                continue
        return image.load(content, config)

    monkeypatch.setattr(examine_module, "load", load)
    rows = look(tmp_path, *files, limits=LIMITS.model_copy(update={"seconds": 60.0}))
    assert [row["reason"] for row in rows] == [None, "too_slow", None]
    assert rows[1]["message"] == "reading and decoding it takes more than ingest.limits.seconds = 60"
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    assert signal.getitimer(signal.ITIMER_PROF) == (0.0, 0.0)


@pytest.mark.processes
def test_an_image_that_needs_too_much_memory_costs_itself(make_tree: Callable[..., Path]) -> None:
    source = make_tree(classes=2, images=3)
    Image.fromarray(np.tile(np.arange(250, dtype=np.uint8), (7000, 28)), "L").convert("RGBA").save(source / "class0/wide.png")
    config = with_values(INGEST, limits__memory_mib=200, max_quarantined_fraction=1.0)
    rows = by_id(run_in_workers(source, config))
    assert rows["class0/wide.png"]["reason"] == "too_much_memory"
    assert [row["status"] for name, row in rows.items() if name != "class0/wide.png"] == ["ok"] * 6


@pytest.mark.processes
def test_a_file_that_kills_its_worker_costs_itself(make_tree: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    source = make_tree(classes=2, images=4)
    for number, folder in enumerate(("class0", "class1")):
        write_png(source / f"{folder}/killer.png", random_image(number))
    monkeypatch.setattr(examine_module, "examine_files", examine_or_die)
    rows = by_id(run_in_workers(source, execute=local(2)))
    assert {name: row["reason"] for name, row in rows.items() if row["status"] != "ok"} == {
        "class0/killer.png": "worker_died",
        "class1/killer.png": "worker_died",
    }
    assert len(rows) == 10


@pytest.mark.processes
def test_the_manifest_is_the_same_for_any_number_of_workers(
    make_tree: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    source = make_tree(classes=2, images=4)
    monkeypatch.setattr(examine_module, "FILES_PER_TASK", 3)
    one = run_in_workers(source)
    assert one.height == scan(source).height
    assert run_in_workers(source, execute=local(2)).equals(one)
