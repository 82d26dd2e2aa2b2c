"""What a person does on the page, in headless Chromium; it asks for nothing, and complains of nothing (`open_page`)."""

import csv
import dataclasses
import io
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from urllib.parse import unquote

import polars as pl
import pytest
from playwright.sync_api import Page

from dataprep.core.name_encoding import printable
from dataprep.ingest.corrections import read_corrections
from models.report.content import Content, Quarantined
from models.report.page import render
from pipelines.parameters.params import Params
from tests.browser import INJECTED_ELEMENTS
from tests.models.made_up import answers
from tests.models.report.made_up_page import HOSTILE, MANIFEST, ROWS, UNUSUAL, VALIDATION, WRONG, MadeUp, made_up_content
from tests.models.report.test_page import LONG_NAMES

pytestmark = pytest.mark.processes  # Chromium is started

OpenPage = Callable[..., AbstractContextManager[Page]]


def paths(page: Page, box: str = "#gallery") -> list[str]:
    return [path.get_attribute("title") or "" for path in page.locator(f"{box} figure .path").all()]


def test_a_cell_opens_the_images_behind_it(page: Page) -> None:
    assert page.locator("#cell figure").count() > 0  # the most confused cell is open from the start
    counts = WRONG.group_by("label", "predicted").len().sort("label", "predicted").rows()
    assert len(counts) == 6
    for true, predicted, count in counts:
        page.click(f'button[data-true="{true}"][data-predicted="{predicted}"]')
        assert page.inner_text("#cell p") == f"{true} read as {predicted}: {count} image{'s' * (count > 1)}"
        assert page.locator("#cell figure canvas").count() == count
        assert page.locator('.matrix button[aria-pressed="true"]').count() == 1
        assert page.eval_on_selector("#cell canvas", "canvas => canvas.width") == 12


def test_cells_say_counts_or_rates(page: Page) -> None:
    cell = page.locator(".matrix td.right").first
    count = VALIDATION.filter((pl.col("label") == "a") & (pl.col("predicted") == "a")).height
    assert cell.inner_text() == str(count)
    page.check('input[value="rates"]')
    assert cell.inner_text() == f"{100 * count / 20:.0f}"


def test_a_hostile_name_is_shown_and_not_run(page: Page) -> None:
    page.click('button[data-true="c"][data-predicted="a"]')
    assert HOSTILE in page.inner_text("#cell")
    assert page.title() == "Darkroom report"


def test_images_are_filtered_and_sorted(page: Page) -> None:
    assert paths(page) == WRONG["id"].to_list()  # the least probable truth first
    page.select_option('[name="order"]', "path")
    assert paths(page) == sorted(WRONG["id"])
    page.select_option('[name="true"]', label="b")
    assert paths(page) == sorted(WRONG.filter(label="b")["id"])
    page.select_option('[name="true"]', "")
    page.fill('[name="least"]', "95")
    assert paths(page) == sorted(WRONG.filter(pl.col("confidence") >= 0.95)["id"])
    page.fill('[name="least"]', "")
    page.select_option('[name="group"]', label="w2")
    assert paths(page) == WRONG["id"].to_list()[:1]
    page.click("#filters button[type=reset]")
    page.fill('[name="path"]', "0059")
    assert paths(page) == []
    page.fill('[name="path"]', "SCRIPT")
    assert paths(page) == [f"c/{HOSTILE}.png"]
    page.fill('[name="path"]', "")
    page.select_option('[name="verdict"]', "right")
    assert len(paths(page)) == 48
    page.select_option('[name="split"]', label="train")
    page.select_option('[name="verdict"]', "all")
    assert set(paths(page)) <= set(ROWS.filter(split="train")["id"])
    assert page.locator('[name="split"] option').all_inner_texts() == ["any", "train", "validation"]  # no test image


def test_the_keyboard_moves_opens_marks_and_closes(page: Page) -> None:
    first, second = WRONG["id"].head(2)
    page.focus("#gallery figure")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.querySelector('.path').title") == second
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("x")
    page.keyboard.press("Enter")
    assert page.inner_text("#viewerpath") == first
    assert page.locator('[data-mark="exclude"]').get_attribute("aria-pressed") == "true"
    page.keyboard.press("ArrowRight")
    assert page.inner_text("#viewerpath") == second
    page.keyboard.press("f")
    page.keyboard.press("Escape")
    assert not page.is_visible("#viewer")
    assert page.locator("#gallery figure .mark").all_inner_texts() == ["exclude", "fine"]
    page.select_option('[name="verdict"]', "marked")
    assert paths(page) == [first, second]


