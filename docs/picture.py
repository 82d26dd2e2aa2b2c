"""Takes a picture of a page in headless Chromium: `python docs/picture.py reports/index.html docs/report.png`."""

import sys
from pathlib import Path
from shutil import which

from playwright.sync_api import sync_playwright


def main(page_path: Path, picture: Path) -> None:
    chromium = which("chromium")
    if chromium is None:
        sys.exit("Chromium is missing. Install it: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1240, "height": 960})
        page.goto(page_path.resolve().as_uri())
        page.screenshot(path=picture)
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
