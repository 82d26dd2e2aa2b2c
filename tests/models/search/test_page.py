"""The page of a search: what it says, that it escapes, that it needs no network."""

from pathlib import Path

from models.search.page import render, table
from models.search.study import ranked
from tests.models.search.test_study import CONFIG, search


def test_the_page_names_the_best_and_all_trials(tmp_path: Path) -> None:
    tried = search(tmp_path / "trials.log")
    best = ranked(tried, CONFIG)[0]
    page = render(tried, CONFIG, command="darkroom search <b>.yaml --apply")
    assert f"Best of 24 trials: validation accuracy {best.score:.4f}" in page
    assert page.count("<tr><td>") == 24
    assert "darkroom search &lt;b&gt;.yaml --apply" in page
    assert "http:" not in page.replace("http://www.w3.org", "")


def test_the_table_has_the_best_first_and_those_stopped_last(tmp_path: Path) -> None:
    tried = search(tmp_path / "trials.log")
    rows = table(tried, CONFIG)
    num_whole = len(ranked(tried, CONFIG))
    assert rows["val_accuracy"][:num_whole].is_sorted(descending=True)
    assert set(rows["note"][:num_whole]) == {""}
    assert set(rows["note"][num_whole:]) == {"stopped early"}
