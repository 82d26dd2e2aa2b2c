import os
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

from dataprep.core.errors import SourceError
from dataprep.ingest.build_manifest import check_quarantined, check_usable, ingest_warnings
from dataprep.store.manifest import class_names, read_manifest, write_manifest
from tests.conftest import random_image, write_png
from tests.dataprep.ingest.ingesting import INGEST, by_id, num_files_below, run, with_values


def test_every_file_stands_once_in_the_manifest(make_tree: Callable[..., Path]) -> None:
    source = make_tree(classes=3, images=8)
    manifest = run(source)
    assert manifest["id"].to_list() == sorted(str(path.relative_to(source)) for path in source.rglob("*.png"))
    assert manifest["status"].unique().to_list() == ["ok"]
    assert manifest["near_duplicate"].null_count() == 24
    assert class_names(manifest) == ["class0", "class1", "class2"]


def test_what_is_not_used_has_a_status_a_reason_and_a_message(make_tree: Callable[..., Path]) -> None:
    source = make_tree(classes=2, images=2)
    whole = (source / "class0/00.png").read_bytes()
    (source / "class0/cut.png").write_bytes(whole[: len(whole) // 2])
    (source / "class0/empty.jpg").touch()
    (source / "class0/text.png").write_text("hello")
    (source / "class0/heavy.png").write_bytes(whole + bytes(2000))
    (source / "class0/.DS_Store").write_text("x")
    (source / "__MACOSX/class0").mkdir(parents=True)
    (source / "__MACOSX/class0/00.png").write_bytes(whole)
    (source / "stray.png").write_bytes(whole)
    (source / "class1/link.png").symlink_to(source / "class0/00.png")
    (source / "class1/loop").symlink_to(source)
    os.mkfifo(source / "class1/pipe.png")
    (source / "class1/folder.png").mkdir()
    Image.new("L", (1001, 1000)).save(source / "class1/large.png")
    Image.new("RGB", (20, 20), (9, 200, 9)).save(source / "class1/blank.png")
    write_png(source / "class1/thin.png", random_image(1, (3, 40, 1)))
    write_png(source / "lonely/00.png", random_image(2))
    for number, label in enumerate(["class0", "class1"]):
        write_png(source / f"{label}/twin{number}.png", random_image(3))
    config = with_values(INGEST, decode__max_pixels=1_000_000, limits__max_bytes=1500, min_class_images=2)
    manifest = run(source, config)
    rows = by_id(manifest)
    assert {name: (row["status"], row["reason"]) for name, row in rows.items() if row["status"] != "ok"} == {
        "__MACOSX/class0/00.png": ("skipped", "skipped"),
        "class0/.DS_Store": ("skipped", "skipped"),
        "class0/cut.png": ("quarantined", "undecodable"),
        "class0/empty.jpg": ("quarantined", "empty"),
        "class0/heavy.png": ("quarantined", "too_many_bytes"),
        "class0/text.png": ("quarantined", "not_an_image"),
        "class0/twin0.png": ("quarantined", "label_conflict"),
        "class1/blank.png": ("quarantined", "constant"),
        "class1/large.png": ("quarantined", "too_many_pixels"),
        "class1/link.png": ("quarantined", "link"),
        "class1/loop": ("quarantined", "link_to_folder"),
        "class1/pipe.png": ("quarantined", "not_a_file"),
        "class1/thin.png": ("quarantined", "too_small"),
        "class1/twin1.png": ("quarantined", "label_conflict"),
        "lonely/00.png": ("quarantined", "small_class"),
        "stray.png": ("quarantined", "pattern"),
    }
    assert all(row["message"] for row in rows.values() if row["status"] != "ok")
    assert rows["class0/twin0.png"]["message"] == (
        "the same pixels stand under several labels: class0/twin0.png, class1/twin1.png"
    )
    assert rows["lonely/00.png"]["message"] == ("too few usable images of class lonely: 1; ingest.min_class_images = 2")
    assert "class1/folder.png" not in rows
    assert manifest.height == num_files_below(source)


def test_a_class_of_copies_of_one_picture_is_too_small(make_tree: Callable[..., Path]) -> None:
    source = make_tree(classes=2, images=8)
    for number in range(60):
        write_png(source / f"copied/{number:02d}.png", random_image(7))
    photograph(5).save(source / "copied/near.png")
    photograph(5).save(source / "copied/near.jpg", quality=60)
    rows = by_id(run(source, with_values(INGEST, min_class_images=3)))
    assert {row["reason"] for name, row in rows.items() if name.startswith("copied/")} == {"small_class"}
    assert rows["copied/00.png"]["message"] == (
        "too few distinct pictures of class copied: 2 in 62 images, copies and near duplicates counted once; "
        "ingest.min_class_images = 3"
    )
    rows = by_id(run(source, with_values(INGEST, min_class_images=2)))
    assert {row["status"] for row in rows.values()} == {"ok"}


def test_a_name_that_is_not_utf8_is_listed_and_its_bytes_are_kept(make_tree: Callable[..., Path], tmp_path: Path) -> None:
    source = make_tree(classes=2, images=2)
    name = b"class0/\xff\xfe.png"
    (source / "class0/00.png").rename(os.fsdecode(os.fsencode(source) + b"/" + name))
    manifest = run(source, with_values(INGEST, pattern="{label}/{name}.png"))
    write_manifest(tmp_path / "manifest.parquet", manifest)
    row = read_manifest(tmp_path / "manifest.parquet").filter(pl.col("path") == name).row(0, named=True)
    assert row["status"] == "ok"
    assert row["id"].startswith(r"class0/\xff\xfe.png~")


OWN_NAMES = [
    *(bytes([byte]) for byte in (1, 7, 8, 9, 10, 13, 27, 127, 128, 255)),
    *(
        name.encode()
        for name in ("a\nb", "a\r\nb", "\n\n", "\u00a0", "  two", "tail ", ".png.png", "-rf", "--output", "~", "$(id)", "`id`")
    ),
    *(
        name.encode()
        for name in ("*", "?", "[a]", "{label}", "%s%n", "C:", "nul", "a\\b", "a'b", 'a"b', "<b>", "&amp;", "=1+1")
    ),
    "\u202egnp.exe".encode(),
    "e\u0301".encode(),
    "\u00e9".encode(),
    b"x" * 255,
    b"con.png",
    "\u00e9".encode() * 127,
]


def test_any_name_of_a_file_or_a_folder_is_accounted_for(tmp_path: Path, naughty_names: list[bytes]) -> None:
    source = tmp_path / "raw"
    for label in ("a", "b"):
        write_png(source / f"{label}/good.png", random_image(len(label)))
    names = sorted({*naughty_names, *OWN_NAMES})
    assert len(names) == 370
    for number, name in enumerate(names):
        image = random_image(100 + number)
        for folder, file in ((b"a", name), (name, b"x.png")):
            path = source / os.fsdecode(folder) / os.fsdecode(file)
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(write_png(tmp_path / "one.png", image).read_bytes())
    manifest = run(source, with_values(INGEST, label_conflict="keep", skip=[]))
    assert manifest.height == num_files_below(source)
    assert manifest["id"].n_unique() == manifest.height
    assert set(manifest["path"]) >= {b"a/" + name for name in names}
    assert set(manifest["status"]) == {"ok"}
    assert all(image_id.isprintable() for image_id in manifest["id"])
    assert all(label.isprintable() for label in manifest["label"])
    assert manifest["label"].n_unique() == len({*names, b"a", b"b"})


def test_equal_pixels_have_equal_digests_in_any_file_format(tmp_path: Path) -> None:
    image = random_image(1)
    write_png(tmp_path / "raw/b/1.png", image)
    write_png(tmp_path / "raw/b/1.bmp", image)
    write_png(tmp_path / "raw/b/2.png", np.ascontiguousarray(image.reshape(6, 24, 1)))
    rows = by_id(run(tmp_path / "raw"))
    assert rows["b/1.png"]["digest"] == rows["b/1.bmp"]["digest"]
    assert rows["b/1.png"]["digest"] != rows["b/2.png"]["digest"]
    assert rows["b/1.png"]["file_digest"] != rows["b/1.bmp"]["file_digest"]


def test_gray_in_any_encoding_is_one_picture(tmp_path: Path) -> None:
    gray = Image.fromarray(random_image(1)[:, :, 0])
    (tmp_path / "raw/a").mkdir(parents=True)
    gray.save(tmp_path / "raw/a/gray.png")
    gray.convert("RGB").save(tmp_path / "raw/a/rgb.png")
    gray.convert("P").save(tmp_path / "raw/a/palette.png")
    gray.save(tmp_path / "raw/a/frame.gif")
    Image.fromarray(random_image(1, (12, 12, 3))).save(tmp_path / "raw/a/color.png")
    assert run(tmp_path / "raw")["digest"].n_unique() == 2


def orientation_field(kind: int, value: bytes) -> bytes:
    """EXIF with one entry: the orientation, as a field of a type of our choosing."""
    entry = struct.pack("<HHI", 0x0112, kind, 1) + value.ljust(4, b"\0")
    return b"Exif\0\0II*\0" + struct.pack("<IH", 8, 1) + entry + bytes(4)


@pytest.mark.parametrize(
    ("kind", "value"),
    [(2, b"top"), (4, b"\xff\xff\xff\xff"), (3, b"\x00\x00"), (3, b"\x09\x00"), (7, b"\x06")],
    ids=["text", "4294967295", "0", "9", "undefined"],
)
def test_a_meaningless_orientation_is_none(tmp_path: Path, kind: int, value: bytes) -> None:
    (tmp_path / "raw/a").mkdir(parents=True)
    Image.fromarray(random_image(3)[:, :, 0]).save(tmp_path / "raw/a/odd.jpg", exif=orientation_field(kind, value))
    row = by_id(run(tmp_path / "raw"))["a/odd.jpg"]
    assert (row["status"], row["orientation"]) == ("ok", 1)


def test_what_cannot_be_shown_in_a_name_is_escaped(make_tree: Callable[..., Path]) -> None:
    source = make_tree(classes=2, images=2)
    (source / "class0/00.png").rename(source / "class0/\x1b[2J\n\u202egnp.png")
    ids = run(source)["id"].to_list()
    assert all(image_id.isprintable() for image_id in ids)
    assert ids[1].startswith(r"class0/\x1b[2J\n\u202egnp.png~")


def test_a_label_conflict_is_kept_and_reported_by_policy(tmp_path: Path) -> None:
    for label in "ab":
        write_png(tmp_path / f"raw/{label}/same.png", random_image(0))
        write_png(tmp_path / f"raw/{label}/other.png", random_image(ord(label)))
    rows = by_id(run(tmp_path / "raw", with_values(INGEST, label_conflict="keep")))
    assert {name: row["issues"] for name, row in rows.items()} == {
        "a/other.png": [],
        "a/same.png": ["label_conflict"],
        "b/other.png": [],
        "b/same.png": ["label_conflict"],
    }


def photograph(seed: int) -> Image.Image:
    """A smooth random picture with some detail, 48 x 64."""
    noise = np.random.default_rng(seed).normal(size=(2, 48, 64, 3))
    coarse = np.asarray(Image.fromarray((noise[0, :6, :8, 0] * 60 + 127).clip(0, 255).astype(np.uint8)).resize((64, 48), 3))
    return Image.fromarray((coarse[..., None] + noise[1] * 6).clip(0, 255).astype(np.uint8))


def test_near_duplicates_share_a_cluster_named_by_its_smallest_id(tmp_path: Path) -> None:
    for number in range(12):
        path = tmp_path / f"raw/{'ab'[number % 2]}/{number:02d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        photograph(number).save(path)
    photograph(0).save(tmp_path / "raw/a/z0.jpg", quality=60)
    photograph(3).resize((51, 38), Image.Resampling.BICUBIC).save(tmp_path / "raw/b/z3.png")
    photograph(5).point(lambda level: level * 1.05).save(tmp_path / "raw/a/z5.png")
    Image.new("RGB", (64, 48), (1, 2, 3)).save(tmp_path / "raw/a/blank.png")
    manifest = run(tmp_path / "raw")
    near = manifest.drop_nulls("near_duplicate").select("id", "near_duplicate").rows()
    assert near == [
        ("a/00.png", "a/00.png"),
        ("a/z0.jpg", "a/00.png"),
        ("a/z5.png", "a/z5.png"),
        ("b/03.png", "b/03.png"),
        ("b/05.png", "a/z5.png"),
        ("b/z3.png", "b/03.png"),
    ]
    issues = manifest.filter(pl.col("issues").list.contains("near_label_conflict"))["id"].to_list()
    assert issues == ["a/z5.png", "b/05.png"]
    assert manifest.filter(pl.col("status") == "ok")["perceptual_hash"].str.len_chars().unique().to_list() == [16]


def test_a_cluster_that_holds_a_large_part_of_a_class_is_warned_of(tmp_path: Path) -> None:
    (tmp_path / "raw/form").mkdir(parents=True)
    (tmp_path / "raw/other").mkdir()
    for number in range(12):
        photograph(0).save(tmp_path / f"raw/form/{number:02d}.jpg", quality=60 + 3 * number)
        photograph(100 + number).save(tmp_path / f"raw/other/{number:02d}.png")
    assert ingest_warnings(run(tmp_path / "raw"), INGEST) == [
        "12 of 12 images of class 'form' are one cluster of near duplicates, for example 'form/00.jpg' and 'form/11.jpg'; they "
        "will stand in one split. If they are different images on one background, lower ingest.near_duplicates.max_difference"
    ]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (
            lambda root: write_png(root / "a/b/1.png", random_image(0)),
            "misses 1: 'a/b/1.png'. Try '*/{label}/{name}'; darkroom labels",
        ),
        (lambda root: write_png(root / "a/1.png", random_image(0)), "at least 2 classes; got one, 'a', for 1 images"),
        (
            lambda root: ((root / "a").mkdir(parents=True), (root / "a/1.png").write_text("x")),
            "of 1 files none can (1 not_an_image), for example a/1.png: ",
        ),
        (
            lambda root: ((root / ".a").mkdir(parents=True), (root / ".a/1.png").write_text("x")),
            "of 1 files none can (all are skipped)",
        ),
    ],
)
def test_a_source_that_cannot_be_used_is_explained_in_one_line(
    tmp_path: Path, make: Callable[[Path], object], words: str
) -> None:
    make(tmp_path / "raw")
    with pytest.raises(SourceError) as error:
        check_usable(run(tmp_path / "raw"), INGEST)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_too_many_quarantined_files_are_counted_by_reason_with_five_examples(make_tree: Callable[..., Path]) -> None:
    source = make_tree(classes=2, images=8)
    for number in range(3):
        (source / f"class0/text{number}.png").write_text("hello")
        (source / f"class1/empty{number}.png").touch()
    (source / ".hidden").touch()
    manifest = run(source)
    check_quarantined(manifest, with_values(INGEST, max_quarantined_fraction=6 / 22))
    with pytest.raises(SourceError) as error:
        check_quarantined(manifest, with_values(INGEST, max_quarantined_fraction=0.27))
    assert "at most 27% of the files may be quarantined" in str(error.value)
    assert "6 of 22 are (3 empty, 3 not_an_image), for example class0/text0.png: the content is none of" in str(error.value)
    assert str(error.value).count(": the file has 0 bytes") + str(error.value).count(": the content is none of") == 5
