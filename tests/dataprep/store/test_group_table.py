"""The table of groups and origins holds the train images that have one, and nothing else."""

from pathlib import Path

import polars as pl

from dataprep.store.group_table import encode_groups, read_groups


def test_train_images_with_a_group_or_an_origin_are_listed(tmp_path: Path) -> None:
    images = pl.DataFrame(
        {"id": ["a", "b", "c", "d"], "group": ["w1", None, None, "w2"], "origin": [None, "phone", None, None]},
        schema={"id": pl.String, "group": pl.String, "origin": pl.String},
    )
    split = pl.DataFrame({"id": ["a", "b", "c", "d"], "split": ["train", "train", "train", "test"]})
    (tmp_path / "groups.parquet").write_bytes(encode_groups(images, split))
    assert read_groups(tmp_path / "groups.parquet").rows() == [("a", "w1", None), ("b", None, "phone")]
