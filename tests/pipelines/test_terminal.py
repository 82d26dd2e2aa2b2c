import re

import pytest

from pipelines.terminal import print_table

HEADINGS = ("recipe", "data", "score")
ROWS = [
    ("cifar-mlp-momentum", "CIFAR-10", "test accuracy 0.487"),
    ("mnist-cnn [red]", "MNIST {split}/{label}/{name}", "test accuracy 0.9952 …"),
]


@pytest.mark.parametrize("columns", [30, 40, 60, 80, 200])
def test_nothing_is_cut_off_and_no_line_is_too_long(
    columns: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    print_table(HEADINGS, ROWS)
    output = capsys.readouterr().out
    assert max(map(len, output.splitlines())) <= columns
    words = set(re.sub("[│┃]", " ", output).split())
    assert {word for row in ROWS for cell in row for word in cell.split()} <= words
    assert ("┃" in output) == (columns >= 80)
    assert output.count("…") == 1


def test_a_terminal_without_color_gets_none(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("NO_COLOR", "1")
    print_table(HEADINGS, ROWS)
    assert not re.search(r"\033\[([0-9;]*;)?[34]\d", capsys.readouterr().out)
