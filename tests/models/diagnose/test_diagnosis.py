import numpy as np
import polars as pl
import pytest

from dataprep.core.confidence_intervals import estimate
from models.diagnose.diagnosis import Diagnosis, diagnose
from models.diagnose.error_parts import as_alike, cut_error
from models.diagnose.metrics import Accuracy, Metrics, measure
from pipelines.parameters.params import Params
from tests.models.made_up import answers, facts_of, predictions


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
    judged = diagnose(facts_of(metrics, params))
    assert judged.first.id == finding
    assert words in judged.first.headline
    assert f"{1 - validation:.1%} on validation" in " ".join(judged.summary)


def test_small_splits_accuse_nobody(params: Params) -> None:
    metrics = measure(predictions({"train": (1.0, 300), "validation": (0.95, 20), "test": (0.95, 20)}))
    assert diagnose(facts_of(metrics, params)).first.id == "cannot_tell"


def test_three_wrong_of_37_miss_a_target_of_one_percent(params: Params) -> None:
    metrics = measure(predictions({"train": (1.0, 109), "validation": (34 / 37, 37), "test": (34 / 37, 37)}))
    judged = diagnose(facts_of(metrics, params))
    assert judged.first.id == "high_variance"
    assert cut_error(metrics, 0.99)[1].p_value == pytest.approx(0.0153, abs=1e-3)  # Fisher's exact test: 3/37, 0/109


def test_a_certain_miss_with_uncertain_parts_accuses_neither(params: Params) -> None:
    missed = (1 - 14 / 600, 600)
    metrics = measure(predictions({"train": (1 - 8 / 600, 600), "validation": missed, "test": missed}))
    facts = facts_of(metrics, params)
    assert facts.stands == "missed"
    assert facts.certain == []
    judged = diagnose(facts)
    assert [finding.id for finding in judged.findings] == ["cannot_tell"]
    assert judged.first.headline == (
        "Cannot tell why validation misses the target of 99.0%: it is at 97.7% (95% interval 96.1% to 98.6%), and neither bias "
        "nor variance is certain; about 2 times as many train and validation images would tell."
    )
    assert "model" not in actions_of(judged)


def test_as_many_more_images_as_were_named_show_why(params: Params) -> None:
    def judged_with(times: int) -> Diagnosis:
        missed = (1 - 14 / 600, 600 * times)
        metrics = measure(predictions({"train": (1 - 8 / 600, 600 * times), "validation": missed, "test": missed}))
        return diagnose(facts_of(metrics, params))

    assert [judged_with(times).first.id for times in (1, 2)] == ["cannot_tell", "high_variance"]


def test_two_distinct_train_pictures_accuse_no_network(params: Params) -> None:
    train = answers(["a", "b"] * 60, ["a", "b"] * 60, "train", [f"picture{number % 2}" for number in range(120)])
    true = ["a", "b"] * 60
    held_out = [answers(true, ["b"] * 12 + true[12:], split) for split in SPLIT_NAMES[1:]]
    judged = judged_of(params, 0.99, train, *held_out)
    assert judged.first.id == "cannot_tell"
    assert "neither bias nor variance is certain; about" in judged.first.headline
    assert "times as many train and validation groups or distinct pictures would tell" in judged.first.headline


@pytest.mark.parametrize("mistakes", [0, 1, 2, 3, 4, 5, 8])
@pytest.mark.parametrize("target", [0.99, 0.95, 0.9])
def test_the_shown_interval_and_the_verdict_never_contradict_each_other(params: Params, target: float, mistakes: int) -> None:
    held_out = (1 - mistakes / 100, 100)
    metrics = measure(predictions({"train": (1.0, 100), "validation": held_out, "test": held_out}))
    judged = diagnose(facts_of(metrics, params, target))
    low, high = metrics.validation.accuracy_interval
    certain = cut_error(metrics, target)[1].is_certain
    expected = (
        ("high_variance" if certain else "cannot_tell") if high < target else "on_target" if low >= target else "cannot_tell"
    )
    assert judged.first.id == expected
    assert "about 1 more" not in judged.first.headline


