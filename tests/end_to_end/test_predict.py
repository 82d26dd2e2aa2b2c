"""`darkroom predict` on a project that was run: the answers of evaluate, refused files, strangers' models, and the docs."""

import csv
import io
import json
import os
import re
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from playwright.sync_api import Browser

from dataprep.core.name_encoding import printable
from tests.browser import INJECTED_ELEMENTS, complaints_of
from tests.closure import ROOT
from tests.conftest import random_image, write_png
from tests.end_to_end.conftest import Project
from tests.web_server import web_server


@pytest.fixture(scope="module")
def project(make_ran_project: Callable[[], Project]) -> Project:
    return make_ran_project()


@dataclass(frozen=True, slots=True)
class Predicted:
    """What `darkroom predict --report` said of the project's raw files, of strange ones, and of files with naughty names."""

    project: Project
    output: str
    rows: list[dict[str, str]]
    names: list[bytes]

    @property
    def page(self) -> Path:
        return self.project.root / "reports/predictions.html"


@pytest.fixture(scope="module")
def predicted(project: Project, naughty_names: list[bytes]) -> Predicted:
    strange, named = project.root / "strange", project.root / "names"
    for folder in (strange, named):
        folder.mkdir()
    (strange / "=bad.png").write_bytes(b"no image")
    (strange / "notes").write_text("no image either")
    whole = write_png(strange / "noise.png", random_image(1, (20, 20, 1))).read_bytes()
    names = sorted({name for name in naughty_names if not name.startswith(b".")})  # which ingest.skip leaves out
    for number, name in enumerate(names):
        (named / os.fsdecode(name)).write_bytes(whole if number % 2 else whole[:-30])
    with web_server({"web.png": whole}) as address:
        named_on_the_web = [f"{address}/web.png", f"{address}/gone.png"]
        ended = project.run(
            *("darkroom", "predict", *named_on_the_web, "names", "raw/tiny", "strange"),
            *("--out", "reports/predictions.csv", "--report"),
        )
    assert ended.exit_code == 3, ended.output
    rows = list(csv.DictReader(io.StringIO(project.read("reports/predictions.csv"), newline="")))
    return Predicted(project, ended.output, rows, names)


def test_raw_files_are_answered_as_evaluate_answers_and_a_bad_file_is_a_row(predicted: Predicted) -> None:
    project, rows = predicted.project, predicted.rows
    expected = {
        f"raw/tiny/{row['id']}": row for row in pl.read_parquet(project.root / "artifacts/predictions.parquet").to_dicts()
    }
    ours = {row["path"]: row for row in rows if row["path"].startswith("raw")}
    assert sorted(ours) == sorted(expected)
    for path, row in expected.items():
        assert ours[path]["class"] == row["predicted"]
        assert float(ours[path]["confidence"]) == pytest.approx(row["confidence"], abs=1e-6)
    found, gone, *_, bad, noise = rows
    assert found["path"].endswith("/web.png")
    numbers = ("confidence", "second_confidence", "third_confidence")  # whose last digit depends on the batch
    assert [float(found[name]) for name in numbers] == pytest.approx([float(noise[name]) for name in numbers], abs=1e-6)
    other = dict.fromkeys(("path", *numbers))
    assert found | other == noise | other
    assert (gone["reason"], gone["message"]) == ("unreadable", f"FileNotFoundError: {gone['path']}")
    assert (bad["path"], bad["reason"], bad["class"]) == ("strange/=bad.png", "not_an_image", "")
    assert noise["unlike_training"]
    assert noise["accepted"] == "false"
    num_predicted = len(rows) - (len(predicted.names) + 1) // 2 - 2
    assert f"predict: {len(rows)} images -> {num_predicted} predicted" in predicted.output
    assert "left out: 1 file" in predicted.output
    assert predicted.page.read_text().count("<figure") == num_predicted


def test_names_that_break_other_programs_are_shown_as_they_are(predicted: Predicted, browser: Browser) -> None:
    names = [f"names/{printable(name)}" for name in predicted.names]
    found = [row for row in predicted.rows if row["path"].startswith("names/")]
    assert [row["path"] for row in found] == names
    assert [row["reason"] for row in found] == ["undecodable" if number % 2 == 0 else "" for number in range(len(names))]
    page = browser.new_page()
    complaints = complaints_of(page)
    page.goto(predicted.page.as_uri())
    texts = page.evaluate("[...document.querySelectorAll('.path')].map((own) => own.textContent)")
    titles = page.evaluate("[...document.querySelectorAll('figure .path')].map((own) => own.title)")
    assert sorted(text for text in texts if text.startswith("names/")) == sorted(names)
    assert set(titles) <= set(texts)
    assert page.evaluate(INJECTED_ELEMENTS) == []
    assert page.evaluate("document.querySelectorAll('script').length") == 0
    assert complaints == []
    page.close()


def doctored(project: Project, name: str, change: Callable[[dict[str, Any]], object]) -> str:
    """The project's model with other metadata."""
    with (
        zipfile.ZipFile(project.root / "artifacts/model.keras") as source,
        zipfile.ZipFile(project.root / name, "w") as target,
    ):
        for member in source.namelist():
            content = source.read(member)
            if member == "metadata.json":
                metadata = json.loads(content)
                change(metadata)
                content = json.dumps(metadata).encode()
            target.writestr(member, content)
    return name


def test_a_stranger_s_model_is_one_line(project: Project) -> None:
    (project.root / "cut.keras").write_bytes((project.root / "artifacts/model.keras").read_bytes()[:2000])
    cases = {
        doctored(project, "none.keras", lambda metadata: metadata.pop("darkroom")): "what it was trained on; it does not",
        doctored(project, "old.keras", lambda metadata: metadata["darkroom"].update(version=1)): "2; it says 1",
        "cut.keras": "cannot be loaded as a Keras model",
        "absent.keras": "absent.keras is missing",
    }
    for name, words in cases.items():
        ended = project.run("darkroom", "predict", "raw/tiny", "--model", name)
        assert ended.exit_code == 2
        assert ended.output.count("\n") == 1
        assert ended.output.startswith("error: ")
        assert words in ended.output


def test_the_example_of_the_page_runs(project: Project) -> None:
    [example] = re.findall(r"```python\n(.*?)```", (ROOT / "docs/predict.md").read_text(encoding="utf-8"), re.DOTALL)
    ended = project.run("python", "-c", example)
    assert ended.exit_code == 0, ended.output
    answers = [line.split() for line in ended.output.splitlines() if line.startswith("raw/tiny")]
    assert len(answers) == 60
    assert {name.split("/")[2] == class_name for name, class_name, *_ in answers} <= {True, False}
    assert {words[1] for words in answers} <= {"class0", "class1", "class2"}


def test_without_a_reference_it_says_so_and_predicts(project: Project, tmp_path: Path) -> None:
    alone = tmp_path / "model.keras"
    alone.write_bytes((project.root / "artifacts/model.keras").read_bytes())
    ended = project.run(
        "darkroom", "predict", "raw/tiny/class0/00.png", "--model", str(alone), "--out", str(tmp_path / "x.jsonl")
    )
    assert ended.exit_code == 0, ended.output
    assert "warning: images are not compared with the training images" in ended.output
    [row] = [json.loads(line) for line in (tmp_path / "x.jsonl").read_text().splitlines()]
    assert row["class"] in ("class0", "class1", "class2")
    assert (row["accepted"], row["unlike_training"]) == (None, None)
