"""The page: its content, its silence towards the network, and, in a browser, the opening of a cell."""

import dataclasses
import json
import re
import shutil
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from matplotlib.figure import Figure
from playwright.sync_api import Page, sync_playwright

from dataprep.decode.value_range import with_levels
from dataprep.store.shards import ShardIndex, ShardKey, write_index, write_shard
from dataprep.store.split_report import ClassPortions, Counts, Portion, Shared, SplitMetrics
from models.diagnose.diagnosis import diagnose
from models.diagnose.leakage_estimate import LeakageEstimate, ProbeScore
from models.diagnose.metrics import measure
from models.evaluate.denoising import Denoised
from models.evaluate.robustness import Robustness, Superposed, UnderOperation
from models.report.charts import _draw, learning_curves
from models.report.content import Content, Example, Quarantined, _balance, collect
from models.report.name_wrapping import breakable
from models.report.page import render
from models.report.thumbnails import png_address
from pipelines.params import Params
from tests.conftest import random_image
from tests.dataprep.store.test_shards import CLASSES, content_of
from tests.models.made_up import facts_of, pictures_of, predictions, quiet_evidence

HOSTILE = '<script>document.title="owned"</script>"\'&'
ROWS = predictions({"train": (0.99, 120), "validation": (0.8, 60), "test": (0.85, 60)}).with_columns(
    id=pl.when(pl.col("id") == "c/validation0059.png").then(pl.lit(f"c/{HOSTILE}.png")).otherwise("id")
)
UNUSUAL = ROWS.filter(pl.col("split") == "validation").sort("confidence")["id"].head(2).to_list()
HISTORY = pl.DataFrame(
    {
        "epoch": [1, 2, 3],
        "loss": [0.9, 0.5, 0.3],
        "accuracy": [0.6, 0.8, 1.0],
        "val_loss": [0.8, 0.6, 0.7],
        "val_accuracy": [0.7, 0.8, 0.8],
    }
)
MANIFEST = pl.DataFrame(
    {
        "id": [*UNUSUAL, "train.png", f"{HOSTILE}.jpg", "Thumbs.db"],
        "status": ["ok"] * 3 + ["quarantined", "skipped"],
        "reason": [None] * 3 + ["empty", "skipped"],
        "message": [None] * 3 + ["the file has 0 bytes", "its name is in ingest.skip"],
        "issues": [["dark", "low_contrast"], ["dark"], [], None, None],
        "width": [100] * 3 + [None] * 2,
        "height": [120] * 3 + [None] * 2,
        "mode": ["RGB"] * 3 + [None] * 2,
    }
)


ROBUSTNESS = Robustness(
    images=60,
    clusters=40,
    accuracy=0.9,
    operations=[
        UnderOperation(operation="vertical_flip", probability=0.0, accuracy=0.1, accuracy_interval=(0.05, 0.2)),
        UnderOperation(operation="rotation", probability=0.5, accuracy=0.62, accuracy_interval=(0.5, 0.7)),
        UnderOperation(operation="noise", probability=0.5, accuracy=0.88, accuracy_interval=(0.8, 0.93)),
    ],
    levels=[],
    regions=[],
    superposed={"validation": Superposed(images=60, exact_match=0.731, exact_match_interval=(0.6, 0.8))},
    denoised={"test": Denoised(images=60, noise_std=76.5, psnr_noisy=13.31, psnr_denoised=21.48)},
)