def test_the_parts_add_up_to_the_test_error(params: Params) -> None:
    metrics = measure(predictions({"train": (0.97, 1000), "validation": (0.93, 500), "test": (0.9, 500)}))
    assert sum(part.size for part in cut_error(metrics, 0.99)) == pytest.approx(metrics.test.error - 0.01)


def test_twenty_right_images_do_not_reach_a_target(params: Params) -> None:
    metrics = measure(predictions({"train": (1.0, 300), "validation": (1.0, 20), "test": (1.0, 20)}))
    judged = diagnose(facts_of(metrics, params))
    assert judged.first.id == "cannot_tell"
    assert judged.first.headline == (
        "Cannot tell: validation is at 100.0% (95% interval 83.9% to 100.0%), the target at 99.0%, and the difference may be "
        "chance; about 360 more images would tell."
    )
    assert "stop here" not in actions_of(judged)


def test_an_accuracy_that_is_the_target_never_differs_from_it(params: Params) -> None:
    metrics = measure(predictions({"train": (1.0, 300), "validation": (0.99, 300), "test": (0.99, 300)}))
    assert diagnose(facts_of(metrics, params)).first.headline.endswith("too close for any number of images within reach.")


def actions_of(judged: Diagnosis) -> str:
    return " ".join(action.text for action in judged.first.actions)


def judged_of(params: Params, target: float, *parts: pl.DataFrame) -> Diagnosis:
    return diagnose(facts_of(measure(pl.concat(parts)), params, target))


HEALTHY = ["healthy"] * 950 + ["sick"] * 50
SPLIT_NAMES = ("train", "validation", "test")


def test_a_class_that_is_never_found_is_named_first(params: Params) -> None:
    parts = [answers(HEALTHY, ["healthy"] * 1000, split) for split in SPLIT_NAMES]
    judged = judged_of(params, 0.9, *parts)
    assert judged.first.id == "imbalance"
    assert judged.first.headline == ("Imbalance: class 'sick' is 5.0% of the train images, and is read worse than the others.")
    assert actions_of(judged).startswith("Show those that are there more often")
    assert "stop here" not in actions_of(judged)
    assert "Answering 'healthy' for every image would be right in 95.0% of validation." in " ".join(judged.summary)
    assert "lowest recall there is that of 'sick': 0.0% (0.0% to 7.1%; 50 images)" in " ".join(judged.summary)


def test_train_images_that_are_all_right_are_as_alike_as_those_of_validation() -> None:
    """25 writers of 20 images, all right, count as 25 by themselves, and as nearly 500 beside 100 writers with few mistakes."""
    train, validation = of_writers(25, 20, mistakes=0), of_writers(100, 20, mistakes=100)
    variance = cut_error(Metrics.model_construct(train=train, validation=validation, test=validation), 0.99)[1]
    assert train.effective_images == 25
    assert as_alike(train, validation).effective_images == pytest.approx(500 * validation.effective_images / 2000)
    assert variance.is_certain
    assert variance.interval[0] > 0.03
    for other in (of_writers(25, 20, mistakes=1), of_writers(1, 500, mistakes=0), of_writers(500, 1, mistakes=0)):
        assert as_alike(other, validation) is other  # it shows by itself how alike they are, or has no group
    for unknown in (of_writers(100, 20, mistakes=0), of_writers(1, 500, mistakes=30), of_writers(100, 9, mistakes=50)):
        assert as_alike(train, unknown) is train


def of_writers(writers: int, images: int, mistakes: int) -> Accuracy:
    """Of so many images each; the mistakes are spread over the writers, one each and again from the first."""
    hits = np.ones((images, writers), bool)
    hits.ravel()[:mistakes] = False
    found = estimate(hits.ravel(), np.tile(np.arange(writers), images))
    return Accuracy(
        images=found.images,
        clusters=found.clusters,
        effective_images=found.effective_images,
        accuracy=found.fraction,
        accuracy_interval=found.interval,
    )


