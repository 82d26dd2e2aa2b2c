"""Help pages as a wide terminal shows them, for tests."""

from typer.testing import CliRunner

from pipelines.cli import app


def first_line_of_help(verb: str) -> str:
    """The sentence that says what a verb is for."""
    ended = CliRunner().invoke(app, [verb, "--help"], env={"COLUMNS": "200"}, catch_exceptions=False)
    return next(line for line in ended.output.splitlines() if line.strip() and "Usage" not in line)