@pytest.fixture(scope="module")
def content(params: Params, tmp_path_factory: pytest.TempPathFactory) -> Content:
    prepared = tmp_path_factory.mktemp("prepared")
    images = np.stack([random_image(seed) for seed in range(ROWS.height)])
    shard = content_of(images)
    shard.ids[:] = ROWS["id"].to_list()
    entry = write_shard(prepared, ShardKey("train", 0, "f" * 32), shard)
    index = ShardIndex(
        shape=(12, 12, 1),
        class_names=CLASSES,
        decode=with_levels(params.ingest.decode, {}),
        prepare=params.prepare.pixels,
        shards=[entry],
    )
    write_index(prepared, index)
    metrics = measure(ROWS)
    nothing = Counts(groups=0, duplicates=0, near_duplicates=0)
    train = Portion(images=40, clusters=40, asked=0.6, got=0.5)
    held_out = Portion(images=20, clusters=20, asked=0.2, got=0.25)
    data = SplitMetrics(
        images={"train": 120, "validation": 60, "test": 60},
        shared=Shared(
            train_validation=Counts(groups=7, duplicates=11, near_duplicates=13), train_test=nothing, validation_test=nothing
        ),
        kept_together=Counts(groups=1234, duplicates=0, near_duplicates=0),
        warnings=[f"split.pin.origin names what no image has: '{HOSTILE}'"],
        classes=[ClassPortions(class_name=name, train=train, validation=held_out, test=held_out) for name in "abc"],
    )
    leakage = LeakageEstimate(
        train_images=4000,
        held_out_images=1500,
        made=ProbeScore(accuracy=0.84, accuracy_interval=(0.82, 0.86)),
        random=ProbeScore(accuracy=0.97, accuracy_interval=(0.96, 0.98)),
        kept_apart="60 groups",
    )
    pictures = pictures_of(params, height=120, width=100, color="RGB")
    evidence = dataclasses.replace(quiet_evidence(), robustness=ROBUSTNESS)
    facts = facts_of(metrics, params, 0.99, leakage=leakage, pictures=pictures, evidence=evidence)
    return collect(
        ROWS,
        facts=facts,
        diagnosis=diagnose(facts),
        history=HISTORY,
        manifest=MANIFEST,
        data=data,
        prepared=prepared,
        config=params.diagnose,
    )


@pytest.fixture(scope="module")
def html(content: Content) -> str:
    return render(content)


def test_the_page_is_the_same_bytes_twice(content: Content, html: str) -> None:
    assert render(content) == html
    assert learning_curves(HISTORY, 2) == learning_curves(HISTORY, 2)
    assert learning_curves(HISTORY, 2) != learning_curves(HISTORY, 3)  # the epoch that was kept is marked


def test_a_curve_goes_on_where_the_error_is_zero() -> None:
    curves = pl.DataFrame({"epoch": [1, 2, 3, 4], "train": [9.0, 0.5, 0.0, 0.0], "validation": [20.0, 1.0, 0.1, 2.0]})
    axes = Figure().subplots()
    _draw(axes, curves, "error", 3)
    places = [axes.transData.transform(np.column_stack(line.get_data()))[:, 1] for line in axes.lines[:2]]
    assert np.isfinite(places).all()
    train, validation = places
    assert train[2] == train[3] < validation.min() < validation.max()
    assert axes.bbox.y0 < train[3]
    assert train[0] - train[1] > 2 * (validation[3] - validation[1])  # a factor of 18 against one of 2
    assert "0" in [label.get_text() for label in axes.get_yticklabels()]


def test_the_page_shows_augmentation_and_warns_of_what_destroys_labels(content: Content, html: str) -> None:
    assert '<img class="sheet fits" src="data:image/png;base64,' in html
    assert "Denoised test images, 60 of them with noise of 76.5 gray levels: peak signal-to-noise ratio 13.31 dB before" in html
    assert "Superposed validation images, 60 of them: all classes found, and no other, in 73.1% (60.0% to 80.0%)" in html
    assert "Augmentation: rotation is on, and under it alone the network reads much worse." in html  # a flip is worse, and off
    untried = dataclasses.replace(
        content,
        robustness=Robustness(
            images=0, clusters=0, accuracy=None, operations=[], levels=[], regions=[], superposed={}, denoised={}
        ),
    )
    assert "None was tried: evaluate.images_per_operation is 0." in render(untried)


def test_the_page_shows_how_often_each_class_is_seen(content: Content, params: Params) -> None:
    assert [(row.num_images, row.num_shown) for row in content.balance] == [(40, 40)] * 3
    copies = params.augment.model_copy(update={"copies": 2})
    assert [row.num_shown for row in _balance(content.data, copies)] == [120] * 3


def test_the_page_names_figures_mistakes_and_quarantined_files(content: Content, html: str) -> None:
    assert content.diagnosis.first.headline in html
    assert "85.0%" in html
    assert "120 x 100 RGB -&gt; 16 x 16 gray: 0.71% of the values" in html
    assert len(content.worst) == 12
    assert all(example.id in html for example in content.worst if HOSTILE not in example.id)
    assert len(content.correct) == 9
    assert "the file has 0 bytes" in html
    assert "split.pin.origin names what no image has" in html