def test_a_missed_class_stands_before_what_else_is_certain(params: Params) -> None:
    train = answers(HEALTHY, HEALTHY, "train")
    held_out = [answers(HEALTHY, ["healthy"] * 1000, split) for split in SPLIT_NAMES[1:]]
    judged = judged_of(params, 0.99, train, *held_out)
    assert judged.first.headline.startswith("Imbalance: class 'sick' is 5.0% of the train images")
    assert [finding.id for finding in judged.findings] == ["imbalance", "high_variance"]
    assert judged.findings[1].headline == "High variance: the model knows its train images better than it understands new ones."


def test_of_several_missed_classes_the_worst_is_named(params: Params) -> None:
    true = ["a"] * 500 + ["b"] * 30 + ["c"] * 30
    seen = ["a"] * 500 + ["a"] * 29 + ["b"] + ["a"] * 20 + ["c"] * 10
    train = answers(["a", "b", "c"] * 100, ["a", "b", "c"] * 100, "train")
    judged = judged_of(params, 0.8, train, *[answers(true, seen, split) for split in SPLIT_NAMES[1:]])
    assert judged.first.headline.startswith("2 classes are missed, most of all 'b': recall 3.3% on validation")


@pytest.mark.parametrize("num_classes", [2, 3, 10])
def test_in_a_balanced_set_a_missed_class_is_named_though_it_lowers_the_accuracy_of_all(
    params: Params, num_classes: int
) -> None:
    true = [name for name in "abcdefghij"[:num_classes] for _ in range(20)]
    seen = ["b"] * 10 + true[10:]
    judged = judged_of(params, 0.99, *[answers(true, seen, split) for split in SPLIT_NAMES])
    assert judged.first.id == "weak_class"
    assert judged.first.headline.startswith("Class 'a' is missed: recall 50.0% on validation")


def test_of_three_classes_two_can_be_missed(params: Params) -> None:
    true = ["a"] * 50 + ["b"] * 50 + ["c"] * 50
    judged = judged_of(params, 0.9, *[answers(true, ["c"] * 150, split) for split in SPLIT_NAMES])
    assert judged.first.headline.startswith("2 classes are missed, most of all 'a': recall 0.0%")


def test_a_set_of_one_class_has_no_weak_class(params: Params) -> None:
    true, seen = ["a"] * 100, ["a"] * 50 + ["b"] * 50
    judged = judged_of(params, 0.99, *[answers(true, seen, split) for split in SPLIT_NAMES])
    assert judged.first.id == "high_bias"


def test_a_class_of_one_image_accuses_nobody(params: Params) -> None:
    true = ["a"] * 500 + ["b"]
    judged = judged_of(params, 0.9, *[answers(true, ["a"] * 501, split) for split in SPLIT_NAMES])
    assert judged.first.id == "on_target"
    assert "lowest recall there is that of 'b': 0.0% (0.0% to 79.3%; 1 image)" in " ".join(judged.summary)


@pytest.mark.parametrize(
    ("right", "images", "sentence"),
    [
        (
            0,
            1,
            "0.0% (0.0% to 79.3%; 1 image). That is too few to tell whether the class is missed; about 3 times as many",
        ),
        (1, 3, "33.3% (6.1% to 79.2%; 3 images). That is too few to tell whether the class is missed; about 2 times as many"),
        (0, 30, "0.0% (0.0% to 11.4%; 30 images)."),  # certain, and a finding says so
        (17, 20, "85.0% (64.0% to 94.8%; 20 images)."),  # not far from the target
    ],
)
def test_a_class_that_may_be_missed_is_named_with_the_images_that_would_decide(
    params: Params, right: int, images: int, sentence: str
) -> None:
    true = ["a"] * 500 + ["b"] * images
    seen = ["a"] * 500 + ["b"] * right + ["a"] * (images - right)
    judged = judged_of(params, 0.9, *[answers(true, seen, split) for split in SPLIT_NAMES])
    weakest = judged.summary[2]
    assert sentence in weakest
    assert ("too few" in weakest) == ("too few" in sentence)
    assert (judged.first.id == "imbalance") == (images == 30)


