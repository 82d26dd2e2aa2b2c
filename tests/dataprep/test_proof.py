import polars as pl

from dataprep.proof import measure_split
from dataprep.split import split_images
from tests.dataprep.test_split import CONFIG, GIVEN, HASH, Row, config_with, counts_of, images_of, plain


def test_a_class_that_is_pinned_as_a_whole_is_told_and_no_error() -> None:
    images = plain({"a": 30, "b": 30})
    config = config_with(pin={"label": {"a": "train"}}, min_test_images=1)
    measured = measure_split(images, split_images(images, config), config)
    assert counts_of(measured.classes[0]) == (30, 0, 0)
    assert measured.classes[0].train.asked is None
    assert measured.warnings == [
        f"class 'a' has no {name} images, so nothing is measured of it there" for name in ("validation", "test")
    ]


def test_a_pin_that_no_image_has_is_told() -> None:
    images = plain({"a": 9, "b": 9}).with_columns(origin=pl.lit("real"))
    config = config_with(pin={"origin": {"simulatd": "train", "real": "train"}, "label": {"c": "test"}})
    measured = measure_split(images, split_images(images, config_with()), config)
    assert measured.warnings == [
        "split.pin.origin names what no image has: 'simulatd'",
        "split.pin.label names what no image has: 'c'",
    ]


def test_a_given_split_that_is_ignored_is_told() -> None:
    images = images_of(
        [(label, None, name, f"{label}{name}{n}") for label in "ab" for name in ("train", "test") for n in range(9)]
    )
    for config in (CONFIG, HASH):
        measured = measure_split(images, split_images(images, config), config)
        assert measured.warnings == [
            f"the paths give a split, which split.method {config.method!r} ignores; set it to 'given' to keep that test set"
        ]
    assert measure_split(images, split_images(images, GIVEN), GIVEN).warnings == []


def test_a_class_that_a_split_lacks_is_told() -> None:
    rows = [(label, None, given, f"{label}{given}{n}") for label in "abc" for given in ("train", "test") for n in range(9)]
    images = images_of([row for row in rows if row[0] != "b" or row[2] == "train"])
    measured = measure_split(images, split_images(images, GIVEN), GIVEN)
    assert measured.warnings == ["class 'b' has no test images, so nothing is measured of it there"]
    images = images_of([row for row in rows if row[0] == "a" or row[2] == "train"])
    measured = measure_split(images, split_images(images, GIVEN), GIVEN)
    assert measured.warnings == ["2 classes have no test images, so nothing is measured of them there: 'b', 'c'"]


def test_few_test_images_are_told_with_what_they_buy() -> None:
    images = plain({"a": 60, "b": 500})
    config = config_with(min_test_images=50)
    assert measure_split(images, split_images(images, config), config).warnings == [
        "class 'a' has 12 test images: an accuracy of 0.9 measured on them has a 95% interval of 0.63 - 0.98"
    ]
    images = plain({label: 50 + 5 * number for number, label in enumerate("abcdefg")})
    assert measure_split(images, split_images(images, config), config).warnings == [
        "7 classes have fewer than 50 test images (in brackets the 95% interval of an accuracy of 0.9 measured on them): "
        "'a' 10 (0.60 - 0.98), 'b' 11 (0.61 - 0.98), 'c' 12 (0.63 - 0.98), 'd' 13 (0.64 - 0.98), 'e' 14 (0.65 - 0.98) "
        "and 2 more"
    ]


def test_the_proof_counts_what_a_wrong_table_shares() -> None:
    rows: list[Row] = [("a", "w", None, "p"), ("a", "w", None, "q"), ("b", None, None, "p"), ("b", None, None, "r")]
    images = images_of(rows).with_columns(near_duplicate=pl.Series([None, "n", None, "n"]))
    split = images.select("id", split=pl.Series(["train", "validation", "test", "test"]), rule=pl.lit("dealt"))
    measured = measure_split(images, split, CONFIG)
    assert measured.shared.model_dump() == {
        "train_validation": {"groups": 1, "duplicates": 0, "near_duplicates": 0},
        "train_test": {"groups": 0, "duplicates": 1, "near_duplicates": 0},
        "validation_test": {"groups": 0, "duplicates": 0, "near_duplicates": 1},
    }
    assert measured.shared.total.total == 3
    assert measured.kept_together.model_dump() == {"groups": 1, "duplicates": 1, "near_duplicates": 1}
