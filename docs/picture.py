"""Takes the README's pictures of the report in headless Chromium: `python -m docs.picture reports/index.html docs/images`.

report.png is what is seen first, report-image.png an opened image with its saliency, report-map.png a lasso on the map.
"""

import sys
from pathlib import Path

from playwright.sync_api import Page

from tests.browser import ChromiumMissingError, chromium

_SETTLING_MS = 400  # charts and tiles are decoded beside


def main(page_path: Path, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with chromium() as browser:
        for name, show, height in (
            ("report", nothing, 780),
            ("report-image", open_image, 960),
            ("report-map", draw_lasso, 960),
        ):
            page = browser.new_page(viewport={"width": 1240, "height": height}, color_scheme="light")
            page.goto(page_path.resolve().as_uri())
            page.wait_for_timeout(_SETTLING_MS)
            show(page)
            page.wait_for_timeout(_SETTLING_MS)
            page.screenshot(path=folder / f"{name}.png")
            page.close()


def nothing(_: Page) -> None:
    """The page as it is opened."""


def open_image(page: Page) -> None:
    """The worst mistake, and where the network looked."""
    page.locator("#gallery figure").first.click()
    page.keyboard.press("s")


def draw_lasso(page: Page) -> None:
    """Around a mistake on the map and its neighbours."""
    page.evaluate("document.getElementById('map').scrollIntoView({ behavior: 'instant' })")
    ring = page.locator("#points .ring").first.bounding_box()
    if ring is None:
        sys.exit("The map shows no mistake; take the pictures of another run")
    x, y, reach = ring["x"] + ring["width"] / 2, ring["y"] + ring["height"] / 2, 70
    page.mouse.move(x, y + reach / 2)  # begins on the map, also where the mistake is at its edge
    page.mouse.down()
    for right, down in ((1, 1), (1, -1), (-1, -1), (-1, 1)):
        page.mouse.move(x + right * reach, y + down * reach, steps=4)
    page.mouse.up()


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]), Path(sys.argv[2]))
    except ChromiumMissingError as error:
        sys.exit(str(error))
