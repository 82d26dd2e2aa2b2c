import functools
import os
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Generic, TypeVar

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from dataprep.config.decode import Decoding
from dataprep.config.ingest import IngestConfig
from dataprep.core import name_encoding
from dataprep.decode.value_range import describe_levels, with_levels
from dataprep.ingest import examine as examine_module
from dataprep.ingest import scan_cache
from dataprep.ingest.build_manifest import build_manifest, cluster_pictures
from dataprep.ingest.common_range import examine_in_common_range
from dataprep.ingest.corrections import NO_CORRECTIONS
from dataprep.ingest.examine import examine
from dataprep.ingest.scan_cache import read_known, remembered, write_known
from dataprep.source import other_files
from dataprep.source.raw_folder import scan
from tests.conftest import local, random_image, striped, write_png
from tests.dataprep.decode.deep import picture as smooth
from tests.dataprep.decode.deep import png, tiff
from tests.dataprep.ingest.ingesting import INGEST, run, with_values
from tests.dataprep.ingest.test_near_duplicates import scene

pytestmark = pytest.mark.processes  # files are examined in processes of their own

S = TypeVar("S", Path, str)

HERE = local(1)


class Ingesting(Generic[S]):
    """Ingests a folder again and again as the stage does, and remembers which files were opened."""

    def __init__(self, source: S, cache: Path) -> None:
        self.source: S = source
        self.cache = cache
        self.opened: list[bytes] = []
        self.opened_again: list[bytes] = []

    def run(self, config: IngestConfig = INGEST, corrections: pl.DataFrame = NO_CORRECTIONS) -> pl.DataFrame:
        found = scan(self.source, config.skip)
        known = read_known(self.cache, found, folder=self.source, config=config)
        first, second = (functools.partial(self._examined, config, opened) for opened in (self.opened, self.opened_again))
        self.opened.clear()
        self.opened_again.clear()
        seen = examine_in_common_range(found, known, config, first_pass=first, second_pass=second)
        clusters = cluster_pictures(seen.facts, seen.clusters, config, workers=1)
        write_known(self.cache, found, seen.facts, clusters, folder=self.source, config=config)
        return build_manifest(found, seen.facts, clusters, config, corrections=corrections)

    def _examined(
        self, config: IngestConfig, opened: list[bytes], files: pl.DataFrame, decoding: Decoding
    ) -> Iterator[pl.DataFrame]:
        opened.extend(files["path"])
        return examine(files, source=self.source, decoding=decoding, limits=config.limits, execute=HERE)


@pytest.fixture
def ingesting(tmp_path: Path) -> Ingesting[Path]:
    for label in range(2):
        for number in range(4):
            write_png(tmp_path / f"raw/class{label}/{number:02d}.png", striped(label, 100 * label + number))
    return Ingesting(tmp_path / "raw", tmp_path / "scan.parquet")


def test_one_added_file_opens_one_file(ingesting: Ingesting[Path]) -> None:
    first = ingesting.run()
    assert len(ingesting.opened) == 8
    assert ingesting.run().equals(first)
    assert ingesting.opened == []
    write_png(ingesting.source / "class0/new.png", random_image(5))
    ingesting.run()
    assert ingesting.opened == [b"class0/new.png"]


def test_a_file_of_the_same_size_and_time_is_read_again_where_it_was_written(
    ingesting: Ingesting[Path], tmp_path: Path
) -> None:
    ingesting.run()
    os.utime(ingesting.source / "class1/00.png", ns=(1, 1))
    ingesting.run()
    assert ingesting.opened == [b"class1/00.png"]
    path = ingesting.source / "class0/00.png"
    other_pixels = write_png(tmp_path / "other.png", 255 - striped(0, 0)).read_bytes()
    old = path.stat()
    path.write_bytes(other_pixels[: old.st_size].ljust(old.st_size, b"\0"))
    os.utime(path, ns=(old.st_atime_ns, old.st_mtime_ns))  # as rsync -t leaves it
    ingesting.run()
    assert ingesting.opened == [b"class0/00.png"]


@pytest.mark.parametrize("change", [{"decode__background": 0}, {"limits__min_side": 5}])
def test_what_decides_how_a_file_is_seen_empties_the_cache(ingesting: Ingesting[Path], change: dict[str, object]) -> None:
    ingesting.run()
    ingesting.run(with_values(INGEST, **change))
    assert len(ingesting.opened) == 8


