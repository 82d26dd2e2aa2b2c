"""Two runs image by image: what changed, which slices moved, and what was not compared."""

from collections.abc import Sequence

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.compare.answer_changes import Comparison, compare
from models.compare.page import MOST_IMAGES, headline, left_out, render, shown_ids
from models.diagnose.significance import holm

NAMES = ("main", "<b>new</b>")


def run(
    right: Sequence[bool],
    *,
    first: int = 0,
    split: str = "validation",
    labels: Sequence[str] | None = None,
    clusters: Sequence[str] | None = None,
) -> pl.DataFrame:
    """Answers to images with numbers from `first` on; what is wrong is read as "z", each mistake surer than the one before."""
    ids = [f"{number:04d}.png" for number in range(first, first + len(right))]
    own = list(labels or ["a"] * len(right))
    return pl.DataFrame(
        {
            "id": ids,
            "split": [split] * len(right),
            "label": own,
            "predicted": [label if is_right else "z" for label, is_right in zip(own, right, strict=True)],
            "confidence": [0.5 + number / 10_000 for number in range(len(right))],
            "cluster": list(clusters or ids),
            "right": list(right),
        }
    )


def compared(before: pl.DataFrame, after: pl.DataFrame, groups: pl.DataFrame | None = None) -> Comparison:
    return compare(before, after, groups, "validation")


def test_images_that_changed_are_listed_with_the_surest_mistake_first() -> None:
    found = compared(run([True, True, False, False, True]), run([True, False, True, True, False]))
    assert found.lost["id"].to_list() == ["0004.png", "0001.png"]
    assert found.gained["id"].to_list() == ["0003.png", "0002.png"]
    assert found.lost.row(0, named=True) == {
        "id": "0004.png",
        "label": "a",
        "before": "a",
        "after": "z",
        "confidence_before": 0.5004,
        "confidence_after": 0.5004,
    }
    difference = found.differences["validation"]
    assert (difference.gained, difference.lost, difference.images, difference.p_value) == (2, 2, 5, 1.0)


def test_only_what_both_have_in_one_split_under_one_label_is_compared_and_the_rest_is_counted() -> None:
    before = pl.concat([run([True] * 4), run([True] * 3, first=10, split="train"), run([True] * 2, first=20, split="test")])
    after = pl.concat(
        [
            run([False] * 2, first=2, labels=["a", "b"]),
            run([True], first=10, split="validation"),
            run([True] * 2, first=11, split="train"),
            run([True] * 3, first=20, split="test"),
        ]
    )
    found = compared(before, after)
    assert {split: own.images for split, own in found.differences.items()} == {"train": 2, "validation": 1, "test": 2}
    assert (found.only_before, found.only_after) == ({"validation": 2}, {"test": 1})
    assert (found.moved, found.relabelled) == (1, 1)
    assert left_out(found) == [
        "2 validation images stand only in the first run.",
        "1 test image stands only in the second run.",
        "1 image stands in another split and is not compared.",
        "1 image has another label and is not compared.",
    ]


def test_a_class_that_moved_is_told_from_classes_that_did_not() -> None:
    labels = ["a"] * 50 + ["b"] * 50 + ["c"] * 50
    before, after = [True] * 150, [True] * 38 + [False] * 12 + [True] * 46 + [False] * 4 + [True] * 50
    found = compared(run(before, labels=labels), run(after, labels=labels))
    assert [(own.kind, own.name, own.moved) for own in found.slices] == [("class", "a", True)]
    assert found.slices[0].difference.difference == pytest.approx(-0.24)
    assert found.num_slices == 3


