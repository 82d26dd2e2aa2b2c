"""A folder as people have it, by writer, with files that are not what their names say."""

import os
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
from PIL import Image

from dataprep.decode.image import Pixels
from dataprep.store.manifest import read_manifest
from dataprep.store.shards import ShardReader, read_index
from dataprep.store.split_table import read_split
from tests.conftest import striped, write_png
from tests.dataprep.ingest.test_build_manifest import OWN_NAMES
from tests.end_to_end.conftest import Project


def test_bad_files_are_listed_good_ones_are_right_any_name_is_taken_and_writers_do_not_straddle(
    make_project: Callable[[], Project], naughty_names: list[bytes], tmp_path: Path
) -> None:
    project = make_project()
    raw = project.root / "raw/writers"
    for writer in range(8):
        for label in range(3):
            for number in range(4):
                path = raw / f"w{writer}/{label}/{number}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(striped(label, 100 * writer + 10 * label + number)[:, :, 0]).save(path)
    whole = (raw / "w0/0/0.png").read_bytes()
    (raw / "w0/0/truncated.png").write_bytes(whole[: len(whole) // 2])
    (raw / "w1/1/zero.jpg").touch()
    (raw / "w2/2/text.png").write_text("no image")
    cmyk = Image.new("CMYK", (12, 12), (0, 0, 0, 128))
    cmyk.paste((0, 0, 0, 120), (0, 0, 12, 6))
    cmyk.save(raw / "w3/0/cmyk.jpg")
    half = np.zeros((8, 16), dtype=np.uint8)
    half[:, 8:] = 255
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    Image.fromarray(half).save(raw / "w4/1/turned.jpg", exif=exif, quality=95)
    deep = np.full((12, 12), 257 * 100, dtype=np.uint16)
    deep[0, 0] = 257 * 200
    Image.fromarray(deep).save(raw / "w5/2/deep.png")
    names = [*naughty_names, *OWN_NAMES]
    assert len(names) == 373
    for number, name in enumerate(names):
        label = names[:number].count(name)  # what stands on the list twice stands in two folders
        source = write_png(tmp_path / "one.png", striped(label, 5000 + number))
        path = raw / f"w8/{label}" / os.fsdecode(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(source.read_bytes())
    project.set({"ingest.source": "raw/writers", "ingest.pattern": "{group}/{label}/{name}", "ingest.skip": []})

    ended = project.repro()
    manifest = read_manifest(project.root / "data/manifest.parquet")
    assert manifest.height == 8 * 3 * 4 + 6 + 373
    assert {path.rsplit(b"/", 1)[1] for path in manifest["path"]} >= set(names)
    assert set(manifest.filter(pl.col("group") == "w8")["status"]) == {"ok"}
    assert manifest["id"].n_unique() == manifest.height
    assert "<script>alert" not in project.read("reports/index.html")
    bad = manifest.filter(pl.col("status") == "quarantined").select("id", "reason").rows()
    assert bad == [("w0/0/truncated.png", "undecodable"), ("w1/1/zero.jpg", "empty"), ("w2/2/text.png", "not_an_image")]
    for path, reason in bad:
        assert re.search(rf"quarantined: {reason} +│ 1 +│ {path}:", ended.output)
        assert path in project.read("reports/index.html").replace("<wbr>", "")
    assert "shared between splits: 0 groups, 0 duplicates, 0 near duplicates" in ended.output
    split = manifest.join(read_split(project.root / "data/split.parquet"), on="id")
    assert split.group_by("group").agg(pl.col("split").n_unique())["split"].to_list() == [1] * 9

    prepared: dict[str, Pixels] = {}
    folder = project.root / "data/prepared"
    index = read_index(folder, stage="prepare")
    for entry in index.shards:
        with ShardReader(folder, entry, index.layout, stage="prepare") as shard:
            prepared |= dict(zip(shard.ids(), shard.images(), strict=True))
    assert abs(int(prepared["w3/0/cmyk.jpg"].mean()) - 127) < 8
    turned = prepared["w4/1/turned.jpg"]
    assert turned[:, :3].mean() > 200 > 50 > turned[:, 5:].mean()
    assert prepared["w5/2/deep.png"][4, 4] == 100


def test_too_many_bad_files_end_ingest_with_the_reasons_and_keep_the_manifest(make_project: Callable[[], Project]) -> None:
    project = make_project()
    for number in range(10):
        (project.root / f"raw/tiny/class0/empty{number}.png").touch()
    ended = project.run("dvc", "repro", "split")
    assert ended.exit_code != 0
    assert "10 of 70 are (10 empty), for example class0/empty0.png: the file has 0 bytes" in ended.output
    assert read_manifest(project.root / "data/manifest.parquet").filter(pl.col("reason") == "empty").height == 10
    project.set({"ingest.max_quarantined_fraction": 0.2})
    project.repro("split")
