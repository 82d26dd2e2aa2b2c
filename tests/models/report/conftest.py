"""One page and one browser for all tests of the report."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Page

from models.report.content import Content
from models.report.page import render
from pipelines.parameters.params import Params
from tests.browser import complaints_of
from tests.models.report.made_up_page import ROWS, WRONG, MadeUp, made_up_content


@pytest.fixture(scope="session")
def content(params: Params, tmp_path_factory: pytest.TempPathFactory) -> Content:
    return made_up_content(ROWS, params, tmp_path_factory.mktemp("prepared"), MadeUp(heat_of=WRONG["id"].to_list()))


@pytest.fixture(scope="session")
def html(content: Content) -> str:
    return render(content)


@pytest.fixture(scope="module")
def open_page(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., "object"]:
    """Opens HTML from a file; when it is closed, nothing may have been complained about, asked for or popped up."""

    @contextmanager
    def open_page(html: str, *, width: int = 1240, javascript: bool = True) -> Iterator[Page]:
        path = tmp_path_factory.mktemp("page") / "index.html"
        path.write_text(html, encoding="utf-8")
        context = browser.new_context(viewport={"width": width, "height": 900}, java_script_enabled=javascript)
        context.grant_permissions(["clipboard-read", "clipboard-write"])
        page = context.new_page()
        page.set_default_timeout(10_000)
        complaints = complaints_of(page)
        page.goto(path.as_uri())
        yield page
        assert complaints == []
        context.close()

    return open_page


@pytest.fixture(scope="module")
def kept_page(open_page: Callable[..., "object"], html: str) -> Iterator[Page]:
    with open_page(html) as page:  # type: ignore[attr-defined]
        yield page


@pytest.fixture
def page(kept_page: Page) -> Page:
    """The page as it is when it is opened, without marks."""
    kept_page.evaluate("localStorage.clear()")
    kept_page.reload()
    return kept_page
