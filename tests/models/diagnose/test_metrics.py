import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, fisher_exact

from dataprep.core.confidence_intervals import wilson_interval
from dataprep.core.errors import ArtifactError
from models.diagnose.metrics import Accuracy, class_scores, confuse, measure, score
from models.diagnose.significance import chance_above, chance_worse
from models.evaluate.predictions import predictions_frame, with_clusters
from tests.models.made_up import answers, predictions


def test_scores_are_those_of_a_hand_count() -> None:
    probabilities = np.array([[0.9, 0.1], [0.6, 0.4], [0.3, 0.7], [0.2, 0.8]], dtype=np.float32)
    rows = predictions_frame(list("wxyz"), "test", np.array([0, 1, 1, 1]), probabilities, ["a", "b"])
    scores = score(rows.with_columns(cluster="id"), "b")
    assert scores.accuracy == 0.75
    assert scores.majority_accuracy == 0.75
    # class a: precision 1/2, recall 1; class b: precision 1, recall 2/3
    assert scores.macro_f1 == pytest.approx((2 / 3 + 0.8) / 2)
    assert scores.log_loss == pytest.approx(-np.log([0.9, 0.4, 0.7, 0.8]).mean(), rel=1e-5)
    assert confuse(rows, ["a", "b"]).counts == [[1, 0], [1, 2]]


def test_a_class_that_the_split_lacks_does_not_lower_f1() -> None:
    rows = predictions_frame(list("xy"), "test", np.array([0, 1]), np.eye(3, dtype=np.float32)[:2], ["a", "b", "c"])
    assert score(rows.with_columns(cluster="id"), "a").macro_f1 == 1.0


def test_the_interval_is_wilson_s() -> None:
    scores = score(predictions({"test": (0.9, 100)}), "a")
    assert scores.accuracy_interval == pytest.approx((0.8256, 0.9448), abs=1e-4)  # the textbook's 90 of 100


def test_each_split_is_scored_alone() -> None:
    metrics = measure(predictions({"train": (1.0, 200), "validation": (0.9, 100), "test": (0.8, 100)}))
    assert [metrics.of_split(split).accuracy for split in ("train", "validation", "test")] == [1.0, 0.9, 0.8]
    assert sum(map(sum, metrics.confusion["validation"].counts)) == 100


def test_the_majority_is_that_of_the_train_images() -> None:
    train = answers(["a", "b", "b"], ["a", "b", "b"], "train")
    held_out = [answers(["a", "a", "b", "a"], ["a", "b", "b", "a"], split) for split in ("validation", "test")]
    metrics = measure(pl.concat([train, *held_out]))
    assert metrics.majority_class == "b"
    assert metrics.validation.majority_accuracy == 0.25
    assert [(recall.class_name, recall.images, recall.accuracy) for recall in metrics.recalls["test"]] == [
        ("a", 3, pytest.approx(2 / 3)),
        ("b", 1, 1.0),
    ]


def test_two_pictures_copied_sixty_times_are_worth_two() -> None:
    rows = answers(["a"] * 122, ["a"] * 122, "test", [f"picture{number % 2}" for number in range(122)])
    scores = score(rows, "a")
    assert (scores.images, scores.clusters, scores.worth) == (122, 2, 2)
    assert scores.accuracy_interval == pytest.approx((0.3424, 1.0), abs=1e-4)  # Wilson's of 2 of 2; of 122 it began at 0.9695


def test_predictions_get_the_clusters_of_their_images() -> None:
    rows = predictions({"test": (0.9, 4)}).drop("cluster")
    split = rows.select("id").reverse().with_columns(cluster=pl.lit("w1"), split=pl.lit("test"))
    assert with_clusters(rows, split)["cluster"].to_list() == ["w1"] * 4
    assert with_clusters(rows, split)["id"].equals(rows["id"])
    with pytest.raises(ArtifactError) as error:
        with_clusters(rows, split.head(3))
    assert str(error.value) == (
        "the predictions and the split must be of the same images; 1 of 4 are in no split, for example 'a/test0000.png'. "
        "Run: dvc repro"
    )