def test_the_dialog_shows_what_is_known_of_an_image(page: Page) -> None:
    page.locator("#gallery figure").first.click()
    row = WRONG.row(0, named=True)
    assert page.inner_text("#viewertitle") == f"{row['label']} read as {row['predicted']}"
    top = sorted((row[f"probability_{name}"] for name in "abc"), reverse=True)
    shown = [line.split()[1] for line in page.locator("#top .probable").all_inner_texts()]
    assert shown == [f"{100 * probability:.1f}%" for probability in top]
    assert page.inner_text("#resolution") == "12 x 12 pixels, as stored"
    assert "w2" in page.inner_text("#facts")
    near = paths(page, "#near")
    assert len(near) == 4
    assert set(near) <= set(ROWS.filter(split="train")["id"])
    assert page.locator("#whole .layer").count() == 0
    page.keyboard.press("s")
    assert page.locator("#whole .layer").get_attribute("alt") == "saliency map"
    page.click("#copypath")
    assert page.evaluate("navigator.clipboard.readText()") == row["id"]
    assert page.evaluate("getSelection().selectAllChildren(byId('viewerpath')), getSelection().toString()") == row["id"]


def test_the_raw_file_is_linked_to_whatever_its_name(page: Page) -> None:
    page.locator("#gallery figure").first.click()
    assert page.get_attribute("#raw", "href") == "../raw/a/%E9.png"  # byte for byte: it is no UTF-8
    page.keyboard.press("ArrowRight")
    assert page.get_attribute("#raw", "href") == f"../raw/{WRONG['id'][1]}"
    page.evaluate("viewRaw({ ...viewedList[0], number: -1 })")  # as if its name were its id
    link = page.get_attribute("#raw", "href") or ""
    assert unquote(link) == f"../raw/c/{HOSTILE}.png"
    assert not set('<>"&') & set(link)


def test_without_a_raw_folder_beside_it_there_is_no_link(content: Content, open_page: OpenPage) -> None:
    with open_page(render(dataclasses.replace(content, raw=None, raw_exceptions={}))) as page:
        page.locator("#gallery figure").first.click()
        assert page.is_visible("#viewerpath")
        assert not page.is_visible("#raw")


def test_what_changed_since_the_run_before_is_said_until_the_next(content: Content, open_page: OpenPage) -> None:
    metrics = content.metrics.model_copy(deep=True)
    better = metrics.validation.model_copy(update={"accuracy": metrics.validation.accuracy + 0.0123})
    after = dataclasses.replace(content, metrics=metrics.model_copy(update={"validation": better}))
    findings = content.diagnosis.findings
    after = dataclasses.replace(after, diagnosis=content.diagnosis.model_copy(update={"findings": findings[:-1]}))
    with open_page(render(content)) as page:
        assert not page.is_visible("#since")
        page.reload()
        assert not page.is_visible("#since")
        Path(unquote(page.url.removeprefix("file://"))).write_text(render(after), encoding="utf-8")
        for _ in range(2):  # a second look at the same report says the same
            page.reload()
            before = 100 * content.metrics.validation.accuracy
            said = page.inner_text("#changes")
            assert f"validation {before:.1f}% to {before + 1.23:.1f}% (+1.2)" in said
            assert f"; gone: {findings[-1].id.replace('_', ' ')}" in said
            assert "test" not in said


def test_the_picture_is_that_of_the_image(page: Page, content: Content) -> None:
    """The tile that is drawn has the pixels of the card, which was encoded by itself."""
    same = page.evaluate(
        """async ([id, address]) => {
            const image = images.find((one) => one.id === id);
            const drawn = tile(image);
            await sheets[0].ready;
            await new Promise((ready) => setTimeout(ready));
            const card = new Image();
            card.src = address;
            await card.decode();
            const other = document.createElement("canvas");
            [other.width, other.height] = [card.width, card.height];
            other.getContext("2d").drawImage(card, 0, 0);
            const pixels = (canvas) => canvas.getContext("2d").getImageData(0, 0, 12, 12).data.join();
            return pixels(drawn) === pixels(other);
        }""",
        [content.worst[3], content.gallery.cards[content.worst[3]]],
    )
    assert same


def exported(page: Page) -> str:
    with page.expect_download() as download:
        page.click("#export")
    assert download.value.suggested_filename == "corrections.csv"
    return Path(download.value.path()).read_text(encoding="utf-8-sig")


def rows_of(text: str) -> list[list[str]]:
    head, *rows = csv.reader(io.StringIO(text))
    assert head == ["path", "mark", "label"]
    return rows


