"""`darkroom try` on the digits, as a person uses it in Chromium and as programs ask it, all of one process."""

import csv
import shutil
import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx
import polars as pl
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import complaints_of, draw_line
from tests.end_to_end.conftest import ENVIRONMENT, Project

DIGITS = {
    "0": [(0.5, 0.1), (0.28, 0.25), (0.25, 0.6), (0.4, 0.88), (0.6, 0.88), (0.74, 0.6), (0.72, 0.25), (0.5, 0.1)],
    "1": [(0.38, 0.3), (0.55, 0.1), (0.55, 0.9)],
    "2": [(0.28, 0.25), (0.45, 0.1), (0.68, 0.2), (0.65, 0.45), (0.28, 0.88), (0.76, 0.88)],
    "3": [(0.3, 0.12), (0.68, 0.15), (0.45, 0.45), (0.7, 0.6), (0.62, 0.86), (0.28, 0.86)],
    "4": [(0.5, 0.1), (0.25, 0.6), (0.78, 0.6), (0.6, 0.6), (0.6, 0.35), (0.56, 0.92)],
    "5": [(0.72, 0.1), (0.36, 0.1), (0.33, 0.45), (0.62, 0.45), (0.7, 0.68), (0.55, 0.88), (0.28, 0.85)],
    "6": [(0.6, 0.1), (0.38, 0.35), (0.3, 0.7), (0.45, 0.9), (0.66, 0.8), (0.62, 0.58), (0.34, 0.62)],
    "7": [(0.26, 0.12), (0.74, 0.12), (0.5, 0.5), (0.42, 0.92)],
    "8": [(0.5, 0.48), (0.34, 0.28), (0.5, 0.1), (0.66, 0.28), (0.5, 0.48), (0.32, 0.72), (0.5, 0.9), (0.68, 0.7), (0.5, 0.5)],
    "9": [(0.68, 0.35), (0.45, 0.5), (0.34, 0.28), (0.5, 0.1), (0.68, 0.3), (0.64, 0.6), (0.5, 0.92)],
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Served:
    """A project whose model is tried, and the address of the page."""

    project: Project
    address: str


@pytest.fixture(scope="module")
def served(digits: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    project = Project(shutil.copytree(digits / "project", tmp_path_factory.mktemp("served") / "project"))
    project.set({"ingest.source": "raw/digits"})  # the same files, as a folder that drawings can be added to
    with subprocess.Popen(
        ["darkroom", "try", "--no-browser"], cwd=project.root, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True
    ) as process:
        line = process.stdout.readline() if process.stdout else ""
        assert line.startswith("try the model: http://127.0.0.1:"), line
        yield Served(project, line.split()[3].rstrip("/"))
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0


@pytest.fixture
def page(browser: Browser, served: Served) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1240, "height": 900})
    page = context.new_page()
    page.set_default_timeout(20_000)
    complaints = complaints_of(page, own=served.address)
    page.goto(served.address)
    yield page
    assert complaints == []  # nothing left the machine
    context.close()


def draw(page: Page, points: list[tuple[float, float]]) -> None:
    with page.expect_response(lambda answer: answer.url.endswith("/try")):
        draw_line(page, "#paper", points)
    page.wait_for_timeout(300)  # the last answer is shown


def test_drawn_digits_are_predicted_and_can_be_added(page: Page, served: Served) -> None:
    found = {}
    for digit, points in DIGITS.items():
        page.click("#clear")
        draw(page, points)
        expect(page.locator("#whole")).to_be_visible()
        found[digit] = page.inner_text("#said").partition(",")[0]
    assert set(found.values()) <= set(DIGITS)
    assert sum(digit == said for digit, said in found.items()) >= 6, found
    assert page.locator("#nearest img").count() == 5  # of data/prepared
    page.fill("#label", "9")
    page.press("#label", "Enter")
    expect(page.locator("#added")).to_contain_text("Saved as 9/drawn-")
    path = page.inner_text("#added").split()[2]
    served.project.repro("ingest")
    manifest = pl.read_parquet(served.project.root / "data/manifest.parquet").filter(id=path)
    assert manifest.select("label", "status").rows() == [("9", "ok")]


def test_a_thin_pen_gets_a_warning_and_a_corrupt_file_a_message(page: Page) -> None:
    draw(page, DIGITS["7"])
    expect(page.locator("#whole")).to_be_visible()
    page.click("#clear")
    page.fill("#pen", "1")
    draw(page, DIGITS["7"])
    expect(page.locator("#unlike")).to_contain_text("Unlike the training images: ")
    page.set_input_files("#files", {"name": "x.png", "mimeType": "image/png", "buffer": b"\x89PNG\r\n\x1a\n no picture"})
    expect(page.locator("#refused")).to_contain_text("x.png: ")


def test_odd_images_get_an_answer_or_a_reason(served: Served, png_corpus: Path) -> None:
    with (png_corpus / "MANIFEST.csv").open(newline="") as file:
        names = [row["file"] for row in csv.DictReader(file)]
    assert len(names) == 193
    statuses = {}
    with httpx.Client(base_url=served.address) as client:
        for name in names:
            response = client.post("/predict", files={"files": (Path(name).name, (png_corpus / name).read_bytes())})
            statuses[name] = response.status_code
            (own,) = response.json()["images"]
            assert (own["refused"] is None) == (response.status_code == 200)
        assert client.get("/healthz").json()["status"] == "ok"
    assert set(statuses.values()) == {200, 422}
    assert all(status == 200 for name, status in statuses.items() if name.startswith("exif/"))


def test_many_clients_at_once_are_all_answered(served: Served) -> None:
    files = sorted((served.project.root / "raw/digits").rglob("[0-9]*.png"))[::8][:200]
    with httpx.Client(base_url=served.address, timeout=60, limits=httpx.Limits(max_connections=16)) as client:

        def ask(path: Path) -> str:
            response = client.post("/predict", files={"files": (path.name, path.read_bytes())})
            assert response.status_code == 200
            return str(response.json()["images"][0]["predicted"])

        with ThreadPoolExecutor(16) as clients:
            said = list(clients.map(ask, files))
    assert len(said) == 200
    assert sum(own == path.parent.name for own, path in zip(said, files, strict=True)) >= 170
