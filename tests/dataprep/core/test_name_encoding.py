import os
from pathlib import Path

import pytest

from dataprep.core.name_encoding import decode_name, encode_name, printable
from tests.closure import PACKAGES, ROOT
from tests.conftest import random_image, write_png
from tests.dataprep.ingest.ingesting import INGEST, run, with_values

NAMES = [name.encode() for name in ("café", "中文", "😀", "größe", "plain")] + [b"\xff"]


def write_odd_names(root: Path) -> Path:
    """A folder of classes whose names are not ASCII, four images each; one name is no UTF-8."""
    image = write_png(root.parent / "one.png", random_image(0))
    for number, name in enumerate(NAMES):
        folder = os.path.join(encode_name(root), name)
        os.makedirs(folder)
        for image_number in range(4):
            write_png(image, random_image(10 * number + image_number)).rename(
                os.fsdecode(os.path.join(folder, b"%d.png" % image_number))
            )
    return root


@pytest.mark.parametrize("encoding", ["latin-1", "ascii"])
def test_the_locale_changes_no_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encoding: str) -> None:
    source = write_odd_names(tmp_path / "raw")
    config = with_values(INGEST, skip=["größe"], pattern="{label}/{name}")
    usual = run(source, config)
    monkeypatch.setattr(os, "fsdecode", lambda name: name.decode(encoding, "surrogateescape"))
    monkeypatch.setattr(os, "fsencode", lambda name: str(name).encode(encoding, "surrogateescape"))
    assert run(source, config).equals(usual)
    assert usual["label"].unique().sort().to_list() == [printable(b"\xff"), "café", "größe", "plain", "中文", "😀"]
    assert set(usual["status"]) == {"ok", "skipped"}


def test_names_are_decoded_in_one_place() -> None:
    users = {
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
        if "os.fsencode(" in (text := path.read_text(encoding="utf-8")) or "os.fsdecode(" in text
    }
    assert users == set()


def test_any_bytes_come_back(naughty_names: list[bytes]) -> None:
    for name in [*naughty_names, *NAMES, b"\xed\xb3\xbf", bytes(range(1, 256))]:
        assert encode_name(decode_name(name)) == name


def test_a_name_that_looks_escaped_is_not_taken_for_another() -> None:
    names = [b"\xff.png", encode_name(printable(b"\xff.png")), rb"\xff.png", b"plain.png"]
    assert len({printable(name) for name in names}) == 4
    assert printable(b"plain.png") == "plain.png"
