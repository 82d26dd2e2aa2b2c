"""The gate on tables of answers: what is refused, what passes, and what a published model has seen."""

import polars as pl
import pytest

from models.compare.gate import Evidence, Judgement, judge, seen_in_training
from models.config.gate import GateConfig

OPEN = GateConfig(min_accuracy=0.0, min_class_recall=0.0, not_worse=True, max_quarantined_fraction=1.0, max_unlike_fraction=1.0)
NOTHING = pl.Series("id", [], dtype=pl.String())


def answers(right: list[bool], split: str = "test", clusters: list[str] | None = None) -> pl.DataFrame:
    """Images 0000, 0001 ... of class a; those that are not right are read as b."""
    ids = [f"{number:04d}" for number in range(len(right))]
    return pl.DataFrame(
        {
            "id": ids,
            "split": [split] * len(right),
            "label": ["a"] * len(right),
            "predicted": ["a" if own else "b" for own in right],
            "cluster": clusters or ids,
        }
    )


def judged(
    new: list[bool], published: list[bool] | None, seen: pl.Series = NOTHING, config: GateConfig = OPEN, **fractions: float
) -> Judgement:
    earlier = None if published is None else answers(published)
    return judge(
        Evidence(
            answers=answers(new),
            published=earlier,
            seen=seen,
            quarantined_fraction=fractions.get("quarantined", 0.0),
            unlike_fraction=fractions.get("unlike"),
        ),
        config,
    )


def test_a_worse_model_on_an_easier_test_set_is_refused() -> None:
    # The published one had 0.80 on the test set of its day. On today's, which is easier, it has 0.97 and the new one 0.90.
    new, published = [True] * 900 + [False] * 100, [True] * 970 + [False] * 30
    found = judged(new, published)
    assert not found.passed
    assert found.reason.startswith("it is worse: against the published model -7.0 points (-8.")
    assert "on the same 1,000 images" in found.reason


def test_a_better_model_on_a_harder_test_set_passes() -> None:
    # The published one had 0.97 on the test set of its day. On today's, which is harder, it has 0.70 and the new one 0.80.
    found = judged([True] * 800 + [False] * 200, [True] * 700 + [False] * 300)
    assert found.passed
    assert found.difference is not None
    assert found.difference.verdict == "helped"
    assert (found.difference.before, found.difference.after) == (0.7, 0.8)


def test_a_little_worse_within_the_interval_passes() -> None:
    found = judged([True] * 970 + [False] * 30, [True] * 972 + [False] * 28)
    assert found.passed
    assert found.difference is not None
    assert found.difference.difference < 0


def test_images_that_the_published_model_was_trained_on_gain_it_nothing() -> None:
    # It knows 200 of today's images by heart. On the other 800 both models are right in 80%.
    fair = ([True] * 4 + [False]) * 160
    new, published = fair + [True] * 120 + [False] * 80, fair + [True] * 200
    seen = pl.Series("id", [f"{number:04d}" for number in range(800, 1000)])
    assert not judged(new, published).passed  # as it would be without
    found = judged(new, published, seen)
    assert found.passed
    assert found.left_out == 200
    assert found.difference is not None
    assert (found.difference.images, found.difference.difference) == (800, 0.0)
    assert "200 left out, which it has seen in training" in found.checks[2].sentence


def test_where_it_has_seen_all_nothing_is_compared_and_it_says_so() -> None:
    found = judged([True, False], [True, True], pl.Series("id", ["0000", "0001"]))
    assert found.passed
    assert found.difference is None
    assert found.checks[2].sentence == "no image to compare with the published model; 2 left out, which it has seen in training"


def test_the_first_model_is_compared_with_none() -> None:
    found = judged([True, False], None)
    assert found.passed
    assert [check.name for check in found.checks] == ["accuracy", "class recall", "quarantined"]


def test_images_of_one_cluster_are_not_many() -> None:
    rows = answers([False] * 40 + [True] * 60, clusters=["one"] * 40 + [f"c{number}" for number in range(60)])
    published = answers([True] * 100)
    evidence = Evidence(rows, published, NOTHING, 0.0, None)
    assert judge(evidence, OPEN).passed  # one writer alone fares worse
    assert not judge(Evidence(rows.with_columns(cluster="id"), published, NOTHING, 0.0, None), OPEN).passed


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"min_accuracy": 0.95}, "accuracy on 10 validation and test images is 0.9000; at least 0.95 is asked"),
        ({"min_class_recall": 0.95}, "the lowest recall is that of class 'a', 0.9000 on 10 images; at least 0.95 is asked"),
        ({"max_quarantined_fraction": 0.01}, "2.0% of the files are quarantined; at most 1.0% may be"),
        (
            {"max_unlike_fraction": 0.2},
            "30.0% of the new images are unlike what the published model knows; at most 20.0% may be",
        ),
    ],
)
def test_each_limit_refuses_and_says_why(change: dict[str, float], reason: str) -> None:
    right = [True] * 9 + [False]
    assert judged(right, None, quarantined=0.02, unlike=0.3).passed
    assert judged(right, None, config=OPEN.model_copy(update=change), quarantined=0.02, unlike=0.3).reason == reason


def test_train_images_are_not_what_a_model_is_judged_on() -> None:
    rows = pl.concat([answers([False] * 5), answers([True] * 50, "train").with_columns(id="t" + pl.col("id"))])
    config = OPEN.model_copy(update={"min_accuracy": 0.1})
    assert judge(Evidence(rows, None, NOTHING, 0.0, None), config).reason.startswith(
        "accuracy on 5 validation and test images is 0"
    )


def test_not_worse_can_be_left_out() -> None:
    found = judged([False] * 50, [True] * 50, config=OPEN.model_copy(update={"not_worse": False}))
    assert found.passed
    assert found.difference is not None


def test_what_was_trained_on_is_known_by_name_pixels_group_and_cluster() -> None:
    published = pl.DataFrame(
        {
            "id": ["a", "b", "c", "d"],
            "digest": ["1", "2", "3", "4"],
            "group": ["w1", None, None, None],
            "split": ["train", "train", "test", "train"],
        }
    )
    images = pl.DataFrame(
        {
            "id": ["renamed", "same-writer", "c", "copy-of-renamed", "new", "d"],
            "digest": ["2", "9", "3", "8", "7", "6"],
            "group": [None, "w1", None, None, None, None],
            "cluster": ["x", "y", "c", "x", "new", "d"],
        }
    )
    assert seen_in_training(images, published).to_list() == ["renamed", "same-writer", "copy-of-renamed", "d"]


def test_a_limit_that_cannot_be_looked_at_is_named() -> None:
    evidence = Evidence(
        answers=answers([True] * 100),
        published=None,
        seen=NOTHING,
        quarantined_fraction=0.0,
        unlike_fraction=None,
        not_looked="the classes are others now",
    )
    names = [check.name for check in judge(evidence, OPEN).checks]
    assert "unlike" not in names
    (check,) = [
        own for own in judge(evidence, OPEN.model_copy(update={"max_unlike_fraction": 0.2})).checks if own.name == "unlike"
    ]
    assert check.sentence.endswith("whether new images are unlike what it knows: the classes are others now")
