import polars as pl

from models.diagnose.external_judgement import judge_external
from tests.models.made_up import predictions


def external(**accuracies: tuple[float, int]) -> pl.DataFrame:
    """Rows as `read_external_predictions` gives them, without groups."""
    rows = predictions(accuracies)
    return rows.with_columns(path="id", group=pl.lit(None, dtype=pl.String)).sort("id")


def test_the_verdict_says_how_validation_stands_to_the_target() -> None:
    found = judge_external(external(validation=(0.9, 1000)), target_accuracy=0.95, seed=0)
    assert found.verdict == (
        "The accuracy on validation is 90.0% (95% interval 88.0% to 91.7%) and misses the target of 95.0%."
    )
    assert "and reaches the target" in judge_external(external(validation=(0.9, 1000)), target_accuracy=0.8, seed=0).verdict
    open_ = judge_external(external(validation=(0.9, 1000)), target_accuracy=0.9, seed=0).verdict
    assert open_.endswith("and cannot be told from the target of 90.0%; more independent images would tell.")


def test_a_part_of_the_error_stands_only_where_both_splits_are_there() -> None:
    parts = {
        ("validation",): "",
        ("validation", "train"): "Parts of the error: no bias; variance 10.0 points.",
        ("validation", "test"): "Parts of the error: mismatch 10.0 points.",
        ("train",): "Parts of the error: no bias.",
    }
    accuracies = {"train": (1.0, 1000), "validation": (0.9, 1000), "test": (0.8, 1000)}
    for splits, sentence in parts.items():
        found = judge_external(external(**{name: accuracies[name] for name in splits}), target_accuracy=0.99, seed=0)
        assert sorted(found.scores) == sorted(splits)
        assert " ".join(remark for remark in found.remarks if remark.startswith("Parts")) == sentence
        lacking = [remark.split()[1] for remark in found.remarks if remark.startswith("Without")]
        assert lacking == [name for name in ("train", "validation", "test") if name not in splits] + ["groups"]


def test_without_validation_test_is_judged() -> None:
    found = judge_external(external(train=(1.0, 90), test=(0.8, 90)), target_accuracy=0.9, seed=0)
    assert found.split == "test"
    assert found.calibration.images == 90


def test_a_group_that_is_read_worse_is_named_and_train_labels_are_no_suspects() -> None:
    rows = external(train=(0.8, 300), validation=(0.8, 300))
    wrong = (pl.col("label") != pl.col("predicted")) & (pl.col("split") == "validation")
    others = pl.when(pl.int_range(pl.len()) % 2 == 0).then(pl.lit("w2")).otherwise(pl.lit("w3"))
    rows = rows.with_columns(group=pl.when(wrong).then(pl.lit("w1")).otherwise(others))
    found = judge_external(rows, target_accuracy=0.9, seed=0)
    assert [own.name for own in found.slices] == ["group 'w1'"]
    assert set(found.suspects["split"]) == {"validation"}
    assert not any(remark.startswith("Without groups") for remark in found.remarks)


def test_a_missed_class_is_named() -> None:
    rows = external(validation=(1.0, 300))
    rows = rows.with_columns(predicted=pl.when(pl.col("label") == "b").then(pl.lit("a")).otherwise("predicted"))
    found = judge_external(rows, target_accuracy=0.9, seed=0)
    assert found.remarks[0] == "Class 'b' is missed: its recall is 0.0% of 100 images."
    assert found.recalls[0].class_name == "b"