def test_what_only_decides_which_images_are_used_opens_nothing(ingesting: Ingesting[Path]) -> None:
    for name, picture in (("a", scene(1, 24)), ("b", scene(1, 24).point(lambda level: level * 1.05))):
        picture.save(ingesting.source / f"class0/{name}.png")
    strict = with_values(INGEST, near_duplicates__max_difference=1e-9)
    assert near_duplicates(ingesting.run(strict)) == []
    changed = with_values(INGEST, quality__dark=1.0, label_conflict="keep")
    assert near_duplicates(ingesting.run(changed)) == [("class0/a.png", "class0/a.png"), ("class0/b.png", "class0/a.png")]
    assert ingesting.opened == []
    wrong = pl.DataFrame({"id": ["class0/00.png"], "correction": ["wrong_label"], "corrected_label": ["class1"]})
    corrected = ingesting.run(with_values(INGEST, corrections="corrections.csv"), wrong)
    assert corrected.filter(id="class0/00.png")["label"].to_list() == ["class1"]
    assert ingesting.opened == []


def test_another_source_and_a_torn_cache_are_read_anew(ingesting: Ingesting[Path], tmp_path: Path) -> None:
    ingesting.run()
    ingesting.source.rename(tmp_path / "moved")
    ingesting.source = tmp_path / "moved"
    ingesting.run()
    assert len(ingesting.opened) == 8
    ingesting.cache.write_bytes(b"PAR1 torn")
    ingesting.run()
    assert len(ingesting.opened) == 8


