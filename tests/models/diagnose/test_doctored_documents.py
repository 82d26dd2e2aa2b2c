"""metrics.json and split.json that say what cannot be: one line."""

import json
from pathlib import Path
from typing import Any

import pytest

from dataprep.core.artifacts import Document, encode_document, read_document
from dataprep.core.errors import ArtifactError
from dataprep.store.split_report import ClassPortions, Counts, Portion, Shared, SplitMetrics
from models.diagnose.metrics import Metrics, measure
from tests.models.made_up import predictions

NONE = Counts(groups=0, duplicates=0, near_duplicates=0)
PORTION = Portion(images=5, clusters=5, asked=0.5, got=0.5)
SPLIT = SplitMetrics(
    images={"train": 10, "validation": 5, "test": 5},
    shared=Shared(train_validation=NONE, train_test=NONE, validation_test=NONE),
    kept_together=NONE,
    warnings=[],
    classes=[ClassPortions(class_name="a", train=PORTION, validation=PORTION, test=PORTION)],
)
MEASURED = measure(predictions({"train": (0.9, 12), "validation": (0.8, 6), "test": (0.7, 6)}))


def doctored(document: Document, place: str, value: object) -> str:
    """JSON of a document in which one value is another."""
    whole: Any = json.loads(encode_document(document))
    *above, last = [int(part) if part.isdigit() else part for part in place.split(".")]
    inner = whole
    for part in above:
        inner = inner[part]
    inner[last] = value
    return json.dumps(whole)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -0.5, 1.5, None, "0.5", [], True])
@pytest.mark.parametrize(
    ("document", "place"),
    [
        *((MEASURED, place) for place in ("test.accuracy", "train.macro_f1", "test.accuracy_interval.0")),
        (SPLIT, "classes.0.test.asked"),
    ],
)
def test_a_fraction_is_one(document: Document, place: str, value: object, tmp_path: Path) -> None:
    path = tmp_path / "document.json"
    path.write_text(encode_document(document).decode())
    assert read_document(path, type(document), stage="diagnose") == document
    path.write_text(doctored(document, place, value))
    if value is None and place == "classes.0.test.asked":  # where no image was assigned
        assert read_document(path, type(document), stage="diagnose") != document
        return
    with pytest.raises(
        ArtifactError, match=rf"is not a {type(document).__name__} that .* \({place}: .*Run: dvc repro diagnose"
    ):
        read_document(path, type(document), stage="diagnose")


@pytest.mark.parametrize(
    ("document", "place", "value", "message"),
    [
        (MEASURED, "test.images", 0, r"test\.images"),
        (MEASURED, "test.log_loss", -1, r"test\.log_loss"),
        (MEASURED, "confusion.test.counts.0", [1, 2], r"confusion\.test: counts must have 3 rows and columns"),
        (MEASURED, "confusion.test.counts", [], r"confusion\.test: counts must have 3 rows and columns"),
        (MEASURED, "confusion.test.counts.0.0", -1, r"confusion\.test\.counts\.0\.0"),
        (MEASURED, "confusion.test.counts.0.0", 10**30, r"confusion\.test\.counts\.0\.0"),
        (MEASURED, "more\n", 1, r"\(more\\n: "),
        (SPLIT, "images.train", -1, r"images\.train"),
        (SPLIT, "kept_together.groups", 1.5, r"kept_together\.groups"),
        (SPLIT, "warnings", [5], r"warnings\.0"),
    ],
)
def test_a_count_is_one(document: Document, place: str, value: object, message: str, tmp_path: Path) -> None:
    path = tmp_path / "document.json"
    path.write_text(doctored(document, place, value))
    with pytest.raises(ArtifactError, match=message) as refused:
        read_document(path, Metrics if document is MEASURED else SplitMetrics, stage="diagnose")
    assert "\n" not in str(refused.value)
