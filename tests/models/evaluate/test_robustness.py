import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from dataprep.augment.drawn_parameters import suited_operations
from dataprep.config.augment import OPERATIONS
from dataprep.core.errors import ArtifactError
from dataprep.decode.image import Pixels
from dataprep.feed.batches import ordered_batches
from models.evaluate.robustness import measure_robustness, read_robustness
from pipelines.parameters.params import Params
from tests.dataprep.augment.augmenting import config_with
from tests.models.made_up import split_of


def knows_stripes(images: Pixels) -> np.ndarray:
    """Reads the striped classes of the tests: rows, columns or a diagonal that vary most."""
    levels = images[..., 0].astype(float)
    rows, columns = levels.mean(axis=2).std(axis=1), levels.mean(axis=1).std(axis=1)
    scores = np.column_stack([rows, columns, np.full(len(images), 30.0)])
    probabilities: np.ndarray = (scores / scores.sum(axis=1, keepdims=True)).astype(np.float32)
    return probabilities


def test_an_operation_that_destroys_labels_is_seen(tiny: Path, params: Params) -> None:
    augment = config_with(rotation={"probability": 0.3, "degrees": [90.0, 90.0]}, brightness={"fraction": [0.1, 0.1]})
    measured = measure_robustness(
        knows_stripes, tiny / "prepared", split_of(tiny / "prepared"), augment, params.evaluate, threshold=0.5
    )
    found = {under.operation: under for under in measured.operations}
    assert set(found) == set(suited_operations(1))
    assert len(found) == len(OPERATIONS) - 1
    assert measured.accuracy == found["brightness"].accuracy == 1.0
    assert found["rotation"].accuracy < 0.5  # rows become columns
    assert found["rotation"].accuracy_interval[1] < 0.7
    assert found["rotation"].probability == 0.3
    assert found["pen_width"].probability == 0
    assert [under.accuracy for under in measured.operations] == sorted(under.accuracy for under in measured.operations)
    assert measured.superposed == {}


@pytest.mark.parametrize("batch_size", [3, 500])
def test_figures_are_the_same_for_any_batch_size(tiny: Path, params: Params, batch_size: int) -> None:
    whole = measure_robustness(
        knows_stripes, tiny / "prepared", split_of(tiny / "prepared"), params.augment, params.evaluate, threshold=0.5
    )
    other = params.evaluate.model_copy(update={"batch_size": batch_size})
    assert (
        measure_robustness(knows_stripes, tiny / "prepared", split_of(tiny / "prepared"), params.augment, other, threshold=0.5)
        == whole
    )
    assert whole.images == sum(len(labels) for _, labels, _ in ordered_batches(tiny / "prepared", "validation", 50))


def test_fewer_images_are_tried_where_fewer_are_asked_for(tiny: Path, params: Params) -> None:
    few = params.evaluate.model_copy(update={"images_per_operation": 12})
    measured = measure_robustness(
        knows_stripes, tiny / "prepared", split_of(tiny / "prepared"), params.augment, few, threshold=0.5
    )
    assert measured.images == 12
    none = params.evaluate.model_copy(update={"images_per_operation": 0})
    assert (
        measure_robustness(
            knows_stripes, tiny / "prepared", split_of(tiny / "prepared"), params.augment, none, threshold=0.5
        ).operations
        == []
    )


def test_mixtures_are_read_whole_or_not_at_all(tiny: Path, params: Params) -> None:
    augment = config_with(superpose={"num_images": 2, "combine": "sum"})

    def reads_everything(images: Pixels) -> np.ndarray:
        return np.ones((len(images), 3), dtype=np.float32)

    measured = measure_robustness(
        reads_everything, tiny / "prepared", split_of(tiny / "prepared"), augment, params.evaluate, threshold=0.5
    )
    assert list(measured.superposed) == ["validation", "test"]
    assert {mixtures.exact_match for mixtures in measured.superposed.values()} == {0.0}


def test_a_class_of_a_mixture_counts_as_found_above_the_threshold(tiny: Path, params: Params) -> None:
    augment = config_with(superpose={"num_images": 2, "combine": "sum"})

    def is_unsure(images: Pixels) -> np.ndarray:
        return np.full((len(images), 3), 0.4, dtype=np.float32)

    three = augment.model_copy(update={"superpose": augment.superpose.model_copy(update={"num_images": 3})})
    for threshold, found in ((0.5, 0.0), (0.3, 1.0)):
        measured = measure_robustness(
            is_unsure, tiny / "prepared", split_of(tiny / "prepared"), three, params.evaluate, threshold=threshold
        )
        assert {mixtures.exact_match for mixtures in measured.superposed.values()} == {found}


def test_images_of_two_groups_are_worth_two(tiny: Path, params: Params) -> None:
    augment = config_with(rotation={"degrees": [90.0, 90.0]}, superpose={"num_images": 2, "combine": "sum"})
    alone = split_of(tiny / "prepared")
    two = alone.with_columns(cluster=pl.format("w{}", pl.int_range(pl.len()) % 2))

    def widths(split: pl.DataFrame) -> list[float]:
        measured = measure_robustness(knows_stripes, tiny / "prepared", split, augment, params.evaluate, threshold=0.5)
        assert measured.clusters == (2 if split is two else measured.images)
        intervals = {under.operation: under.accuracy_interval for under in measured.operations}
        kept = [intervals["brightness"], intervals["rotation"], measured.superposed["test"].exact_match_interval]
        return [high - low for low, high in kept]

    assert all(wide > 2 * narrow for wide, narrow in zip(widths(two), widths(alone), strict=True))


def robustness_of(**changes: object) -> str:
    under = {"operation": "noise", "probability": 0.5, "accuracy": 0.8, "accuracy_interval": [0.7, 0.9]}
    whole: dict[str, object] = {
        "format_version": 5,
        "images": 10,
        "clusters": 10,
        "accuracy": 0.9,
        "operations": [under],
        "levels": [],
        "regions": [],
        "superposed": {},
        "denoised": {},
    }
    if changes.keys() <= whole.keys() and "accuracy_interval" not in changes:
        return json.dumps({**whole, **changes})
    return json.dumps({**whole, "operations": [{**under, **changes}]})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"images": -1}, "images"),
        ({"images": 0}, "accuracy and operations must be given where images were tried"),
        ({"accuracy": None}, "accuracy and operations must be given where images were tried"),
        ({"accuracy": float("nan")}, "accuracy: .*finite"),
        ({"accuracy": 1.5}, "accuracy: .*less than or equal to 1"),
        ({"operations": None}, "operations: "),
        ({"superposed": {"train": {}, "bogus": {}}}, "superposed"),
        ({"operation": "noisee"}, r"operations\.0\.operation: 'noisee' is no operation\. Did you mean noise\?"),
        ({"probability": -0.5}, r"operations\.0\.probability"),
        ({"accuracy_interval": [0.7]}, r"operations\.0\.accuracy_interval"),
        ({"accuracy_interval": [0.7, float("inf")]}, r"operations\.0\.accuracy_interval\.1: .*finite"),
        ({"more": 1}, r"operations\.0\.more"),
    ],
)
def test_figures_that_cannot_be_are_one_line(changes: dict[str, object], message: str, tmp_path: Path) -> None:
    path = tmp_path / "robustness.json"
    path.write_text(robustness_of())
    assert read_robustness(path).operations[0].operation == "noise"
    path.write_text(robustness_of(**changes))
    with pytest.raises(ArtifactError, match=message) as refused:
        read_robustness(path)
    assert str(refused.value).endswith("Run: dvc repro evaluate")