def test_what_the_moment_was_to_blame_for_is_tried_again(ingesting: Ingesting[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    found = scan(ingesting.source)
    facts = pl.DataFrame(
        {"path": found["path"], "reason": ["changed", "too_slow", "worker_died", "unreadable", *["empty"] * 4]}
    )
    known = ingesting.run().clear()
    seen = pl.concat(
        [facts, read_known(ingesting.cache, found, folder=ingesting.source, config=INGEST).facts.clear()], how="diagonal"
    )
    clusters = cluster_pictures(
        seen.cast({"fingerprint": pl.Binary}), known.select("digest", cluster="digest"), INGEST, workers=1
    )
    write_known(ingesting.cache, found, seen, clusters, folder=ingesting.source, config=INGEST)
    ingesting.run()
    assert ingesting.opened == found["path"].to_list()[:4]


@pytest.mark.parametrize(("removed", "left"), [(1, [(2, 2), (3, 2)]), (2, [(0, 0), (1, 0)])])
def test_near_duplicates_found_piece_by_piece_are_those_found_at_once(
    ingesting: Ingesting[Path], tmp_path: Path, removed: int, left: list[tuple[int, int]]
) -> None:
    one, other = (np.asarray(scene(seed, 24).convert("L"), dtype=float) for seed in (1, 2))
    for step in (0, 3, 1, 2):  # each is a near duplicate of the next, and of no other
        mixed = (other * 0.03 * step + one * (1 - 0.03 * step)).astype(np.uint8)
        write_png(ingesting.source / f"class1/chain{step}.png", mixed[..., np.newaxis])
        whole = ingesting.run()
    assert near_duplicates(whole) == [(f"class1/chain{step}.png", "class1/chain0.png") for step in range(4)]
    (ingesting.source / f"class1/chain{removed}.png").unlink()
    after = ingesting.run()
    assert ingesting.opened == []
    assert near_duplicates(after) == [(f"class1/chain{step}.png", f"class1/chain{first}.png") for step, first in left]
    assert Ingesting(ingesting.source, tmp_path / "other.parquet").run().equals(after)


def near_duplicates(manifest: pl.DataFrame) -> list[tuple[str, str]]:
    return manifest.drop_nulls("near_duplicate").select("id", "near_duplicate").rows()


def test_a_run_that_is_cut_off_has_not_read_in_vain(ingesting: Ingesting[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan_cache, "SECONDS_BETWEEN_WRITES", 0.0)
    monkeypatch.setattr(examine_module, "FILES_PER_TASK", 3)
    found = scan(ingesting.source)
    known = read_known(ingesting.cache, found, folder=ingesting.source, config=INGEST)
    looks = examine(found, source=ingesting.source, decoding=with_levels(INGEST.decode, {}), limits=INGEST.limits, execute=HERE)
    passing = remembered(looks, ingesting.cache, found, known, folder=ingesting.source, config=INGEST)
    for _ in range(3):  # 3 + 3 files are written down when the next are asked for
        next(passing)
    ingesting.run()
    assert ingesting.opened == found["path"].to_list()[6:]


def ranges(manifest: pl.DataFrame) -> set[tuple[float, float]]:
    return set(manifest.select("black_level", "white_level").drop_nulls().rows())


def test_of_more_than_8_bits_a_wider_range_opens_those_images_again_and_nothing_else(
    ingesting: Ingesting[Path], tmp_path: Path
) -> None:
    for number in range(3):
        deep = np.rint(smooth(number, 0, 2000 * (1 + number // 2))).astype(np.uint16)
        (ingesting.source / f"class0/deep{number}.png").write_bytes(png(deep))
    deep_files = [f"class0/deep{number}.png".encode() for number in range(3)]
    first = ingesting.run()
    assert (len(ingesting.opened), ingesting.opened_again) == (11, deep_files[:2])  # the third reaches the ends
    assert ranges(first) == {(0.0, 4095.0)}
    assert ingesting.run().equals(first)
    assert ingesting.opened == ingesting.opened_again == []
    (ingesting.source / "class1/within.png").write_bytes(png(np.rint(smooth(5, 100, 3000)).astype(np.uint16)))
    before = ingesting.run()
    assert (ingesting.opened, ingesting.opened_again) == ([b"class1/within.png"], [])
    (ingesting.source / "class1/beyond.png").write_bytes(png(np.rint(smooth(6, 0, 9000)).astype(np.uint16)))
    wider = ingesting.run()
    assert ingesting.opened == [b"class1/beyond.png"]
    assert sorted(ingesting.opened_again) == [*deep_files, b"class1/beyond.png", b"class1/within.png"]
    assert ranges(wider) == {(0.0, 9215.0)}
    assert Ingesting(ingesting.source, tmp_path / "other.parquet").run().equals(wider)
    assert describe_levels(wider, before, INGEST.decode)[0] == (
        "ingest: the range of uint16 changed from 0 to 4,095 to 0 to 9,215, so the pixels of all 5 such images change"
    )


def test_another_black_or_white_level_opens_only_images_of_more_than_8_bits(ingesting: Ingesting[Path]) -> None:
    (ingesting.source / "class0/deep.png").write_bytes(png(np.rint(smooth(0, 0, 4000)).astype(np.uint16)))
    ingesting.run()
    manifest = ingesting.run(with_values(INGEST, decode__white_level=3000))
    assert ingesting.opened == [b"class0/deep.png"]
    assert ranges(manifest) == {(0.0, 3000.0)}


def test_black_and_white_levels_in_any_order_over_one_cache_give_what_a_fresh_run_gives(
    ingesting: Ingesting[Path],
) -> None:
    for number in range(2):
        values = smooth(number, 0, 1 + number)
        (ingesting.source / f"class0/silent{number}.tif").write_bytes(tiff(values.astype(np.float32)))
        (ingesting.source / f"class1/deep{number}.png").write_bytes(png(np.rint(1000 * values).astype(np.uint16)))
    (ingesting.source / "class1/one.png").write_bytes(png(np.full((40, 40), 700, dtype=np.uint16)))
    levels = {"auto": ("auto", "auto"), "full": ("full", "full"), "values": (0.1, 0.9), "no width": ("auto", -5)}
    configs = {
        name: with_values(INGEST, decode__black_level=black, decode__white_level=white, max_quarantined_fraction=1.0)
        for name, (black, white) in levels.items()
    }
    fresh_runs = {name: run(ingesting.source, config) for name, config in configs.items()}
    for name in ("auto", "full", "values", "auto", "values", "no width", "full", "no width", "auto"):  # from each to each other
        fresh = fresh_runs[name]
        assert_frame_equal(ingesting.run(configs[name]), fresh)
        assert (fresh["reason"] == "unsupported_mode").sum() == (2 if name == "full" else 0)
        assert (fresh["reason"] == "unknown_range").sum() == (5 if name == "no width" else 0)


@pytest.mark.parametrize("module", [other_files, name_encoding])
def test_other_code_that_decides_what_is_seen_is_part_of_the_mark(
    module: ModuleType, ingesting: Ingesting[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ingesting.run()
    (tmp_path / "changed.py").write_text("# other code")
    monkeypatch.setattr(module, "__file__", str(tmp_path / "changed.py"))
    ingesting.run()
    assert len(ingesting.opened) == 8
