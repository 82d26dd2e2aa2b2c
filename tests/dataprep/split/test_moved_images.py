import polars as pl

from dataprep.split.moved_images import describe_moves
from tests.dataprep.split.test_split_methods import CONFIG, HASH


def split_of(**splits: str) -> pl.DataFrame:
    return pl.DataFrame({"id": list(splits), "split": list(splits.values())})


def test_a_moved_image_is_counted_by_its_way_and_rows_that_came_or_went_apart() -> None:
    before = split_of(a="train", b="train", c="train", d="test", e="validation", gone="train")
    after = split_of(a="train", b="test", c="test", d="train", e="validation", f="train", g="test")
    assert describe_moves(before, after, CONFIG, earlier="the last commit") == [
        "3 of 5 images that were there before moved to another split since the last commit (train -> test 2, test -> train 1); "
        "besides, 2 are new and 1 are gone. Earlier models have seen 2 images of the new validation and test, so their scores "
        "cannot be compared with new ones. split.method hash moves none when images come or go"
    ]


def test_nothing_is_said_where_nothing_moved_or_nothing_is_the_same() -> None:
    same = split_of(a="train", b="test")
    assert describe_moves(same, split_of(a="train", b="test", c="train"), CONFIG, earlier="x") == []
    assert describe_moves(same, split_of(c="train", d="test"), CONFIG, earlier="x") == []


def test_a_model_saw_nothing_of_what_left_test_and_hash_is_not_proposed_to_its_user() -> None:
    (sentence,) = describe_moves(split_of(a="test", b="train"), split_of(a="excluded", b="train"), HASH, earlier="x")
    assert sentence == (
        "1 of 2 images that were there before moved to another split since x (test -> excluded 1); besides, 0 are new and 0 "
        "are gone"
    )
