"""`darkroom serve` before Prefect is loaded."""

import pytest
from typer.testing import CliRunner

from dataprep.core.errors import ParamsError
from pipelines.cli import app
from tests.closure import ROOT
from tests.pipelines.commands.help_pages import first_line_of_help


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ([], r"serve must have --cron, --interval, --watch or --drift; it has none\. For example: --cron '0 2 \* \* \*'"),
        (["--cron", "0 2 * * *", "--interval", "60"], "--cron and --interval are two schedules"),
        (["--watch", "--drift"], "--watch starts a whole run at each change"),
    ],
)
def test_it_wants_one_schedule(options: list[str], fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    with pytest.raises(ParamsError, match=fault):
        CliRunner().invoke(app, ["serve", *options], catch_exceptions=False)


def test_help_says_in_its_first_line_what_the_verb_of_a_like_name_is_for() -> None:
    assert "darkroom serve-model`" in first_line_of_help("serve")
