"""The page keeps to its bytes, whatever the data set."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from models.evaluate.predictions import predictions_frame
from models.report.page import render
from pipelines.parameters.params import Params
from tests.models.report.made_up_page import MANIFEST, MadeUp, made_up_content

LIMIT = 10 * 10**6


def many_classes(num_classes: int, per_class: int, *, name_length: int) -> pl.DataFrame:
    """A third of the images is read as another class; names of classes and files have so many letters."""
    parts = []
    names = [f"{number:05d}".ljust(name_length, "n") for number in range(num_classes)]
    for split in ("train", "validation", "test"):
        count = num_classes * per_class
        labels = np.arange(count) % num_classes
        read = np.where(np.arange(count) % 3 == 0, (labels + 1) % num_classes, labels)
        probabilities = np.full((count, num_classes), 0.1 / num_classes, dtype=np.float32)
        probabilities[np.arange(count), read] = 0.9
        ids = [f"{split}/{number:06d}".ljust(name_length, "i") for number in range(count)]
        parts.append(predictions_frame(ids, split, labels, probabilities, names))
    return pl.concat(parts).with_columns(cluster="id")


@pytest.mark.slow
@pytest.mark.parametrize(("num_classes", "name_length", "shape"), [(800, 12, (16, 16, 1)), (300, 250, (80, 80, 3))])
def test_pages_of_many_classes_long_names_and_pictures_of_noise_stay_small(
    params: Params,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    num_classes: int,
    name_length: int,
    shape: tuple[int, int, int],
) -> None:
    monkeypatch.setattr("models.report.feature_map._spread_out", lambda features: features[:, :2])  # which takes seconds
    rows = many_classes(num_classes, 2, name_length=name_length)
    content = made_up_content(rows, params, tmp_path, MadeUp(manifest=MANIFEST.clear(), shape=shape))
    assert len(content.gallery.images) > 700
    assert len(render(content).encode()) < LIMIT