def seen_of(mistakes: int, images: int) -> Accuracy:
    """Of images that share nothing."""
    accuracy = (images - mistakes) / images
    return Accuracy(images=images, clusters=images, effective_images=images, accuracy=accuracy, accuracy_interval=(0.0, 1.0))


@given(st.integers(1, 300).flatmap(lambda size: st.tuples(st.integers(0, size), st.just(size))), st.floats(0.001, 0.999))
def test_chance_is_that_of_the_textbook_where_all_images_are_independent(counts: tuple[int, int], error: float) -> None:
    mistakes, images = counts
    seen = seen_of(mistakes, images)
    expected = binomtest(mistakes, images, error, alternative="greater").pvalue
    assert chance_above(seen, error) == pytest.approx(expected, abs=1e-9)
    table = [[mistakes, images - mistakes], [3, 37]]
    assert chance_worse(seen, seen_of(3, 40)) == fisher_exact(table, alternative="greater").pvalue


def test_precision_recall_and_f1_of_a_class_are_those_of_a_hand_count() -> None:
    rows = answers(["a"] * 6 + ["b"] * 4, ["a"] * 5 + ["b"] + ["a"] * 2 + ["b"] * 2, "test")
    a, b = class_scores(rows)
    assert (a.class_name, a.images, a.predicted_images, a.precision, a.recall) == ("a", 6, 7, 5 / 7, 5 / 6)
    assert a.f1 == pytest.approx(2 * 5 / (6 + 7))
    assert a.recall_interval == wilson_interval(5 / 6, 6)
    assert a.precision_interval == wilson_interval(5 / 7, 7)
    low, high = wilson_interval(5 / 8, 8)  # of 8 images that are a or read as it, 5 are both
    assert a.f1_interval == pytest.approx((2 * low / (1 + low), 2 * high / (1 + high)))
    assert (b.precision, b.recall) == (2 / 3, 0.5)


def test_a_class_that_nobody_reads_has_no_precision_and_one_without_images_no_recall() -> None:
    unread, unseen = class_scores(answers(["a", "a"], ["b", "b"], "test"))
    assert (unread.precision, unread.precision_interval, unread.recall, unread.f1) == (None, None, 0.0, 0.0)
    assert (unseen.images, unseen.recall, unseen.recall_interval, unseen.precision) == (0, None, None, 0.0)


def test_the_interval_of_macro_f1_holds_it_and_knows_clusters() -> None:
    true, read = ["a", "b", "c"] * 40, ["a", "b", "c"] * 30 + ["b", "a", "c"] * 10
    alone = score(answers(true, read, "test"), "a")
    low, high = alone.macro_f1_interval
    assert low < alone.macro_f1 < high
    assert high - low == pytest.approx(2 * 1.96 * bootstrap_deviation(true, read), rel=0.1)
    clusters = [f"writer{number // 12}" for number in range(120)]
    wider = score(answers(true, read, "test", clusters), "a").macro_f1_interval
    assert wider[1] - wider[0] > 1.5 * (high - low)
    assert score(answers(["a"] * 20, ["a"] * 20, "test"), "a").macro_f1_interval == pytest.approx(wilson_interval(1.0, 20))
    assert score(answers(["a"] * 20, ["a"] * 20, "test", ["one"] * 20), "a").macro_f1_interval == (0.0, 1.0)


def bootstrap_deviation(true: list[str], read: list[str]) -> float:
    """The standard deviation of macro F1 over images drawn with replacement."""
    rng = np.random.default_rng(0)
    label, predicted = (np.array([ord(name) - ord("a") for name in names]) for names in (true, read))
    scores = []
    for _ in range(400):
        drawn = rng.integers(0, len(label), len(label))
        both = np.bincount(label[drawn][label[drawn] == predicted[drawn]], minlength=3)
        scores.append(np.mean(2 * both / (np.bincount(label[drawn], minlength=3) + np.bincount(predicted[drawn], minlength=3))))
    return float(np.std(scores))
