import polars as pl
import pytest

from models.diagnose.metrics import measure
from models.diagnose.verdict import Diagnosis, correct_examples, diagnose, mistakes_by_cell, worst_mistakes
from pipelines.params import Params
from tests.models.made_up import answers, predictions


@pytest.mark.parametrize(
    ("train", "validation", "test", "finding", "words"),
    [
        (0.90, 0.895, 0.89, "high_bias", "too weak for its own train images"),
        (1.00, 0.93, 0.93, "high_variance", "knows its train images better"),
        (0.99, 0.98, 0.90, "validation_test_mismatch", "test does not keep"),
        (1.00, 0.995, 0.90, "validation_test_mismatch", "test does not keep"),
        (1.00, 0.999, 0.995, "on_target", "reaches what was asked"),
        (1.00, 0.995, 0.99, "cannot_tell", "the difference may be chance; about 520 more images would tell"),
        (0.992, 0.986, 0.986, "cannot_tell", "the difference may be chance; about 1,400 more images would tell"),
    ],
)
def test_the_largest_part_of_the_error_is_the_verdict(
    params: Params, train: float, validation: float, test: float, finding: str, words: str
) -> None:
    metrics = measure(predictions({"train": (train, 4000), "validation": (validation, 1000), "test": (test, 1000)}))
    judged = diagnose(metrics, params.diagnose, None)
    assert judged.finding == finding
    assert words in judged.headline
    assert f"{1 - validation:.1%} on validation" in judged.evidence


def test_small_splits_accuse_nobody(params: Params) -> None:
    metrics = measure(predictions({"train": (1.0, 300), "validation": (0.95, 20), "test": (0.95, 20)}))
    assert diagnose(metrics, params.diagnose, None).finding == "cannot_tell"


def test_three_wrong_of_37_miss_a_target_of_one_percent(params: Params) -> None:
    metrics = measure(predictions({"train": (1.0, 109), "validation": (34 / 37, 37), "test": (34 / 37, 37)}))
    judged = diagnose(metrics, params.diagnose, None)
    assert judged.finding == "high_variance"
    assert judged.parts[1].p_value == pytest.approx(0.0153, abs=1e-3)  # Fisher's exact test of 3 of 37 against 0 of 109


def test_a_certain_miss_with_uncertain_parts_names_the_larger_part(params: Params) -> None:
    missed = (1 - 14 / 600, 600)
    metrics = measure(predictions({"train": (1 - 8 / 600, 600), "validation": missed, "test": missed}))
    judged = diagnose(metrics, params.diagnose, None)
    assert not any(part.counts for part in judged.parts)
    assert judged.finding == "high_variance"


@pytest.mark.parametrize("mistakes", [0, 1, 2, 3, 4, 5, 8])
@pytest.mark.parametrize("target", [0.99, 0.95, 0.9])
def test_the_shown_interval_and_the_verdict_never_contradict_each_other(params: Params, target: float, mistakes: int) -> None:
    held_out = (1 - mistakes / 100, 100)
    metrics = measure(predictions({"train": (1.0, 100), "validation": held_out, "test": held_out}))
    judged = diagnose(metrics, params.diagnose.model_copy(update={"target_accuracy": target}), None)
    low, high = metrics.validation.accuracy_interval
    expected = "high_variance" if high < target else "on_target" if low >= target else "cannot_tell"
    assert judged.finding == expected
    assert "about 1 more" not in judged.headline


def test_the_parts_add_up_to_the_test_error(params: Params) -> None:
    metrics = measure(predictions({"train": (0.97, 1000), "validation": (0.93, 500), "test": (0.9, 500)}))
    judged = diagnose(metrics, params.diagnose, None)
    assert sum(part.size for part in judged.parts) == pytest.approx(metrics.test.error - 0.01)


def test_twenty_right_images_do_not_reach_a_target(params: Params) -> None:
    metrics = measure(predictions({"train": (1.0, 300), "validation": (1.0, 20), "test": (1.0, 20)}))
    judged = diagnose(metrics, params.diagnose, None)
    assert judged.finding == "cannot_tell"
    assert judged.headline == (
        "Cannot tell: validation is at 100.0% (95% interval 83.9% to 100.0%), the target at 99.0%, and the difference may be "
        "chance; about 360 more images would tell."
    )
    assert "stop here" not in judged.next_experiment


