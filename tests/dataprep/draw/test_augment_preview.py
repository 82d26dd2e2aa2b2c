from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from dataprep.augment.apply import augment_images
from dataprep.augment.drawn_parameters import alone
from dataprep.config.augment import OPERATIONS, AugmentConfig
from dataprep.core.rng import stable_hashes
from dataprep.decode.image import Pixels
from dataprep.draw.augment_preview import draw_variations
from dataprep.draw.contact_sheet import Column, cell_at, shown
from dataprep.store.shards import ShardReader, read_index
from tests.dataprep.augment.augmenting import config_with
from tests.dataprep.prepare.test_packing import prepare, split_rows

TILE = 96


@pytest.fixture
def prepared(make_tree: Callable[..., Path], tmp_path: Path) -> Path:
    source = make_tree(classes=3, images=9)
    prepare(split_rows(source), tmp_path / "prepared", source)
    return tmp_path / "prepared"


def draw(prepared: Path, config: AugmentConfig, *, all_operations: bool = False) -> Pixels:
    return draw_variations(prepared, config, num_images=3, seed=0, all_operations=all_operations, title="title")


def train_images(prepared: Path) -> dict[str, Pixels]:
    images: dict[str, Pixels] = {}
    index = read_index(prepared, stage="prepare")
    for entry in index.of_split("train"):
        with ShardReader(prepared, entry, index.layout, stage="prepare") as shard:
            images |= dict(zip(shard.ids(), shard.images(), strict=True))
    return images


def test_columns_are_each_operation_at_both_ends_and_at_random_and_all_together(prepared: Path) -> None:
    config = config_with(
        rotation={"probability": 0.5, "degrees": [-20.0, 30.0]},
        horizontal_flip={"probability": 0.5},
        noise={"std": [1.0, 60.0]},
    )
    sheet = draw(prepared, config)
    expected = [
        ("horizontal_flip", "random"),
        *[(name, strength) for name in ("rotation", "noise") for strength in ("weakest", "strongest", "random")],
    ]
    steps = [alone(config, name, strength) for name, strength in expected]  # type: ignore[arg-type]
    columns = [Column("", "word " * 3)] * (len(steps) + 4)
    rows = 0
    for image_id, image in train_images(prepared).items():
        key = stable_hashes([image_id])
        pictures = [image, *(augment_images(image[np.newaxis], key, step, epoch=1)[0] for step in steps)]
        pictures += [augment_images(image[np.newaxis], key, config, epoch=epoch)[0] for epoch in (1, 2, 3)]
        rows += any(stands_in(sheet, row, columns, pictures) for row in range(3))
    assert rows == 3


def stands_in(sheet: Pixels, row: int, columns: list[Column], pictures: list[Pixels]) -> bool:
    for lines in range(4):  # as many as the longest heading takes
        found = True
        for number, picture in enumerate(pictures):
            expected = shown(picture, TILE)
            top, left = cell_at([Column("", "x" if lines else "")] * len(columns), row, number, TILE)
            top += max(lines - 1, 0) * 18 + TILE - expected.shape[0]
            part = sheet[top : top + expected.shape[0], left : left + expected.shape[1]]
            found = found and np.array_equal(part, expected.repeat(3, axis=2))
        if found:
            return True
    return False


def test_every_operation_can_be_drawn_and_mixing_where_it_is_on(prepared: Path) -> None:
    few, all_of_them = draw(prepared, config_with()), draw(prepared, config_with(), all_operations=True)
    num_columns = sum(3 if operation.ranges() else 1 for name, operation in OPERATIONS.items() if name != "channel_shuffle")
    assert all_of_them.shape[1] - few.shape[1] == num_columns * (TILE + 16)
    mixed = draw(prepared, config_with(mixup={"probability": 0.2}, superpose={"probability": 0.2}))
    assert mixed.shape[1] - few.shape[1] == 2 * (TILE + 16)
    assert np.array_equal(draw(prepared, config_with()), few)