def test_a_slice_is_corrected_for_the_others_that_could_have_moved() -> None:
    labels = [name for name in "abcdef" for _ in range(20)]
    seven = [False] * 7 + [True] * 13
    mixed = [[True] * 7 + [True] * 13, *([[False, True] * 3 + [True] * 14] * 5)]
    start = [seven, *([[True, False] * 3 + [True] * 14] * 5)]
    before, after = ([is_right for part in parts for is_right in part] for parts in (start, mixed))
    found = compared(run(before, labels=labels), run(after, labels=labels))
    assert found.slices[0].name == "a"
    assert found.slices[0].difference.p_value == pytest.approx(2**-6)
    assert found.slices[0].p_value == pytest.approx(6 * 2**-6)  # of six classes
    assert not found.slices[0].moved


def test_groups_and_origins_are_slices_whose_images_are_drawn_though_a_group_is_one_cluster() -> None:
    groups = pl.DataFrame(
        {
            "id": [f"{number:04d}.png" for number in range(40)],
            "group": ["one"] * 20 + ["two"] * 20,
            "origin": ["phone"] * 40,
        }
    )
    clusters = ["one"] * 20 + ["two"] * 20
    found = compared(run([False] * 10 + [True] * 30, clusters=clusters), run([True] * 40, clusters=clusters), groups)
    assert [(own.kind, own.name, own.moved) for own in found.slices] == [("group", "one", True)]
    assert found.differences["validation"].p_value == 1.0  # two groups are too few to say it of new ones
    assert compared(run([True] * 40), run([True] * 40)).num_slices == 0  # of one class and no groups


def test_images_that_either_run_keeps_together_count_once() -> None:
    apart = [f"c{number}" for number in range(40)]
    pairs = [f"p{number // 2}" for number in range(40)]
    shifted = [f"q{(number + 1) // 2}" for number in range(40)]
    before, after = [False] * 12 + [True] * 28, [True] * 40
    one = compared(run(before, clusters=apart), run(after, clusters=pairs)).differences["validation"]
    assert one.p_value == pytest.approx(2 * 2**-6)  # six pairs
    chain = compared(run(before, clusters=pairs), run(after, clusters=shifted)).differences["validation"]
    assert chain.interval == (-1.0, 1.0)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_keeps_the_order_and_lies_between_no_correction_and_bonferroni_s(p_values: list[float]) -> None:
    corrected = holm(p_values)
    for p_value, own in zip(p_values, corrected, strict=True):
        assert p_value <= own <= min(len(p_values) * p_value, 1.0) + 1e-12
    ordered = sorted(range(len(p_values)), key=lambda place: p_values[place])
    assert [corrected[place] for place in ordered] == sorted(corrected)
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])


def test_the_headline_says_which_run_is_better_and_when_nothing_is_certain() -> None:
    worse, better = run([True] * 60 + [False] * 40), run([True] * 80 + [False] * 20)
    assert headline(compared(worse, better), NAMES).startswith("<b>new</b> is better than main on 100 validation images")
    assert headline(compared(better, worse), NAMES).startswith("<b>new</b> is worse than main on 100 validation images")
    assert headline(compared(worse, worse), NAMES).startswith("No difference is certain on 100 validation images")
    none = compared(worse, run([True], first=500))
    assert headline(none, NAMES) == "No validation image stands in both runs."
    assert "No validation image stands in both runs." in render(none, NAMES, {})


def test_the_page_escapes_shows_pictures_where_there_are_some_and_needs_no_network() -> None:
    labels = ["<i>x</i>"] * 100
    before, after = run([True] * 100, labels=labels), run([False] * (MOST_IMAGES + 10) + [True] * 30, labels=labels)
    found = compared(before, after)
    assert len(shown_ids(found)) == MOST_IMAGES
    page = render(found, NAMES, {found.lost["id"][0]: "data:image/png;base64,AAAA"})
    assert page.count("<figure") == MOST_IMAGES
    assert page.count("<img") == 1
    assert f"{MOST_IMAGES + 10} validation images, the {MOST_IMAGES} surest" in page
    assert "&lt;b&gt;new&lt;/b&gt; is worse than main" in page
    assert "<b>new" not in page
    assert "<i>x" not in page
    assert "http:" not in page
    assert "<script" not in page
