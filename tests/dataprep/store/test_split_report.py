import polars as pl

from dataprep.config.split import SplitConfig
from dataprep.split.split_methods import split_images
from dataprep.store.split_report import measure_split
from tests.dataprep.split.test_split_methods import CONFIG, GIVEN, HASH, Row, config_with, counts_of, images_of, plain


def test_a_class_that_is_pinned_as_a_whole_is_reported_and_no_error() -> None:
    images = plain({"a": 30, "b": 30})
    config = config_with(pin={"label": {"a": "train"}}, min_test_images=1)
    measured = measure_split(images, split_images(images, config), config)
    assert counts_of(measured.classes[0]) == (30, 0, 0)
    assert measured.classes[0].train.asked is None
    assert measured.warnings == [
        f"class 'a' has no {name} images, so nothing is measured of it there" for name in ("validation", "test")
    ]


def test_a_pin_that_no_image_has_is_reported() -> None:
    images = plain({"a": 9, "b": 9}).with_columns(origin=pl.lit("real"))
    config = config_with(pin={"origin": {"simulatd": "train", "real": "train"}, "label": {"c": "test"}})
    measured = measure_split(images, split_images(images, config_with()), config)
    assert measured.warnings == [
        "split.pin.origin names what no image has: 'simulatd'",
        "split.pin.label names what no image has: 'c'",
    ]


def test_a_given_split_that_is_ignored_is_reported() -> None:
    images = images_of(
        [(label, None, name, f"{label}{name}{n}") for label in "ab" for name in ("train", "test") for n in range(900)]
    )
    for config in (CONFIG, HASH):
        measured = measure_split(images, split_images(images, config), config)
        assert measured.warnings == [
            f"the paths give a split, which split.method {config.method!r} ignores; set it to 'given' to keep that test set"
        ]
    assert measure_split(images, split_images(images, GIVEN), GIVEN).warnings == []


def warnings_of(images: pl.DataFrame, config: SplitConfig) -> list[str]:
    return measure_split(images, split_images(images, config), config).warnings


def test_a_split_that_is_far_from_its_share_is_reported_with_the_cause() -> None:
    rows: list[Row] = [("a", f"w{n % 4}", None, f"{n // 4}" if n < 4 else f"a{n}") for n in range(160)]
    images = images_of(rows + [("a", f"v{n}", None, f"v{n}") for n in range(90)])
    assert warnings_of(images, config_with(fractions=(0.4, 0.3, 0.3))) == [
        "train has 64% of the images instead of 40%, validation has 18% of the images instead of 30%, test has 18% of the "
        "images instead of 30%, since clusters are kept whole; the largest holds 160 images of 250 (groups 'w0', 'w1', 'w2', "
        "'w3', which share 1 picture or near duplicate)"
    ]
    images = images_of([("a", f"w{n % 3}", None, f"a{n}") for n in range(30)])
    assert warnings_of(images, CONFIG)[0].endswith("clusters are kept whole; the largest holds 10 images of 30 (group 'w0')")
    images = images.with_columns(near_duplicate="group", group=pl.lit(None, dtype=pl.String))
    assert warnings_of(images, CONFIG)[0].endswith(
        "(equal pictures and near duplicates, for example 'a/00000.png', 'a/00003.png')"
    )
    assert warnings_of(plain({"a": 3}), CONFIG)[0].endswith("images are few (3) and each class is to stand in every split")
    assert warnings_of(plain({"a": 300}), CONFIG) == []


def test_a_hash_of_few_groups_is_reported_as_chance() -> None:
    images = images_of([("a", f"w{n % 8}", None, f"a{n}") for n in range(80)])
    warning, *_ = warnings_of(images, config_with(method="hash", seed=1))
    assert warning.endswith("since the hash places each group at random, and there are only 8 groups")


def test_a_hash_counts_only_the_groups_that_no_pin_places() -> None:
    images = images_of([("a", f"w{n % 20}", None, f"a{n}") for n in range(200)])
    pin = {"group": {f"w{number}": "train" for number in range(12)}}
    warning, *_ = warnings_of(images, config_with(method="hash", seed=1, pin=pin))
    assert warning.startswith("train has 75% of the assigned images instead of 60%")
    assert warning.endswith("since the hash places each group at random, and there are only 8 groups without a pin")


def test_by_hash_the_withdrawn_image_may_be_the_pinned_one_and_the_report_says_so() -> None:
    images = plain({"a": 200, "b": 200})
    (picture, *_) = images.join(split_images(images, HASH).filter(split="test"), on="id")["digest"].sort(descending=True)
    first = pl.col("id") == "a/00000.png"
    images = images.with_columns(
        digest=pl.when(first).then(pl.lit(picture)).otherwise("digest"), origin=pl.when(first).then(pl.lit("simulated"))
    )
    (warning,) = [line for line in warnings_of(images, HASH) if "in no split" in line]
    assert warning.startswith(
        "1 image is in no split, since the same group, picture or near duplicate stands in another one that wins (test wins "
        "over validation, and validation over train, pinned or not): 'a/00000.png' (same picture as 'b/"
    )


def test_contradictory_pins_of_one_cluster_are_reported_as_such() -> None:
    rows: list[Row] = [("a", "w1", None, "x"), ("a", "w2", None, "x"), ("a", "w2", None, "y"), ("a", "w3", None, "y")]
    images = pl.concat([images_of(rows), plain({"a": 30, "b": 30}).with_columns(id=pl.format("z/{}", "id"))])
    (warning,) = [
        line for line in warnings_of(images, config_with(pin={"group": {"w1": "train", "w3": "test"}})) if "in no split" in line
    ]
    assert warning == (
        "1 image is in no split, since pins of one cluster contradict each other (train wins over test, and test over "
        "validation): 'a/00003.png' (same picture as 'a/00002.png' in train)"
    )


