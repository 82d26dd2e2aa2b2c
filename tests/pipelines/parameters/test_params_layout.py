"""params.yaml is written so that other programs that write it leave alone what they do not change."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, get_args, get_origin

import pytest
from dvc.utils.hydra import apply_overrides  # what `dvc exp run -S` calls

from dataprep.config.base import Section
from models.config.network_kinds import NetworkConfig
from pipelines.parameters.params import Params
from pipelines.project.recipes import apply_recipe
from tests.closure import ROOT, SHIPPED
from tests.pipelines.parameters.params_lines import extent, put

TEXT = SHIPPED.read_text()


def set_by_dvc(folder: Path, text: str, *overrides: str) -> str:
    path = folder / "params.yaml"
    path.write_text(text)
    apply_overrides(path, list(overrides))
    return path.read_text()


def set_by_recipe(folder: Path, text: str, monkeypatch: pytest.MonkeyPatch, overlay: str) -> str:
    (folder / "recipes/defaults").mkdir(parents=True)
    (folder / "recipes/defaults/params.yaml").write_text(text)
    (folder / "recipes/mine.yaml").write_text(overlay)
    (folder / "params.yaml").write_text(text)
    monkeypatch.chdir(folder)
    apply_recipe("mine")
    return (folder / "params.yaml").read_text()


def check_others_stay(before: str, after: str, *keys: str) -> None:
    """All lines are the same but those of these keys."""
    old, new = before.splitlines(), after.splitlines()
    for key in sorted(keys, key=lambda key: -extent(old, key)[0]):  # from below, so that the numbers above stay
        for lines in (old, new):
            start, end = extent(lines, key)
            lines[start:end] = [f"<{key}>"]
    for number, (line, written) in enumerate(zip(old, new, strict=False), start=1):
        assert line == written, f"params.yaml: line {number} of {len(old)} (or a list above it) is not written as DVC writes it"
    assert len(old) == len(new), f"params.yaml: these lines are lost or new: {old[len(new) :] or new[len(old) :]}"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("train.epochs", "3"),
        ("train.optimizer.learning_rate", "1e-3"),
        ("prepare.invert", "true"),
        ("prepare.saturate.ink", "dark"),
        ("ingest.source", "/home/me/scans"),
        ("ingest.pattern", "'{group}/{label}/{name}'"),
        ("augment.rotation.degrees", "[-3.0,3.0]"),
        ("ingest.skip", "['.*','*.txt']"),
        ("model.network.dense_units", "[]"),
        ("augment.label_safe", "[]"),
        ("augment.salt_and_pepper.fraction", "[0.1,0.2]"),
        ("execute.address", "'tcp://10.0.0.5:8786'"),
        ("ingest.quality.odd_aspect", "inf"),
    ],
)
def test_dvc_changes_the_line_of_the_key_and_no_other(tmp_path: Path, key: str, value: str) -> None:
    after = set_by_dvc(tmp_path, TEXT, f"{key}={value}")
    assert after != TEXT
    check_others_stay(TEXT, after, key)


def test_dvc_changes_several_keys_at_once(tmp_path: Path) -> None:
    keys = ("train.epochs", "model.network.filters", "split.fractions")
    after = set_by_dvc(tmp_path, TEXT, "train.epochs=3", "model.network.filters=[8]", "split.fractions=[0.98,0.01,0.01]")
    check_others_stay(TEXT, after, *keys)
    lines = after.splitlines()
    assert [len(range(*extent(lines, key))) for key in keys] == [1, 2, 4]


@pytest.mark.parametrize(
    "value",
    ["[0.6, 0.2, 0.2]", "\n  - 0.6\n  - 0.2\n  - 0.2\n  # a comment below a list"],
    ids=["a list on one line", "a comment below a list"],
)
def test_another_layout_is_found(tmp_path: Path, value: str) -> None:
    text = put(TEXT, {"split.fractions": value})
    with pytest.raises(AssertionError, match=r"params.yaml: line \d+ of \d+"):
        check_others_stay(text, set_by_dvc(tmp_path, text, "train.epochs=3"), "train.epochs")


OVERLAYS = {
    "train.epochs": "train:\n  epochs: 3\n",
    "model.network.filters": "model:\n  network:\n    filters: [8, 16, 32]\n",
    "augment.label_safe": "augment:\n  label_safe: []\n",
    "ingest.skip": 'ingest:\n  skip: [".*"]\n',
    "execute.address": "execute:\n  backend: dask\n  address: tcp://10.0.0.5:8786\n",
}


@pytest.mark.parametrize("key", OVERLAYS)
def test_a_recipe_changes_the_lines_of_its_keys_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    keys = ("execute.address", "execute.backend") if key == "execute.address" else (key,)
    after = set_by_recipe(tmp_path, TEXT, monkeypatch, OVERLAYS[key])
    assert after != TEXT
    check_others_stay(TEXT, after, *keys)


def test_a_recipe_fills_an_empty_list_as_dvc_would(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = put(TEXT, {"augment.label_safe": "[]"})
    after = set_by_recipe(tmp_path, text, monkeypatch, "augment:\n  label_safe: [digits, letters]\n")
    lines = after.splitlines()
    start, end = extent(lines, "augment.label_safe")
    assert [line.split("#")[0].strip() for line in lines[start:end]] == ["label_safe:", "- digits", "- letters"]
    check_others_stay(text, after, "augment.label_safe")


@pytest.mark.parametrize("name", sorted(path.stem for path in (ROOT / "recipes").glob("*.yaml")))
def test_dvc_leaves_alone_what_a_recipe_wrote(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    overlay = (ROOT / f"recipes/{name}.yaml").read_text()
    written = set_by_recipe(tmp_path, TEXT, monkeypatch, overlay)
    check_others_stay(written, set_by_dvc(tmp_path, written, "train.seed=7"), "train.seed")


def choices(section: type[Section], where: str = "") -> Iterator[tuple[str, tuple[object, ...]]]:
    """Each key that takes one of a few values, with these values."""
    for name, field in section.model_fields.items():
        kind = field.annotation
        if kind is NetworkConfig:  # kinds are files, which a user may add; docs/networks.md has a row for each
            continue
        if isinstance(kind, type) and issubclass(kind, Section):
            yield from choices(kind, f"{where}{name}.")
        elif get_origin(kind) is Literal:
            yield f"{where}{name}", get_args(kind)
        elif sections := [own for own in get_args(kind) if isinstance(own, type) and issubclass(own, Section)]:
            if None.__class__ in get_args(kind):  # one section or none
                yield from choices(sections[0], f"{where}{name}.")
                continue
            yield f"{where}{name}.kind", tuple(get_args(own.model_fields["kind"].annotation)[0] for own in sections)


@pytest.mark.parametrize(("key", "values"), list(choices(Params)))
def test_the_comment_of_a_key_names_every_choice(key: str, values: tuple[object, ...]) -> None:
    lines = TEXT.splitlines()
    start, end = extent(lines, key)
    comment = " ".join(line.partition("#")[2] for line in lines[start:end])
    assert [value for value in values if not re.search(rf"(?<!\w){value}(?!\w)", comment)] == []


SPACES = "/media/scans of the ward/" + "a folder of many words/" * 4


@pytest.mark.parametrize("overlay", [f"ingest:\n  source: {SPACES}\n", f"ingest:\n  pattern: '{{label}}/{SPACES}{{name}}'\n"])
def test_dvc_leaves_a_long_value_that_a_recipe_wrote_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, overlay: str
) -> None:
    before = set_by_recipe(tmp_path, TEXT, monkeypatch, overlay)
    assert SPACES in " ".join(before.split())
    after = set_by_dvc(tmp_path, before, "train.epochs=3")
    check_others_stay(before, after, "train.epochs")
    comments = [line.partition("#")[2] for line in TEXT.splitlines() if "#" in line]
    assert [line.partition("#")[2] for line in after.splitlines() if "#" in line] == comments
