"""Pages in headless Chromium, and what must not happen on them."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from playwright.sync_api import Browser, Dialog, Page, sync_playwright

INJECTED_ELEMENTS = """() => {
  const foreign = "iframe, object, embed, base, link:not([rel=icon]), style ~ style, marquee, video, audio, svg script";
  const handlers = (one) => one.getAttributeNames().filter((name) => /^on/.test(name));
  const found = [...document.querySelectorAll("*")].filter((one) => one.matches(foreign) || handlers(one).length);
  return found.map((one) => one.outerHTML);
}"""
"""Evaluates to what no page of ours has: elements and handlers that came in with other people's text."""


class ChromiumMissingError(Exception):
    """There is no browser on this machine."""


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser. Playwright can run once in a thread.

    Raises:
        ChromiumMissingError: there is none.
    """
    path = shutil.which("chromium")
    if path is None:
        raise ChromiumMissingError("Chromium is missing. Install it: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


def complaints_of(page: Page, *, own: str | None = None) -> list[str]:
    """Fills, while the page is open, with what it complains of, pops up, or asks for over the network.

    Args:
        page: not yet loaded.
        own: the address that it may ask; None = none.
    """
    complaints: list[str] = []

    def refuse(dialog: Dialog) -> None:
        complaints.append(dialog.message)
        dialog.dismiss()

    def is_foreign(address: str) -> bool:
        return address.startswith(("http", "ws", "ftp")) and not (own and address.startswith(f"{own}/"))

    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", refuse)
    page.on("request", lambda request: complaints.append(request.url) if is_foreign(request.url) else None)
    return complaints


def draw_line(page: Page, box: str, points: Sequence[tuple[float, float]]) -> None:
    """Draws with the mouse through places of an element, each a fraction of its width and height."""
    found = page.locator(box).bounding_box()
    assert found is not None
    at = [(found["x"] + x * found["width"], found["y"] + y * found["height"]) for x, y in points]
    page.mouse.move(*at[0])
    page.mouse.down()
    for point in at[1:]:
        page.mouse.move(*point, steps=4)
    page.mouse.up()