def test_an_accuracy_that_is_the_target_is_never_told_from_it(params: Params) -> None:
    metrics = measure(predictions({"train": (1.0, 300), "validation": (0.99, 300), "test": (0.99, 300)}))
    assert diagnose(metrics, params.diagnose, None).headline.endswith("too close for any number of images within reach.")


def judged_of(params: Params, target: float, *parts: pl.DataFrame) -> Diagnosis:
    return diagnose(measure(pl.concat(parts)), params.diagnose.model_copy(update={"target_accuracy": target}), None)


HEALTHY = ["healthy"] * 950 + ["sick"] * 50
SPLIT_NAMES = ("train", "validation", "test")


def test_a_class_that_is_never_found_is_named_first(params: Params) -> None:
    parts = [answers(HEALTHY, ["healthy"] * 1000, split) for split in SPLIT_NAMES]
    judged = judged_of(params, 0.9, *parts)
    assert judged.finding == "weak_class"
    assert judged.headline == ("Class 'sick' is missed: recall 0.0% on validation (95% interval 0.0% to 7.1%), target 90.0%.")
    assert judged.next_experiment.startswith("Look at the mistakes of that class first")
    assert "stop here" not in judged.next_experiment
    assert "Answering 'healthy' for every image would be right in 95.0% of validation." in judged.evidence
    assert "lowest recall there is that of 'sick': 0.0% (0.0% to 7.1%; 50 images)" in judged.evidence


def test_a_missed_class_stands_before_what_else_is_certain(params: Params) -> None:
    train = answers(HEALTHY, HEALTHY, "train")
    held_out = [answers(HEALTHY, ["healthy"] * 1000, split) for split in SPLIT_NAMES[1:]]
    judged = judged_of(params, 0.99, train, *held_out)
    assert judged.headline.startswith("Class 'sick' is missed: recall 0.0%")
    assert judged.headline.endswith(
        "target 99.0%. High variance: the model knows its train images better than it understands new ones."
    )


def test_of_several_missed_classes_the_worst_is_named(params: Params) -> None:
    true = ["a"] * 500 + ["b"] * 30 + ["c"] * 30
    seen = ["a"] * 500 + ["a"] * 29 + ["b"] + ["a"] * 20 + ["c"] * 10
    judged = judged_of(params, 0.8, *[answers(true, seen, split) for split in SPLIT_NAMES])
    assert judged.headline.startswith("2 classes are missed, most of all 'b': recall 3.3% on validation")


@pytest.mark.parametrize("num_classes", [2, 3, 10])
def test_in_a_balanced_set_a_missed_class_is_named_though_it_lowers_the_accuracy_of_all(
    params: Params, num_classes: int
) -> None:
    true = [name for name in "abcdefghij"[:num_classes] for _ in range(20)]
    seen = ["b"] * 10 + true[10:]
    judged = judged_of(params, 0.99, *[answers(true, seen, split) for split in SPLIT_NAMES])
    assert judged.finding == "weak_class"
    assert judged.headline.startswith("Class 'a' is missed: recall 50.0% on validation")


def test_of_three_classes_two_can_be_missed(params: Params) -> None:
    true = ["a"] * 50 + ["b"] * 50 + ["c"] * 50
    judged = judged_of(params, 0.9, *[answers(true, ["c"] * 150, split) for split in SPLIT_NAMES])
    assert judged.headline.startswith("2 classes are missed, most of all 'a': recall 0.0%")


def test_a_set_of_one_class_has_no_weak_class(params: Params) -> None:
    true, seen = ["a"] * 100, ["a"] * 50 + ["b"] * 50
    judged = judged_of(params, 0.99, *[answers(true, seen, split) for split in SPLIT_NAMES])
    assert judged.finding == "high_bias"


def test_a_class_of_one_image_accuses_nobody(params: Params) -> None:
    true = ["a"] * 500 + ["b"]
    judged = judged_of(params, 0.9, *[answers(true, ["a"] * 501, split) for split in SPLIT_NAMES])
    assert judged.finding == "on_target"
    assert "lowest recall there is that of 'b': 0.0% (0.0% to 79.3%; 1 image)" in judged.evidence


