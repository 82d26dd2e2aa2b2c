import os
from hashlib import blake2b
from pathlib import Path

import pytest

from dataprep.config.ingest import LabelTableConfig
from dataprep.core.errors import ParamsError
from dataprep.source.path_pattern import compile_pattern, read_path
from models.serve.labelled_drawings import CannotAddError, RawFolder, add_image, raw_folder
from pipelines.parameters.params import Params

SKIP = (".*", "Thumbs.db")


def listed(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir())


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("{label}/{name}", "7/drawn-{hash}.png"),
        ("{group}/{label}/{name}", "drawn/7/drawn-{hash}.png"),
        ("{split}/{label}/{name}", "train/7/drawn-{hash}.png"),
        ("{origin}/{label}/*", "drawn/7/drawn-{hash}.png"),
        ("*/{label}/**", "drawn/7/drawn-{hash}.png"),
        ("scans/**/{label}/{name}.png", "scans/7/drawn-{hash}.png"),
        ("{label}_{name}", "7_drawn-{hash}.png"),
        ("{group}_{label}_*.PNG", "drawn_7_drawn-{hash}.PNG"),
        (r"regex:(?P<label>\d)/.*", "7/drawn-{hash}.png"),
        (r"regex:(?P<group>\w+)_(?P<label>\d)_.*", "drawn_7_drawn-{hash}.png"),
    ],
)
def test_a_drawing_is_put_where_the_pattern_reads_its_label(tmp_path: Path, pattern: str, expected: str) -> None:
    path = add_image(RawFolder(tmp_path, pattern, SKIP), "7", b"png")
    assert path == expected.format(hash=blake2b(b"png", digest_size=4).hexdigest())
    assert listed(tmp_path) == [path]
    assert (tmp_path / path).read_bytes() == b"png"
    facts = read_path(path, compile_pattern(pattern))
    assert facts is not None
    assert facts.label == "7"


@pytest.mark.parametrize("pattern", ["{label}/{name}.jpg", "{name}_{label}", r"regex:w\d+_(?P<label>\d)_.*"])
def test_where_no_such_path_exists_it_says_so(tmp_path: Path, pattern: str) -> None:
    with pytest.raises(CannotAddError, match=r"^no path of a \.png file can be made that ingest\.pattern"):
        add_image(RawFolder(tmp_path, pattern, SKIP), "7", b"png")
    assert listed(tmp_path) == []


def test_a_label_that_the_pattern_would_cut_is_refused(tmp_path: Path) -> None:
    raw = RawFolder(tmp_path, "{label}_{name}", SKIP)
    with pytest.raises(CannotAddError, match=r"reads as the label 'a_b'$"):
        add_image(raw, "a_b", b"png")
    assert add_image(raw, "a-b", b"png").startswith("a-b_drawn-")


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    raw = RawFolder(tmp_path, "{label}/{name}", SKIP)
    path = add_image(raw, "7", b"png")
    (tmp_path / path).write_bytes(b"retouched by hand")
    with pytest.raises(CannotAddError, match="is there already, and is not overwritten"):
        add_image(raw, "7", b"png")
    assert (tmp_path / path).read_bytes() == b"retouched by hand"
    assert len({add_image(raw, "7", b"another"), path}) == 2
    assert len(listed(tmp_path)) == 2


def test_a_file_system_without_hard_links_gets_the_file_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    path = add_image(RawFolder(tmp_path, "{label}/{name}", SKIP), "7", b"png")
    assert listed(tmp_path) == [path]


@pytest.mark.parametrize(
    "label", ["", " ", "..", ".", "a/b", "/etc", "..\\x", "a\0b", "a\nb", "7 ", "x" * 101, "\u202e7", ".git"]
)
def test_what_is_no_name_of_a_folder_is_refused(tmp_path: Path, label: str) -> None:
    with pytest.raises(CannotAddError):
        add_image(RawFolder(tmp_path / "raw", "{label}/{name}", SKIP), label, b"png")
    assert listed(tmp_path) == []


def test_naughty_labels_make_a_file_of_that_label_or_none(tmp_path: Path, naughty_strings: list[str]) -> None:
    raw, made = RawFolder(tmp_path / "raw", "{group}/{label}/{name}", SKIP), []
    raw.folder.mkdir()
    for label in naughty_strings:
        try:
            made.append(add_image(raw, label, b"png"))
        except CannotAddError:
            continue
        facts = read_path(made[-1], compile_pattern(raw.pattern))
        assert facts is not None
        assert facts.label == label
    assert len(made) > 200
    assert listed(tmp_path) == sorted({f"raw/{name}" for name in made})


def test_a_link_to_elsewhere_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "raw/7").symlink_to(tmp_path / "other")
    with pytest.raises(CannotAddError, match=r"^7 is a link"):
        add_image(RawFolder(tmp_path / "raw", "{label}/{name}", SKIP), "7", b"png")
    assert listed(tmp_path / "other") == []


def test_when_nothing_can_be_added_the_reason_is_known_from_the_start(tmp_path: Path, params: Params) -> None:
    config = params.ingest.model_copy(update={"source": str(tmp_path)})
    assert raw_folder(config, tmp_path, ["7"]).folder == tmp_path
    table = LabelTableConfig(file="labels.csv", path="image", label="class", group=None, split=None, origin=None)
    for changes, source, words in (
        ({"source": "embedded:digits"}, tmp_path, "come with the package"),
        ({"source": "s3://bucket/x"}, "s3://bucket/x", "is a URL"),
        ({"labels": table}, tmp_path, "labels stand in a table"),
        ({}, tmp_path / "gone", "is not there"),
        ({"pattern": "{label}/{name}.tif"}, tmp_path, r"no path of a \.png file"),
    ):
        with pytest.raises(CannotAddError, match=words):
            raw_folder(config.model_copy(update=changes), source, ["7"])
    with pytest.raises(ParamsError):
        raw_folder(config.model_copy(update={"pattern": "{x}"}), tmp_path, ["7"])


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_the_right_to_write_is_known_from_the_start(tmp_path: Path, params: Params) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(CannotAddError, match="may not be written to"):
        raw_folder(params.ingest.model_copy(update={"source": str(tmp_path)}), tmp_path, ["7"])
