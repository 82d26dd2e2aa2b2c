import re

import pytest

from pipelines.run.printed_names import print_table

HEADINGS = ("recipe", "data", "score")
ROWS = [
    ("cifar-mlp-momentum", "CIFAR-10", "test accuracy 0.487"),
    ("mnist-cnn [red]", "MNIST {split}/{label}/{name}", "test accuracy 0.9952"),
]


@pytest.mark.parametrize("columns", [30, 40, 60, 80, 200])
def test_nothing_is_cut_off_and_no_line_is_too_long(
    columns: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    print_table(HEADINGS, ROWS)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= columns
    is_table = columns >= 60
    assert lines[0].startswith("┏") == is_table
    columns_of_text = zip(*[re.split("[│┃]", line)[1:-1] for line in lines if line[0] in "│┃"], strict=True)
    texts = ["".join(column).replace(" ", "") for column in columns_of_text] if is_table else ["".join(lines).replace(" ", "")]
    for row in ROWS:
        for cell in row:
            assert any(cell.replace(" ", "") in text for text in texts), cell


def test_a_terminal_without_color_gets_none(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("NO_COLOR", "1")
    print_table(HEADINGS, ROWS)
    assert not re.search(r"\033\[([0-9;]*;)?[34]\d", capsys.readouterr().out)
