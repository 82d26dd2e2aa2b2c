from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from dataprep.ingest.build_manifest import check_quarantined, ingest_warnings
from dataprep.source.name_endings import ending_of, likely_images
from tests.conftest import random_image, write_png
from tests.dataprep.ingest.ingesting import INGEST, by_id, run, with_values

NOISE = np.random.default_rng(0).integers(0, 256, 4000, dtype=np.uint8).tobytes() + b"\0"


def reasons(source: Path) -> dict[str, tuple[object, object]]:
    return {name: (row["status"], row["reason"]) for name, row in by_id(run(source)).items() if row["status"] != "ok"}


def test_files_that_are_no_images_by_name_and_content_are_skipped(make_tree: Callable[..., Path]) -> None:
    source = make_tree(classes=2, images=4)
    for name, content in {
        "labels.csv": b"file,label",
        "README": b"read me",
        "convert.py": b"print()",
        "class0/notes.txt": b"note",
        "class0/latin.txt": "größe".encode("latin-1"),
        "class0/__init__.py": b"",
        "class0/features.npy": NOISE,
        "class0/scan.tif": NOISE,
        "class1/broken.PNG": b"hello",
        "class1/camera.cr2": NOISE,
        "class1/0001": NOISE,
        "docs/guide.md": b"# Guide",
        "docs/api/index.html": b"<html>",
    }.items():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes(content)
    other, damaged = ("skipped", "other_file"), ("quarantined", "not_an_image")
    assert reasons(source) == {
        "README": other,
        "class0/__init__.py": other,
        "class0/features.npy": other,
        "class0/latin.txt": other,
        "class0/notes.txt": other,
        "class0/scan.tif": damaged,
        "class1/0001": other,
        "class1/broken.PNG": damaged,
        "class1/camera.cr2": damaged,
        "convert.py": other,
        "docs/api/index.html": other,
        "docs/guide.md": other,
        "labels.csv": other,
    }
    manifest = run(source)
    check_quarantined(manifest, with_values(INGEST, max_quarantined_fraction=3 / 11))
    assert set(manifest.filter(manifest["reason"] == "other_file")["message"]) == {"no image by name and content"}
    assert any(
        line.startswith("10 of 21 files are no images by name and content (2 .py, 2 .txt, 2 without ending, ")
        for line in ingest_warnings(manifest, INGEST)
    )


@pytest.mark.parametrize("ending", ["", ".dat"])
def test_an_ending_that_images_of_this_folder_have_is_an_image_s(tmp_path: Path, ending: str) -> None:
    image = write_png(tmp_path / "one.png", random_image(0))
    for label in "ab":
        for number in range(3):
            (tmp_path / f"raw/{label}").mkdir(parents=True, exist_ok=True)
            write_png(image, random_image(10 * ord(label) + number)).rename(tmp_path / f"raw/{label}/{number}{ending}")
    (tmp_path / f"raw/a/7{ending}").write_bytes(NOISE)
    (tmp_path / f"raw/a/8{ending}").write_bytes(b"<html>404</html>")
    (tmp_path / f"raw/b/9{ending}").touch()
    assert {reason for _, reason in reasons(tmp_path / "raw").values()} == {"not_an_image", "empty"}
    assert {status for status, _ in reasons(tmp_path / "raw").values()} == {"quarantined"}


@pytest.mark.parametrize("content", [NOISE, b"<html>404</html>", b""])
def test_a_class_made_wholly_of_files_without_ending_is_damaged_and_not_skipped(
    make_tree: Callable[..., Path], content: bytes
) -> None:
    source = make_tree(classes=2, images=4)
    (source / "7").mkdir()
    for number in range(4):
        (source / f"7/{number:04d}").write_bytes(content)
    assert {status for status, _ in reasons(source).values()} == {"quarantined"}


def test_what_looks_like_an_image_by_name() -> None:
    assert likely_images(["a/1.JPG", "a/1.xml", "a/2", "b.txt"]) == ["a/1.JPG"]
    assert likely_images(["a/1.dat", "a/2.dat", "b.txt"]) == ["a/1.dat", "a/2.dat"]
    assert likely_images(["a/1", "a/2", "b.txt"]) == ["a/1", "a/2"]
    assert likely_images(["a/1.x", "a/1.y", "b.z", "c.w"]) == ["a/1.x", "a/1.y", "b.z", "c.w"]
    assert likely_images([]) == []
    assert ending_of("a/x.tar.GZ") == "gz"