def test_a_test_split_that_was_cut_from_given_train_images_is_reported() -> None:
    images = images_of([("a", None, name, f"{name}{n}") for name in ("train", "validation") for n in range(40)])
    assert warnings_of(images, GIVEN) == ["the paths give no test images, so 10 images were cut from train for it"]


def test_withdrawn_images_are_named_with_what_withdraws_them() -> None:
    rows: list[Row] = [("a", None, split, f"{split}{n}") for split in ("train", "validation", "test") for n in range(9)]
    (warning,) = warnings_of(images_of([*rows, ("a", None, "train", "test0")]), GIVEN)
    assert warning.startswith("1 image is in no split,")
    assert warning.endswith(": 'a/00027.png' (same picture as 'a/00018.png' in test)")
    twins: list[Row] = [("a", None, "train", f"test{n}") for n in range(7)]
    (warning,) = warnings_of(images_of([*rows, *twins]), GIVEN)
    assert warning.startswith("7 images are in no split,")
    assert warning.endswith("'a/00031.png' (same picture as 'a/00022.png' in test) and 2 more")


def test_a_class_that_a_split_lacks_is_reported() -> None:
    rows = [(label, None, given, f"{label}{given}{n}") for label in "abc" for given in ("train", "test") for n in range(9)]
    images = images_of([row for row in rows if row[0] != "b" or row[2] == "train"])
    measured = measure_split(images, split_images(images, GIVEN), GIVEN)
    assert measured.warnings == ["class 'b' has no test images, so nothing is measured of it there"]
    images = images_of([row for row in rows if row[0] == "a" or row[2] == "train"])
    measured = measure_split(images, split_images(images, GIVEN), GIVEN)
    assert measured.warnings == ["2 classes have no test images, so nothing is measured of them there: 'b', 'c'"]


def test_few_test_images_are_reported_with_what_they_buy() -> None:
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


def test_copies_and_groups_count_once_among_few_test_images() -> None:
    config = config_with(min_test_images=50)
    rows: list[Row] = [("a", None, None, f"a{n // 60}") for n in range(600)]
    rows += [("b", None, None, f"b{n}") for n in range(600)]
    images = images_of(rows)
    assert warnings_of(images, config) == [
        "class 'a' has 120 test images, which count as 2 (a group, and a picture with its copies, counts once): an accuracy of "
        "0.9 measured on them has a 95% interval of 0.28 - 1.00"
    ]
    writers = images_of([(label, f"w{n % 20}", None, f"{label}{n}") for label in "ab" for n in range(1000)])
    assert warnings_of(writers, config) == [
        "2 classes have fewer than 50 test images (in brackets the 95% interval of an accuracy of 0.9 measured on them; a "
        "group, and a picture with its copies, counts once): 'a' 4 of 200 (0.42 - 0.99), 'b' 4 of 200 (0.42 - 0.99)"
    ]
    measured = measure_split(writers, split_images(writers, config), config)
    assert [(row.test.images, row.test.clusters) for row in measured.classes] == [(200, 4)] * 2


def test_five_writers_of_whom_one_is_in_test_are_reported() -> None:
    images = images_of([(label, f"w{n % 5}", None, f"{label}{n}") for label in "ab" for n in range(300)])
    held_out, in_test, few = warnings_of(images, config_with(min_test_images=50))
    assert held_out.startswith("all 120 validation images belong to group 'w")
    assert in_test.startswith("all 120 test images belong to group 'w")
    assert in_test.endswith("so a score on them says nothing of others; collect more groups")
    assert few.endswith("'a' 1 of 60 (0.00 - 1.00), 'b' 1 of 60 (0.00 - 1.00)")


def test_copies_of_one_picture_in_test_are_reported() -> None:
    rows: list[Row] = [(label, None, "train", f"{label}{n}") for label in "ab" for n in range(9)]
    rows += [("a", None, "test", "same")] * 5 + [("a", None, "validation", f"v{n}") for n in range(3)]
    warnings = warnings_of(images_of(rows), config_with(method="given"))
    assert (
        "all 5 test images are kept together as groups, copies or near duplicates, so a score on them says nothing of others; "
        "collect other pictures"
    ) in warnings


def test_the_report_counts_what_a_wrong_table_shares() -> None:
    rows: list[Row] = [("a", "w", None, "p"), ("a", "w", None, "q"), ("b", None, None, "p"), ("b", None, None, "r")]
    images = images_of(rows).with_columns(near_duplicate=pl.Series([None, "n", None, "n"]))
    split = images.select("id", split=pl.Series(["train", "validation", "test", "test"]), cluster="id", rule=pl.lit("dealt"))
    measured = measure_split(images, split, CONFIG)
    assert measured.shared.model_dump() == {
        "train_validation": {"groups": 1, "duplicates": 0, "near_duplicates": 0},
        "train_test": {"groups": 0, "duplicates": 1, "near_duplicates": 0},
        "validation_test": {"groups": 0, "duplicates": 0, "near_duplicates": 1},
    }
    assert measured.shared.total.total == 3
    assert measured.kept_together.model_dump() == {"groups": 1, "duplicates": 1, "near_duplicates": 1}
