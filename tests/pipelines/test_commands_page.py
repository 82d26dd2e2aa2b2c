"""docs/commands.md says what the command line says."""

import re

from tests.closure import ROOT
from tests.pipelines.commands_page import PAGE, page


def test_the_page_is_that_of_the_commands() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert text == page(), "write it anew: python -m tests.pipelines.commands_page"
    titles = re.findall(r"^## darkroom ([\w-]+)", text, re.MULTILINE)
    files = {path.stem.strip("_").replace("_", "-") for path in (ROOT / "pipelines/commands").glob("[a-z]*.py")}
    assert set(titles) == files
