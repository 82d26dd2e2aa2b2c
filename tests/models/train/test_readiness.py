"""What training refuses before it begins."""

from dataclasses import replace
from pathlib import Path

import pytest

from dataprep.core.errors import TrainError
from dataprep.feed.batches import find_train_set
from dataprep.store.shards import read_index
from models.config.train import TrainConfig
from models.train import readiness
from models.train.readiness import available_bytes, check_ready
from pipelines.parameters.params import Params


def test_a_class_without_a_train_image_is_refused(tiny: Path, short: TrainConfig, params: Params) -> None:
    train_set = find_train_set(tiny / "prepared", tiny / "augmented")
    index = read_index(tiny / "prepared", stage="prepare")
    check_ready(train_set, index, short, params.augment)
    with pytest.raises(TrainError, match=r"^train must have images of each class; it has none of 'class1'\."):
        check_ready(replace(train_set, class_counts=[3, 0, 3]), index, short, params.augment)


def test_an_empty_validation_is_refused(tiny: Path, short: TrainConfig, params: Params) -> None:
    train_set = find_train_set(tiny / "prepared", tiny / "augmented")
    index = read_index(tiny / "prepared", stage="prepare")
    rest = index.model_copy(update={"shards": [entry for entry in index.shards if entry.split != "validation"]})
    with pytest.raises(TrainError, match=r"^validation must have images, .*; it has none\. Change split\.fractions$"):
        check_ready(train_set, rest, short, params.augment)


def test_memory_that_is_not_there_is_refused_where_it_would_be_used(
    tiny: Path, short: TrainConfig, params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    train_set = find_train_set(tiny / "prepared", tiny / "augmented")
    large = replace(train_set, class_counts=[2**23] * train_set.num_classes)
    index = read_index(tiny / "prepared", stage="prepare")
    assert available_bytes() > 0
    monkeypatch.setattr(readiness, "available_bytes", lambda: 2**28)
    check_ready(large, index, short.model_copy(update={"memory_gib": 1.0}), params.augment)  # read in parts
    with pytest.raises(TrainError, match=r"^train\.memory_gib 64 holds .*; 0\.25 GiB are free\. Lower train\.memory_gib below"):
        check_ready(large, index, short.model_copy(update={"memory_gib": 64.0}), params.augment)