def test_marks_are_exported_and_last_when_the_page_is_opened_again(page: Page) -> None:
    assert not page.is_visible("#marks")
    page.locator("#gallery figure").first.click()
    page.select_option("#label", "c")
    page.keyboard.press("Escape")
    page.focus(f'#gallery figure[aria-label*="{WRONG["label"][1]}"]:nth-child(2)')
    page.keyboard.press("f")
    first, second = WRONG["id"].head(2)
    before = [UNUSUAL[0], "wrong_label", "a"]  # what was decided of the first was another thing
    assert rows_of(exported(page)) == sorted([before, [first, "wrong_label", "c"], [second, "fine", ""]])
    page.reload()
    assert page.inner_text("#marked") == "2 images marked"
    page.click("#clear")
    assert not page.is_visible("#marks")
    page.reload()
    assert not page.is_visible("#marks")


def test_a_page_that_may_keep_nothing_marks_all_the_same(html: str, open_page: OpenPage) -> None:
    with open_page(html) as page:
        page.add_init_script("Object.defineProperty(window, 'localStorage', { get() { throw new Error('closed'); } })")
        page.reload()
        page.focus("#gallery figure")
        page.keyboard.press("f")
        assert sorted([[WRONG["id"][0], "fine", ""], [UNUSUAL[0], "wrong_label", "a"]]) == rows_of(exported(page))


def test_a_lasso_opens_the_images_within_and_a_click_the_nearest(page: Page) -> None:
    page.locator("#points").scroll_into_view_if_needed()
    box = page.locator("#points").bounding_box()
    assert box is not None
    corners = [(1, 1), (box["width"] - 2, 1), (box["width"] - 2, box["height"] - 2), (1, box["height"] - 2)]
    page.mouse.move(box["x"] + 1, box["y"] + 1)
    page.mouse.down()
    for x, y in corners[1:]:
        page.mouse.move(box["x"] + x, box["y"] + y, steps=3)
    page.mouse.up()
    assert page.inner_text("#lasso p") == "60 images within, 12 mistakes"
    assert paths(page, "#lasso")[:12] == WRONG["id"].to_list()
    assert page.locator("#points .ring").count() == 12
    point = page.locator("#points circle").nth(5).bounding_box()
    assert point is not None
    page.mouse.click(point["x"] + point["width"] / 2, point["y"] + point["height"] / 2)
    assert page.is_visible("#viewer")


def test_the_map_shows_one_class_alone(page: Page) -> None:
    page.select_option("#only", label="b")
    assert page.locator("#points circle:not(.off)").count() == 20


def test_the_theme_changes(page: Page) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    assert page.inner_text("#theme") == "Dark"
    page.click("#theme")
    assert page.evaluate(ground) != light
    assert page.inner_text("#theme") == "Light"
    page.click("#theme")
    assert page.evaluate(ground) == light


def test_a_command_is_copied(page: Page, content: Content) -> None:
    command = next(action.command for action in content.diagnosis.first.actions if action.command)
    button = page.locator("#findings .copy").first
    button.click()
    assert page.evaluate("navigator.clipboard.readText()") == command
    assert button.inner_text() == "Copied"


def test_a_command_is_copied_where_a_file_may_not_write_to_the_clipboard(page: Page, content: Content) -> None:
    page.evaluate("navigator.clipboard.writeText('')")
    page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(new Error('denied')); }")
    page.locator("#findings .copy").first.click()
    page.wait_for_function("document.querySelector('#findings .copy').textContent === 'Copied'")
    command = next(action.command for action in content.diagnosis.first.actions if action.command)
    assert page.evaluate("navigator.clipboard.readText()") == command


def test_a_name_is_copied_as_it_is(page: Page) -> None:
    path = page.locator("#cell .path").first
    copied = path.evaluate("element => { getSelection().selectAllChildren(element); return getSelection().toString(); }")
    assert copied == path.get_attribute("title")


def test_without_a_script_all_but_filters_lasso_and_dialog_is_there(html: str, open_page: OpenPage) -> None:
    with open_page(html, javascript=False) as page:
        assert page.locator("#gallery .path").all_inner_texts() == WRONG["id"].to_list()
        assert page.locator("#gallery img").count() == 12
        assert page.locator("#points circle").count() == 60
        assert not any(page.is_visible(name) for name in ("#filters", "#theme", "#marks", "#findings .copy", "#only"))
        page.check('input[value="rates"]')
        assert page.locator(".matrix td.right").first.inner_text().isdigit()
        page.click("details summary >> nth=-1")


