"""Takes the picture of the page to try a model in headless Chromium: `python -m docs.picture_try docs/images`.

`darkroom try` runs on the project in this folder; a digit is drawn as a person would.
"""

import subprocess
import sys
from math import cos, radians, sin
from pathlib import Path

from tests.browser import ChromiumMissingError, chromium, draw_line

_SETTLING_MS = 4000


def _arc(x: float, y: float, radius: float, start: int, stop: int) -> list[tuple[float, float]]:
    """Places on a circle, from one angle to another, in degrees, clockwise from the right."""
    return [(x + radius * cos(radians(angle)), y + radius * sin(radians(angle))) for angle in range(start, stop, 10)]


_THREE = (*_arc(0.47, 0.29, 0.19, -150, 90), *_arc(0.47, 0.68, 0.22, -90, 140))


def main(folder: Path) -> None:
    darkroom = str(Path(sys.executable).with_name("darkroom"))
    with subprocess.Popen([darkroom, "try", "--no-browser"], stdout=subprocess.PIPE, text=True) as served:  # noqa: S603
        try:
            address = next(line.split()[3] for line in served.stdout or () if line.startswith("try the model: "))
            with chromium() as browser:
                page = browser.new_page(viewport={"width": 1240, "height": 800}, color_scheme="light")
                page.goto(address)
                draw_line(page, "#paper", _THREE)
                page.wait_for_timeout(_SETTLING_MS)
                page.screenshot(path=folder / "try.png")
        except ChromiumMissingError as error:
            sys.exit(str(error))
        finally:
            served.terminate()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