def test_the_page_counts_unusual_images_and_how_they_fare(content: Content, html: str) -> None:
    assert content.shown_split == "validation"
    mistakes = ROWS.filter(pl.col("id").is_in(UNUSUAL) & (pl.col("label") != pl.col("predicted"))).height
    dark, low_contrast = content.unusual
    assert (dark.issue, dark.num_images, dark.num_shown, dark.num_mistakes) == ("dark", 2, 2, mistakes)
    assert (low_contrast.issue, low_contrast.num_images, low_contrast.example) == ("low_contrast", 1, UNUSUAL[0])
    assert f"<td>{mistakes} of 2</td>" in html
    assert "Skipped by their names (<code>ingest.skip</code>): 1." in html


def test_the_page_proves_that_nothing_leaks_and_what_each_class_got(html: str) -> None:
    assert "<strong>31</strong><small>7 groups, 11 exact and 13 near duplicates shared</small>" in html
    assert "<tr><th>train and validation</th><td>7</td><td>11</td><td>13</td></tr>" in html
    assert "<tr><th>train and test</th><td>0</td><td>0</td><td>0</td></tr>" in html
    assert "<tr><th>kept together</th><td>1,234</td><td>0</td><td>0</td></tr>" in html
    assert "<th>got (60.0% asked)</th>" in html
    assert '<tr><th>a</th><td>40</td><td class="got">50.0%</td><td>20</td><td class="got">25.0%</td>' in html


def test_the_page_says_what_a_random_split_would_have_overestimated(content: Content, html: str) -> None:
    sentence = (
        "A random split would have overestimated the accuracy: 0.97 instead of 0.84 "
        "(nearest-neighbour probe; the split keeps 60 groups apart)."
    )
    assert sentence in html
    without = content.diagnosis.model_copy(update={"findings": content.diagnosis.findings[:1]})
    assert "overestimated" not in render(dataclasses.replace(content, diagnosis=without))


def test_the_page_lists_every_finding_with_its_causes_and_commands(content: Content, html: str) -> None:
    ids = [finding.id for finding in content.diagnosis.findings]
    assert ids == ["harmful_augmentation", "high_variance", "small_pictures", "leakage"]
    first = content.diagnosis.first
    assert first.evidence in html
    assert "; ".join(first.causes) in html
    commands = re.findall(r"<code>(dvc exp run [^<]*)</code>", html)
    proposed = [action.command for finding in content.diagnosis.findings for action in finding.actions if action.command]
    assert list(map(unescape, commands)) == proposed
    assert all(finding.headline in html for finding in content.diagnosis.findings)


def test_the_page_fetches_nothing(html: str) -> None:
    assert set(re.findall(r"""(?:src|href)=["']?([a-z]+):""", html)) == {"data"}
    assert "default-src 'none'" in html
    assert not re.search(r"<link|@import|url\(", html)


def test_other_people_s_text_is_text(html: str) -> None:
    assert HOSTILE not in html
    assert "&lt;script&gt;" in html
    embedded = re.search(r'<script type="application/json" id="examples">(.*?)</script>', html, re.DOTALL)
    assert embedded is not None
    assert any(HOSTILE in example[2] for example in json.loads(embedded[1]))


def test_thumbnails_are_shrunk_and_never_enlarged() -> None:
    small, large = random_image(0, (12, 12, 1)), random_image(0, (300, 200, 3))
    assert png_address(small, max_px=96).startswith("data:image/png;base64,")
    assert len(png_address(large, max_px=24)) < 4000 < len(png_address(large, max_px=300))


@pytest.fixture(scope="module")
def page(html: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    path = tmp_path_factory.mktemp("page") / "index.html"
    path.write_text(html, encoding="utf-8")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: complaints.append(request.url) if request.url.startswith("http") else None)
        page.goto(path.as_uri())
        yield page
        assert complaints == []
        browser.close()