@pytest.mark.parametrize("width", [380, 900, 1280])
def test_no_name_breaks_within_a_word(content: Content, open_page: OpenPage, width: int) -> None:
    gallery = content.gallery
    renamed = {image.id: LONG_NAMES[number % len(LONG_NAMES)] for number, image in enumerate(gallery.images)}
    images = [dataclasses.replace(image, id=f"{number}/{renamed[image.id]}") for number, image in enumerate(gallery.images)]
    names = {image.id: other.id for image, other in zip(gallery.images, images, strict=True)}
    long = dataclasses.replace(
        content,
        gallery=dataclasses.replace(
            gallery,
            images=images,
            cards={names[image_id]: address for image_id, address in gallery.cards.items()},
            near={names[image_id]: [names[other] for other in others] for image_id, others in gallery.near.items()},
            places={names[image_id]: place for image_id, place in gallery.places.items()},
            heat={},
        ),
        worst=[names[image_id] for image_id in content.worst],
        correct=[names[image_id] for image_id in content.correct],
        raw_exceptions={},
        quarantined=[Quarantined(name, "undecodable", "a sentence " * 12, link="../raw/a") for name in LONG_NAMES],
    )
    with open_page(render(long), width=width) as page:
        lines = page.evaluate(LINES_OF_EACH_PIECE)
        overflow = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert len(lines) > 100
    assert {piece for piece, count, _ in lines if count > 1} <= {"y" * 60 + "."}
    assert max(right for _, _, right in lines) <= width
    assert overflow <= 0


LINES_OF_EACH_PIECE = """() => {
  const found = [];
  for (const name of document.querySelectorAll("main .path")) {
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


@pytest.fixture(scope="module")
def naughty(params: Params, naughty_names: list[bytes], tmp_path_factory: pytest.TempPathFactory) -> Content:
    """A page whose classes and files have the names that break other programs; each class is read as the next."""
    names = sorted({printable(name) for name in naughty_names})
    parts = []
    for split in ("train", "validation", "test"):
        rows = answers(names, [*names[1:], names[0]], split)
        parts.append(rows.with_columns(id=pl.Series([f"{split}/{name}/{number}" for number, name in enumerate(names)])))
    rows = pl.concat(parts).with_columns(cluster="id").sort("split", "id")
    return made_up_content(rows, params, tmp_path_factory.mktemp("naughty"), MadeUp(manifest=MANIFEST.clear()))


def test_names_that_break_other_programs_are_shown_as_they_are(naughty: Content, open_page: OpenPage) -> None:
    with open_page(render(naughty)) as page:
        assert page.title() == "Darkroom report"
        texts = page.evaluate("[...document.querySelectorAll('#gallery figure .path')].map((path) => path.textContent)")
        titles = page.evaluate("[...document.querySelectorAll('#gallery figure .path')].map((path) => path.title)")
        by_id = {image.id: image for image in naughty.gallery.images}
        assert texts == titles
        assert set(texts) <= by_id.keys()
        while page.is_visible("#more"):
            page.click("#more")
        shown = page.evaluate("[...document.querySelectorAll('#gallery figure .path')].map((path) => path.textContent)")
        wrong = {image.id for image in by_id.values() if image.split == "validation" and image.is_mistake}
        assert set(shown) == wrong
        assert len(wrong) > 250
        options = page.evaluate("[...document.querySelectorAll('[name=true] option')].map((option) => option.text)")
        assert len(options) == 1 + len(naughty.gallery.class_names)
        assert page.evaluate("document.querySelectorAll('script').length") == 2
        assert page.evaluate(INJECTED_ELEMENTS) == []


def test_no_exported_cell_would_be_run_and_names_come_back(naughty: Content, open_page: OpenPage, tmp_path: Path) -> None:
    names = ["=1+1", "+1", "-1", "'x", "@a", "a,b", 'a"b', *(name for name in naughty.gallery.class_names if name.strip())]
    with open_page(render(naughty)) as page:
        page.evaluate(
            """(names) => images.slice(0, names.length).forEach((image, number) => {
                setMark({ ...image, id: `${names[number]}#${number}` }, "wrong_label", names[number]);
            })""",
            names,
        )
        text = exported(page)
        marked = page.evaluate("[...marks].map(([id, own]) => [id, own.label])")
    assert len(marked) == len(names)
    cells = [cell for row in rows_of(text) for cell in row]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]
    assert {(path, label) for path, _, label in rows_of(text)} >= {("'=1+1#0", "'=1+1"), ("''x#3", "''x")}
    path = tmp_path / "corrections.csv"
    path.write_text(text, encoding="utf-8", newline="")
    read = read_corrections(str(path)).select("id", "corrected_label").rows()
    assert sorted(read) == sorted((image_id, label) for image_id, label in marked)