def test_where_all_classes_are_as_bad_the_class_is_not_the_cause(params: Params) -> None:
    true = ["a"] * 200 + ["b"] * 200
    seen = (["a"] * 3 + ["b"] * 2) * 40 + (["b"] * 3 + ["a"] * 2) * 40
    judged = judged_of(params, 0.95, *[answers(true, seen, split) for split in SPLIT_NAMES])
    assert judged.finding == "high_bias"


TWO_PICTURES = (["a", "b"] * 60, [f"picture{number % 2}" for number in range(120)])


def test_copies_of_two_pictures_reach_no_target(params: Params) -> None:
    true, pictures = TWO_PICTURES
    train = answers(["a", "b"] * 100, ["a", "b"] * 100, "train")
    held_out = [answers(true, true, split, pictures) for split in SPLIT_NAMES[1:]]
    judged = judged_of(params, 0.9, train, *held_out)
    assert judged.finding == "cannot_tell"
    assert "about 33 more groups or distinct pictures would tell" in judged.headline
    assert "not independent: 120 validation images count as 2, 120 test images count as 2." in judged.evidence


def test_copies_of_two_pictures_accuse_nobody(params: Params) -> None:
    true, pictures = TWO_PICTURES
    train = answers(["a", "b"] * 100, ["a", "b"] * 100, "train")
    held_out = [answers(true, ["a"] * 120, split, pictures) for split in SPLIT_NAMES[1:]]
    alone = [answers(true, ["a"] * 120, split) for split in SPLIT_NAMES[1:]]
    judged = judged_of(params, 0.6, train, *held_out)
    assert judged.finding == "cannot_tell"  # one of two pictures is wrong
    assert judged.parts[0].p_value == 1.0
    assert judged_of(params, 0.6, train, *alone).finding == "weak_class"  # 60 of 120 images are


def test_one_group_tells_nothing_whatever_its_accuracy(params: Params) -> None:
    true = ["a", "b"] * 60
    train = answers(["a", "b"] * 100, ["a", "b"] * 100, "train")
    for seen in (true, ["a"] * 120):
        held_out = [answers(true, seen, split, ["w1"] * 120) for split in SPLIT_NAMES[1:]]
        judged = judged_of(params, 0.9, train, *held_out)
        assert judged.finding == "cannot_tell"
        assert "(95% interval 0.0% to 100.0%)" in judged.headline
        assert {part.p_value for part in judged.parts} == {1.0}


ROWS = predictions({"train": (0.5, 60), "validation": (0.8, 60), "test": (0.9, 60)})


def test_the_worst_mistakes_are_the_least_probable_truths() -> None:
    worst = worst_mistakes(ROWS, "validation", 5)
    assert worst.height == 5
    assert (worst["label"] != worst["predicted"]).all()
    assert worst["split"].unique().to_list() == ["validation"]
    wrong = ROWS.filter((pl.col("split") == "validation") & (pl.col("label") != pl.col("predicted")))
    assert worst["loss"].to_list() == sorted(wrong["loss"].to_list(), reverse=True)[:5]


def test_each_cell_keeps_its_worst() -> None:
    cells = mistakes_by_cell(ROWS, "validation", 2)
    wrong = ROWS.filter((pl.col("split") == "validation") & (pl.col("label") != pl.col("predicted")))
    expected = {(row[0], row[1]): min(row[2], 2) for row in wrong.group_by("label", "predicted").len().rows()}
    assert {(row[0], row[1]): row[2] for row in cells.group_by("label", "predicted").len().rows()} == expected
    assert set(expected.values()) == {1, 2}
    assert worst_mistakes(ROWS, "validation", 1)["id"][0] in cells["id"].to_list()


def test_of_each_class_the_surest_the_median_and_the_least_sure_are_shown() -> None:
    shown = correct_examples(ROWS, "validation", 3)
    for name in "abc":
        right = ROWS.filter((pl.col("split") == "validation") & (pl.col("label") == name) & (pl.col("predicted") == name)).sort(
            "loss"
        )
        ids = right["id"].to_list()
        assert shown.filter(pl.col("label") == name)["id"].to_list() == [ids[0], ids[round((len(ids) - 1) / 2)], ids[-1]]
