"""What a person does on the page to try a model, in headless Chromium, with a stub in the place of the network."""

import base64
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import complaints_of, draw_line
from tests.models.serve.conftest import Served
from tests.models.serve.stub_model import HOSTILE

pytestmark = pytest.mark.processes  # Chromium is started


@dataclass(frozen=True, slots=True)
class Opened:
    page: Page
    served: Served


@pytest.fixture
def opened(browser: Browser, served: Served, address: str) -> Iterator[Opened]:
    context = browser.new_context(viewport={"width": 1240, "height": 900}, has_touch=True)
    page = context.new_page()
    page.set_default_timeout(10_000)
    complaints = complaints_of(page, own=address)
    page.goto(address)
    yield Opened(page, served)
    assert complaints == []
    context.close()


def draw(page: Page, *points: tuple[float, float]) -> None:
    draw_line(page, "#paper", points)


def drop(page: Page, name: str, content: bytes) -> None:
    page.evaluate(
        """([name, content]) => {
            const carried = new DataTransfer();
            carried.items.add(new File([Uint8Array.from(atob(content), (sign) => sign.charCodeAt(0))], name));
            for (const kind of ["dragenter", "dragover", "drop"]) {
                document.dispatchEvent(new DragEvent(kind, { dataTransfer: carried, cancelable: true }));
            }
        }""",
        [name, base64.b64encode(content).decode()],
    )


def test_a_drawing_is_predicted_and_all_of_it_shown(opened: Opened) -> None:
    page = opened.page
    assert page.inner_text("#said") == "Nothing yet"
    draw(page, (0.5, 0.1), (0.5, 0.9))
    page.wait_for_selector("#whole:not([hidden])")
    expect(page.locator("#said")).to_have_text("0, 80.0% sure, accepted")
    assert page.locator("#bars b").all_inner_texts() == ["0", "1", '<b>"two"</b>']
    assert page.eval_on_selector("#seen", "image => [image.naturalWidth, image.naturalHeight]") == [8, 8]
    assert page.is_visible("#heat")
    page.uncheck("#showheat")
    assert not page.is_visible("#heat")
    assert page.locator("#nearest .path").first.inner_text() == f"{HOSTILE}/0.png"
    assert not page.is_visible("#unlike")
    page.click("#undo")
    expect(page.locator("#said")).to_have_text("Nothing yet")


def test_a_thin_pen_gets_the_warning(opened: Opened) -> None:
    page = opened.page
    page.fill("#pen", "1")
    draw(page, (0.4, 0.1), (0.5, 0.9))
    page.wait_for_selector("#unlike:not([hidden])")
    assert "strokes thinner than 99% of the training images" in page.inner_text("#unlike")


def test_ink_paper_and_touch(opened: Opened) -> None:
    page = opened.page
    page.fill("#papercolor", "#ffffff")
    page.fill("#ink", "#000000")
    box = page.locator("#paper").bounding_box()
    assert box is not None
    page.touchscreen.tap(box["x"] + 60, box["y"] + 60)
    expect(page.locator("#said")).to_contain_text('<b>"two"</b>')  # nearly white
    page.keyboard.press("Control+z")
    expect(page.locator("#said")).to_have_text("Nothing yet")


def test_dropped_files_are_predicted_or_refused_with_a_message(opened: Opened, png: Callable[[int], bytes]) -> None:
    page = opened.page
    name = '"><img src=x onerror=alert(1)>.png'
    drop(page, name, b"no image")
    page.wait_for_selector("#refused:not([hidden])")
    assert page.inner_text("#refused").startswith(f"{name}: ")
    assert "(not_an_image)" in page.inner_text("#refused")
    drop(page, "white.png", png(250))
    page.wait_for_selector("#whole:not([hidden])")
    assert page.inner_text("#said").startswith('<b>"two"</b>')
    drop(page, "large.png", bytes(200_000))
    expect(page.locator("#refused")).to_contain_text("may have 100,000")


def test_a_drawing_is_added_to_the_data_set(opened: Opened) -> None:
    page = opened.page
    page.click("#addbutton")
    assert page.inner_text("#added") == "Draw something first."
    draw(page, (0.3, 0.3), (0.7, 0.7))
    for label, said in (("../up", "Not saved: the label has a slash"), ("0", "Saved as 0/drawn-"), ("new", "does not know")):
        page.fill("#label", label)
        page.press("#label", "Enter")
        expect(page.locator("#added")).to_contain_text(said)
    assert len(list(opened.served.raw.rglob("*.png"))) == 2
    assert not list(opened.served.raw.parent.glob("*.png"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits_a_phone(opened: Opened, scheme: str) -> None:
    page = opened.page
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    page.set_viewport_size({"width": 360, "height": 740})
    draw(page, (0.3, 0.3), (0.7, 0.7))
    page.wait_for_selector("#whole:not([hidden])")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
