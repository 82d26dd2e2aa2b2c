"""Takes pictures of a flow run's artifacts in Prefect's own pages: `python -m docs.picture_flow docs/images`.

Needs headless Chromium. In a project made for it a version is published, then inverted images come, and a second run finds the
drift. Where PREFECT_API_URL names no server, an own one keeps its records in a temporary folder.
"""

import os
import sys
from pathlib import Path
from shutil import which
from tempfile import TemporaryDirectory

from playwright.sync_api import Page, sync_playwright

from tests.conftest import striped, write_png, write_striped_tree
from tests.end_to_end.conftest import ENVIRONMENT, SHORT, copy_project

_SETTLING_MS = 2500  # the pages ask the server piece by piece
_BELOW_THE_GRAPH_PX = 420
_PICTURED = ("data",)


def main(folder: Path) -> None:
    chromium = which("chromium")
    if chromium is None:
        sys.exit("Chromium is missing. Install it: apt-get install chromium")
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as home:
        os.environ.setdefault("PREFECT_HOME", home)  # before Prefect, which reads it when it is imported
        from pipelines.schedule.prefect_server import server

        with server(with_pages=True):
            run = _run_flows(Path(home) / "project")
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
                page = browser.new_page(viewport={"width": 1240, "height": 900}, color_scheme="light")
                _take(page, run, folder)
                browser.close()


def _run_flows(root: Path) -> str:
    """Publishes a version, adds images that differ, and runs again; returns the id of the last run."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.sorting import FlowRunSort
    from prefect.settings import get_current_settings

    project = copy_project(root)
    write_striped_tree(root / "raw/tiny", classes=3, images=40)
    project.set({**SHORT, "train.epochs": 20, "gate.min_accuracy": 0.6})
    environment = {**ENVIRONMENT, "PREFECT_API_URL": str(get_current_settings().api.url)}
    print(project.run("darkroom", "flow", env=environment).output.splitlines()[-1])
    for number in range(24):
        write_png(root / f"raw/tiny/class{number % 3}/inverted{number}.png", 255 - striped(number % 3, 60_000 + number))
    print(project.run("darkroom", "flow", env=environment).output.splitlines()[-1])
    with get_client(sync_client=True) as client:
        return str(client.read_flow_runs(sort=FlowRunSort.START_TIME_DESC, limit=1)[0].id)


def _take(page: Page, run: str, folder: Path) -> None:
    from prefect.client.orchestration import get_client
    from prefect.settings import get_current_settings

    pages = str(get_current_settings().api.url).removesuffix("/api")
    page.goto(f"{pages}/runs/flow-run/{run}")
    page.get_by_text("Artifacts", exact=True).click()
    page.wait_for_timeout(_SETTLING_MS)
    page.get_by_text("Artifacts", exact=True).scroll_into_view_if_needed()
    page.mouse.move(700, 700)
    page.mouse.wheel(0, _BELOW_THE_GRAPH_PX)
    page.wait_for_timeout(_SETTLING_MS)
    page.screenshot(path=folder / "prefect-run.png")
    with get_client(sync_client=True) as client:
        own = {artifact.key: str(artifact.id) for artifact in client.read_artifacts() if str(artifact.flow_run_id) == run}
    for key in _PICTURED:
        page.goto(f"{pages}/artifacts/artifact/{own[key]}")
        page.wait_for_timeout(_SETTLING_MS)
        page.screenshot(path=folder / f"prefect-{key}.png")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