def test_where_all_classes_are_as_bad_the_class_is_not_the_cause(params: Params) -> None:
    true = ["a"] * 200 + ["b"] * 200
    seen = (["a"] * 3 + ["b"] * 2) * 40 + (["b"] * 3 + ["a"] * 2) * 40
    judged = judged_of(params, 0.95, *[answers(true, seen, split) for split in SPLIT_NAMES])
    assert judged.first.id == "high_bias"


TWO_PICTURES = (["a", "b"] * 60, [f"picture{number % 2}" for number in range(120)])


def test_copies_of_two_pictures_reach_no_target(params: Params) -> None:
    true, pictures = TWO_PICTURES
    train = answers(["a", "b"] * 100, ["a", "b"] * 100, "train")
    held_out = [answers(true, true, split, pictures) for split in SPLIT_NAMES[1:]]
    judged = judged_of(params, 0.9, train, *held_out)
    assert judged.first.id == "cannot_tell"
    assert "about 33 more groups or distinct pictures would tell" in judged.first.headline
    assert "not independent: 120 validation images count as 2, 120 test images count as 2." in " ".join(judged.summary)


def test_copies_of_one_picture_name_no_number_of_groups(params: Params) -> None:
    true = ["a", "b"] * 60
    train = answers(["a", "b"] * 100, ["a", "b"] * 100, "train")
    held_out = [answers(true, ["a", "b"] * 50 + ["a"] * 20, split, ["picture"] * 120) for split in SPLIT_NAMES[1:]]
    judged = judged_of(params, 0.9, train, *held_out)
    assert judged.first.id == "cannot_tell"
    assert "120 validation images are one group or copies of one picture, so other groups or pictures" in judged.first.headline
    assert "about" not in judged.first.headline


def test_train_images_of_one_group_name_no_number_of_groups(params: Params) -> None:
    true = ["a"] * 200 + ["b"] * 200
    seen = (["a"] * 3 + ["b"] * 2) * 40 + (["b"] * 3 + ["a"] * 2) * 40
    held_out = [answers(true, seen, split) for split in SPLIT_NAMES[1:]]
    judged = judged_of(params, 0.95, answers(true, seen, "train", ["w1"] * 400), *held_out)
    assert judged.first.id == "cannot_tell"
    assert "many more train and validation groups or distinct pictures would tell" in judged.first.headline


def test_copies_of_two_pictures_accuse_nobody(params: Params) -> None:
    true, pictures = TWO_PICTURES
    train = answers(["a", "b"] * 100, ["a", "b"] * 100, "train")
    held_out = [answers(true, ["a"] * 120, split, pictures) for split in SPLIT_NAMES[1:]]
    alone = [answers(true, ["a"] * 120, split) for split in SPLIT_NAMES[1:]]
    judged = judged_of(params, 0.6, train, *held_out)
    assert judged.first.id == "cannot_tell"  # one of two pictures is wrong
    assert cut_error(measure(pl.concat([train, *held_out])), 0.6)[0].p_value == 1.0
    assert judged_of(params, 0.6, train, *alone).first.id == "weak_class"  # 60 of 120 images are


def test_one_group_shows_nothing_whatever_its_accuracy(params: Params) -> None:
    true = ["a", "b"] * 60
    train = answers(["a", "b"] * 100, ["a", "b"] * 100, "train")
    for seen in (true, ["a"] * 120):
        held_out = [answers(true, seen, split, ["w1"] * 120) for split in SPLIT_NAMES[1:]]
        judged = judged_of(params, 0.9, train, *held_out)
        assert judged.first.id == "cannot_tell"
        assert "(95% interval 0.0% to 100.0%)" in judged.first.headline
        assert {part.p_value for part in cut_error(measure(pl.concat([train, *held_out])), 0.9)} == {1.0}