def test_a_cell_opens_the_images_behind_it(page: Page) -> None:
    assert page.locator("#cell figure").count() > 0  # the most confused cell is open from the start
    wrong = ROWS.filter((pl.col("split") == "validation") & (pl.col("label") != pl.col("predicted")))
    counts = wrong.group_by("label", "predicted").len().sort("label", "predicted").rows()
    assert len(counts) == 6
    for true, predicted, count in counts:
        page.click(f'button[data-true="{true}"][data-predicted="{predicted}"]')
        assert page.inner_text("#cell p") == f"{true} read as {predicted}: {count} image{'s' * (count > 1)}"
        assert page.locator("#cell figure img").count() == count
        assert page.locator('.matrix button[aria-pressed="true"]').count() == 1
        width = page.eval_on_selector("#cell img", "image => image.naturalWidth")
        assert width == 12


def test_a_hostile_name_is_shown_and_not_run(page: Page) -> None:
    page.click('button[data-true="c"][data-predicted="a"]')
    assert HOSTILE in page.inner_text("#cell")
    assert page.title() == "Darkroom report"


LONG_NAMES = [
    "cat/IMG_4341.JPG",
    "Siamese_cat/2024-01-31_holiday/DSC_00017.final.jpeg",
    "w03/7/a.png",
    f"x/{'y' * 60}.png",
    "tabby cat/IMG_4341 (copy).JPG",
]


def test_a_name_is_marked_where_it_may_break_and_nowhere_else() -> None:
    assert breakable("cat/IMG_4341.JPG") == "cat/<wbr>IMG_<wbr>4341.<wbr>JPG"
    assert breakable("a--b") == "a--<wbr>b"
    assert breakable("<b>.png") == "&lt;b&gt;.<wbr>png"
    assert breakable("y" * 18 + ".png") == f'<span class="long">{"y" * 18}.</span><wbr>png'
    assert breakable("") == ""
    for name in LONG_NAMES:
        assert breakable(name).striptags().replace(" ", "") == name.replace(" ", "")


@pytest.mark.parametrize("width", [380, 900, 1280])
def test_no_name_breaks_within_a_word(content: Content, page: Page, tmp_path: Path, width: int) -> None:
    def renamed(examples: list[Example]) -> list[Example]:
        return [
            dataclasses.replace(example, id=LONG_NAMES[number % len(LONG_NAMES)]) for number, example in enumerate(examples)
        ]

    files = [Quarantined(id=name, reason="undecodable", message="a sentence " * 12) for name in LONG_NAMES]
    path = tmp_path / "index.html"
    path.write_text(
        render(
            dataclasses.replace(
                content,
                worst=renamed(content.worst),
                correct=renamed(content.correct),
                cells=renamed(content.cells),
                quarantined=files,
            )
        ),
        encoding="utf-8",
    )
    browser = page.context.browser
    assert browser is not None
    other = browser.new_page()
    other.set_viewport_size({"width": width, "height": 900})
    other.goto(path.as_uri())
    lines = other.evaluate(LINES_OF_EACH_PIECE)
    other.close()
    assert len(lines) > 100
    assert {piece for piece, count, _ in lines if count > 1} <= {"y" * 60 + "."}
    assert max(right for _, _, right in lines) <= width


LINES_OF_EACH_PIECE = """() => {
  const found = [];
  for (const name of document.querySelectorAll(".path")) {
    const boxes = [];
    const walker = document.createTreeWalker(name, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      for (let index = 0; index < walker.currentNode.length; index++) {
        const range = document.createRange();
        range.setStart(walker.currentNode, index);
        range.setEnd(walker.currentNode, index + 1);
        boxes.push(range.getBoundingClientRect());
      }
    }
    for (const piece of name.textContent.matchAll(/[^\\s/_.-]+[/_.-]*/g)) {
      const own = boxes.slice(piece.index, piece.index + piece[0].length);
      found.push([piece[0], new Set(own.map((box) => box.top)).size, Math.max(...own.map((box) => box.right))]);
    }
  }
  return found;
}"""


def test_a_name_is_copied_as_it_is(page: Page) -> None:
    path = page.locator("#cell .path").first
    copied = path.evaluate("element => { getSelection().selectAllChildren(element); return getSelection().toString(); }")
    assert copied == path.get_attribute("title")
