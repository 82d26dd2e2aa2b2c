"""Where images go: laws that hold for every method, then what each method promises."""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataprep.config.base import SPLITS
from dataprep.config.split import SplitConfig
from dataprep.core.connected_components import KEYS
from dataprep.core.errors import SplitError
from dataprep.split.split_methods import split_images
from dataprep.store.split_report import ClassPortions, measure_split
from dataprep.store.split_table import EXCLUDED

Row = tuple[str, str | None, str | None, str]


def config_with(**changes: object) -> SplitConfig:
    return SplitConfig.model_validate(
        {"method": "stratified", "fractions": (0.6, 0.2, 0.2), "pin": {}, "min_test_images": 0, "seed": 0, **changes}
    )


CONFIG = config_with()
GIVEN = config_with(method="given")
HASH = config_with(method="hash")


def images_of(rows: Sequence[Row]) -> pl.DataFrame:
    """Rows of (label, group, given split, digest); ids are made up."""
    return pl.DataFrame(
        [
            (f"{label}/{number:05d}.png", label, group, given, digest, None, None)
            for number, (label, group, given, digest) in enumerate(rows)
        ],
        schema=dict.fromkeys(("id", "label", "group", "given_split", "digest", "near_duplicate", "origin"), pl.String),
        orient="row",
    )


def plain(counts: Mapping[str, int]) -> pl.DataFrame:
    return images_of([(label, None, None, f"{label}{n}") for label, count in counts.items() for n in range(count)])


def clustered(sizes: Mapping[str, Sequence[int]]) -> pl.DataFrame:
    """One group for each number, with so many images of the class."""
    return images_of(
        [
            (label, f"{label} {group}", None, f"{label} {group} {n}")
            for label, groups in sizes.items()
            for group, count in enumerate(groups)
            for n in range(count)
        ]
    )


def splits_per(images: pl.DataFrame, split: pl.DataFrame, key: str) -> int:
    """The largest number of splits that one value of `key` stands in."""
    joined = images.join(split, on="id").filter(pl.col("split") != EXCLUDED).drop_nulls(key)
    return max(joined.group_by(key).agg(pl.col("split").n_unique())["split"].to_list(), default=0)


def counts_of(row: ClassPortions) -> tuple[int, int, int]:
    return row.train.images, row.validation.images, row.test.images


names = st.none() | st.integers(0, 11).map(lambda number: f"w{number}")
tangled_rows = st.lists(
    st.tuples(st.sampled_from("ab"), names, st.integers(0, 60), names, st.sampled_from("rs")), min_size=30, max_size=80
)


@st.composite
def tangled(draw: st.DrawFn) -> pl.DataFrame:
    """Images with groups, twins and near duplicates in any combination, and enough that stand alone to fill every split.

    The given split follows the group, since groups must not straddle given splits.
    """
    rows = draw(tangled_rows)
    free = [(label, None, n, None, "r") for label in "ab" for n in range(100, 140)]
    frame = pl.DataFrame(
        [(label, group, f"p{picture}", near, origin) for label, group, picture, near, origin in [*free, *rows]],
        schema=dict.fromkeys(("label", "group", "digest", "near_duplicate", "origin"), pl.String),
        orient="row",
    )
    number = pl.int_range(pl.len())
    turn = pl.coalesce(pl.col("group").str.tail(1).cast(pl.Int64), number) % 5
    return frame.with_columns(
        id=pl.format("{}/{}.png", "label", number.cast(pl.String).str.zfill(5)),
        given_split=pl.when(turn == 0)
        .then(pl.lit("test"))
        .when(turn == 1)
        .then(pl.lit("validation"))
        .otherwise(pl.lit("train")),
    ).with_columns(pl.when(number < 80).then(pl.format("alone {}", number)).otherwise("digest").alias("digest"))


methods = st.sampled_from(["stratified", "hash", "given"])
pins = st.sampled_from(
    [
        {},
        {"origin": {"s": "train"}},
        {"group": {"w1": "test", "w2": "validation", "w3": "train"}},
        {"origin": {"s": "train"}, "group": {"w1": "test"}},
    ]
)


@given(tangled(), methods, pins, st.integers(0, 100))
def test_a_split_is_a_partition_whatever_the_order(
    images: pl.DataFrame, method: str, pin: dict[str, dict[str, str]], seed: int
) -> None:
    config = config_with(method=method, pin=pin, seed=seed)
    split = split_images(images, config)
    assert split["id"].to_list() == sorted(images["id"].to_list())
    assert set(split["split"]) <= {*SPLITS, EXCLUDED}
    assert split.null_count().sum_horizontal().item() == 0
    if method == "stratified" and not pin:
        assert EXCLUDED not in split["split"]
    shuffled = images.sample(fraction=1.0, shuffle=True, seed=seed)
    assert split_images(shuffled, config).equals(split)


@given(tangled(), methods, pins, st.integers(0, 100), st.booleans())
def test_what_belongs_together_never_straddles(
    images: pl.DataFrame, method: str, pin: dict[str, dict[str, str]], seed: int, cut: bool
) -> None:
    if cut:  # validation has to be cut from train
        images = images.with_columns(pl.col("given_split").replace("validation", "train"))
    config = config_with(method=method, pin=pin, seed=seed)
    split = split_images(images, config)
    assert [splits_per(images, split, key) <= 1 for key in KEYS] == [True] * 3
    assert measure_split(images, split, config).shared.total.total == 0


@given(tangled(), methods, pins, st.integers(0, 100))
def test_a_pinned_image_stands_where_it_is_pinned_or_nowhere(
    images: pl.DataFrame, method: str, pin: dict[str, dict[str, str]], seed: int
) -> None:
    split = split_images(images, config_with(method=method, pin=pin, seed=seed))
    joined = images.join(split, on="id")
    for field, pinned in pin.items():
        for value, name in pinned.items():
            allowed = {name, EXCLUDED, "train"} if len(pin) > 1 else {name, EXCLUDED}  # of two pins of one image, train wins
            assert set(joined.filter(pl.col(field) == value)["split"]) <= allowed
    if "origin" in pin:
        assert set(joined.filter(pl.col("origin") == "s")["split"]) <= {"train", EXCLUDED}


def test_fractions_are_asked_of_what_is_not_pinned() -> None:
    images = plain({"a": 300, "b": 100}).with_columns(
        origin=pl.when(pl.col("id") < "a/00200.png").then(pl.lit("simulated")).otherwise(pl.lit("real"))
    )
    config = config_with()  # simulated images need no pin
    measured = measure_split(images, split_images(images, config), config)
    assert [counts_of(row) for row in measured.classes] == [(260, 20, 20), (60, 20, 20)]
    assert [row.validation.got for row in measured.classes] == [0.2, 0.2]


def test_a_class_with_pinned_images_may_be_too_small_for_the_rest() -> None:
    rows: list[Row] = [("a", "sim", None, f"s{n}") for n in range(9)] + [("a", None, None, "one"), ("a", None, None, "two")]
    images = pl.concat([images_of(rows), plain({"b": 30})])
    config = config_with(pin={"group": {"sim": "train"}})
    measured = measure_split(images, split_images(images, config), config)
    assert counts_of(measured.classes[0]) == (9, 1, 1)


def test_train_wins_where_one_cluster_has_contradictory_pins() -> None:
    rows: list[Row] = [("a", "w1", None, "x"), ("a", "w2", None, "x"), ("a", "w2", None, "y"), ("a", "w3", None, "y")]
    images = pl.concat([images_of(rows), plain({"a": 30, "b": 30}).with_columns(id=pl.format("z/{}", "id"))])
    split = split_images(images, config_with(pin={"group": {"w1": "train", "w3": "test"}}))
    assert split.head(4).select("split", "rule").rows() == [("train", "pin")] * 3 + [(EXCLUDED, "pin")]


@st.composite
def grown(draw: st.DrawFn) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Old images, and new ones of which some are twins of old ones."""
    old = draw(tangled())
    count = draw(st.sampled_from([1, 10, 1000]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    picks = rng.integers(0, old.height, count)
    new = old[picks].with_columns(
        id=pl.format("{}/{}{}.png", "label", pl.Series(rng.choice(["A", "m", "z"], count)), pl.int_range(pl.len())),
    )
    for key in KEYS:
        own = pl.format("new {} {}", pl.lit(key), pl.int_range(pl.len()))
        twin = pl.Series(rng.random(count) < 0.5)
        new = new.with_columns(pl.when(twin).then(key).otherwise(own).alias(key))
    return old, new


hash_pins = st.sampled_from([{}, {"origin": {"s": "train"}}])


@given(grown(), st.integers(0, 100), hash_pins)
def test_by_hash_more_images_withdraw_old_ones_and_move_none(
    images: tuple[pl.DataFrame, pl.DataFrame], seed: int, pin: dict[str, dict[str, str]]
) -> None:
    old, new = images
    config = config_with(method="hash", seed=seed, pin=pin)
    before = split_images(old, config)
    after = split_images(pl.concat([old, new]), config).join(before, on="id", suffix="_before", maintain_order="right")
    moved = after.filter((pl.col("split") != pl.col("split_before")) & (pl.col("split") != EXCLUDED))
    assert after.height == old.height
    assert moved.height == 0


@given(tangled(), st.sampled_from([1, 10, 1000]), st.integers(0, 100))
def test_by_hash_new_images_that_share_nothing_change_nothing(old: pl.DataFrame, count: int, seed: int) -> None:
    new = plain({"c": 60, "a": count}).with_columns(
        id=pl.format("{}/0000{}.png", "label", pl.int_range(pl.len())), digest=pl.format("new {}", "digest")
    )
    config = config_with(method="hash", seed=seed)
    before = split_images(old, config)
    after = split_images(pl.concat([old, new.select(old.columns)]), config)
    assert after.filter(pl.col("id").is_in(old["id"].implode())).equals(before)


def test_by_hash_the_weaker_of_near_duplicates_is_withdrawn() -> None:
    images = plain({"a": 200, "b": 200}).with_columns(near_duplicate=pl.when(pl.int_range(pl.len()) < 60).then(pl.lit("n")))
    alone = images.with_columns(near_duplicate=pl.lit(None, dtype=pl.String))
    before, after = split_images(alone, HASH), split_images(images, HASH)
    own = before.head(60)["split"]
    assert set(own) == set(SPLITS)
    assert after.head(60)["split"].to_list() == ["test" if name == "test" else EXCLUDED for name in own]
    assert after.tail(340).select("split", "rule").equals(before.tail(340).select("split", "rule"))


def test_by_hash_a_group_goes_whole_and_withdraws_nothing() -> None:
    images = clustered({"a": [9] * 60, "b": [9] * 60})
    split = split_images(images, HASH)
    assert set(split["split"]) == set(SPLITS)
    assert set(split["rule"]) == {"hash"}


def test_by_hash_fractions_are_met_as_far_as_chance_allows() -> None:
    images = plain({"a": 4000, "b": 4000})
    config = config_with(method="hash", fractions=(0.9, 0.07, 0.03))
    for row in measure_split(images, split_images(images, config), config).classes:
        for name, asked in zip(SPLITS, config.fractions, strict=True):
            assert row.of_split(name).got == pytest.approx(asked, abs=0.02)


def test_by_hash_a_missing_class_is_reported() -> None:
    images = plain({"a": 200, "b": 2})
    measured = measure_split(images, split_images(images, HASH), HASH)
    assert counts_of(measured.classes[1]) == (2, 0, 0)
    assert measured.warnings[-1] == "class 'b' has no test images, so nothing is measured of it there"


def test_a_shared_picture_excludes_itself_and_not_its_group() -> None:
    rows: list[Row] = [("ab"[n % 2], f"w{n // 8}", "train", f"p{n}") for n in range(48)]
    rows += [("a", "t", "test", "p0"), ("b", "t", "test", "q")]
    images = images_of(rows)
    split = split_images(images, GIVEN)
    assert split.filter(pl.col("split") == EXCLUDED)["id"].to_list() == ["a/00000.png"]


def test_another_seed_assigns_differently() -> None:
    images = plain({"a": 50, "b": 50})
    for method in ("stratified", "hash"):
        first, second = (split_images(images, config_with(method=method, seed=seed)) for seed in (0, 1))
        assert not first["split"].equals(second["split"])


def test_given_splits_are_kept_and_validation_is_cut_from_train() -> None:
    rows = [(label, None, given, f"{label}{given}{n}") for label in "ab" for given in ("train", "test") for n in range(30)]
    images = images_of([(label, group, given, digest) for label, group, given, digest in rows])
    config = config_with(method="given", fractions=(0.6, 0.3, 0.1))
    split = split_images(images, config)
    joined = images.join(split, on="id")
    assert joined.filter(pl.col("given_split") == "test")["split"].unique().to_list() == ["test"]
    counts = Counter(joined.filter(pl.col("given_split") == "train")["split"])
    assert counts == {"train": 40, "validation": 20}
    row = measure_split(images, split, config).classes[0]
    assert (row.train.asked, row.validation.asked, row.test.asked) == (0.666667, 0.333333, None)


def test_a_train_image_whose_twin_is_in_the_given_test_is_excluded() -> None:
    rows: list[Row] = [("a", None, "train", f"a{n}") for n in range(9)]
    rows += [("b", None, "train", f"b{n}") for n in range(9)] + [("a", None, "test", "a0"), ("b", None, "test", "other")]
    images = images_of(rows)
    split = split_images(images, GIVEN)
    assert split.filter(pl.col("split") == EXCLUDED).select("id", "rule").rows() == [("a/00000.png", "withdrawn")]
    measured = measure_split(images, split, GIVEN)
    assert measured.images == {"train": 13, "validation": 4, "test": 2, "excluded": 1}
    assert measured.warnings[0].startswith("1 image is in no split, since the same group, picture or near duplicate stands")


def test_a_path_that_gives_no_split_teaches() -> None:
    """As a regular expression may have it; the twin of a test image among them is withdrawn like any other."""
    images = plain({"a": 30, "b": 30}).with_columns(
        given_split=pl.Series([None, "train", "test", "validation", None] * 12),
        digest=pl.col("id").str.replace("a/00000", "a/00002"),
    )
    split = images.join(split_images(images, config_with(method="given")), on="id", maintain_order="left")
    silent = split.filter(pl.col("given_split").is_null())
    assert silent["split"].to_list() == [EXCLUDED, *["train"] * 23]
    assert set(silent["rule"]) == {"dealt", "withdrawn"}
    assert split["split"].null_count() == 0


def test_where_only_test_is_given_the_images_without_a_split_teach() -> None:
    rows = [("a", None, split, f"a{n}{split}") for n in range(9) for split in ("test", None)]
    split = split_images(images_of(rows), GIVEN)
    assert set(split["split"]) == {"train", "validation", "test"}
    assert split.filter(rule="given").get_column("split").to_list() == ["test"] * 9


def test_what_is_pinned_is_not_cut_from_train() -> None:
    rows: list[Row] = [(label, None, "train", f"{label}{n}") for label in "ab" for n in range(30)]
    rows += [("a", None, "test", "t"), ("b", None, "test", "u"), ("a", None, "test", "simulated")]
    simulated = (pl.col("digest") == "simulated") | (pl.int_range(pl.len()) < 15)
    images = images_of(rows).with_columns(origin=pl.when(simulated).then(pl.lit("s")))
    config = config_with(method="given", pin={"origin": {"s": "train"}})
    split = images.join(split_images(images, config), on="id")
    assert split.filter(pl.col("origin") == "s").select("split", "rule").unique().rows() == [("train", "pin")]
    measured = measure_split(images, split_images(images, config), config)
    assert [counts_of(row) for row in measured.classes] == [(27, 4, 1), (22, 8, 1)]


PINNED = (
    "each of train, validation, test must have images; 'validation', 'test' have none, since pinned images take their whole "
    "cluster along (split.pin.label: 'a', 'b'). Add images,"
)


@pytest.mark.parametrize(
    ("images", "config", "words"),
    [
        (
            plain({"a": 9, "b": 2}),
            CONFIG,
            "class 'b' must have at least one image for each of train, validation, test; it has 2 images",
        ),
        (
            images_of([("a", f"w{n % 2}", None, f"a{n}") for n in range(9)]),
            CONFIG,
            "class 'a' must have at least one image for each of train, validation, test; it has 9 images that form 2 clusters",
        ),
        (
            images_of([("a", f"w{n}", split, f"a{n}{split}") for n in range(3) for split in ("train", "test")]),
            GIVEN,
            "groups must not straddle the given splits; 'w0', 'w1', 'w2' do",
        ),
        (
            images_of([("a", None, "test", f"a{n}") for n in range(3)]),
            GIVEN,
            "must give train images; it gives only 'test'",
        ),
        (
            images_of(
                [("a", None, "train", f"a{n}") for n in range(9)]
                + [("a", None, split, "twin") for split in ("validation", "test")]
            ),
            GIVEN,
            "each of train, validation, test must have images; 'validation' has none",
        ),
        (
            images_of([("a", None, "train", f"a{n}") for n in range(9)] + [("b", None, "test", "b")]),
            GIVEN,
            "every class must have train images; 'b' has none",
        ),
        (plain({"a": 9, "b": 9}), config_with(pin={"label": {"a": "train", "b": "train"}}), PINNED),
        (images_of([("a", "w", None, f"a{n}") for n in range(9)]), HASH, "must have images;"),
        (
            images_of([("a", None, "train", f"a{n}") for n in range(9)] + [(name, None, "test", name) for name in "bc"]),
            GIVEN,
            "every class must have train images; 'b', 'c' have none. Add images or groups of those classes",
        ),
        (plain({"a": 1}), CONFIG, "it has 1 image, for example"),
        (images_of([("a", "w", None, f"a{n}") for n in range(9)]), CONFIG, "9 images that form 1 cluster, for example"),
    ],
)
def test_what_cannot_be_split_is_explained(images: pl.DataFrame, config: SplitConfig, words: str) -> None:
    with pytest.raises(SplitError) as error:
        split_images(images, config)
    assert words in str(error.value)


def chained(label: str, count: int, joined: int) -> pl.DataFrame:
    """Images of a class, of which some count as one picture."""
    near = pl.when(pl.int_range(pl.len()) < joined).then(pl.col("id").first())
    return plain({label: count}).with_columns(near_duplicate=near)


@pytest.mark.parametrize(
    ("config", "images", "start"),
    [
        (CONFIG, chained("a", 40, 39), "class 'a' must have at least one image for each of"),
        (CONFIG, chained("a", 40, 40), "class 'a' must have at least one image for each of"),
        (HASH, chained("a", 40, 40), "each of train, validation, test must have images"),
        (
            CONFIG,  # writers whose first page is the same form
            images_of([("a", f"w{n % 10}", None, f"{n}") for n in range(40)]).with_columns(
                near_duplicate=pl.when(pl.int_range(pl.len()) < 10).then(pl.lit("a/00000.png"))
            ),
            "class 'a' must have at least one image for each of",
        ),
    ],
)
def test_near_duplicates_that_swallow_a_class_are_named_as_the_cause(
    config: SplitConfig, images: pl.DataFrame, start: str
) -> None:
    others = plain({"b": 30}) if config is CONFIG else images.clear()
    with pytest.raises(SplitError) as error:
        split_images(pl.concat([images, others]), config)
    assert str(error.value).startswith(start)
    assert "Near duplicates are the cause: they join " in str(error.value)
    assert str(error.value).endswith(
        "If these are different images on one background, lower ingest.near_duplicates.max_difference"
    )
    assert "'a/00000.png', 'a/000" in str(error.value)


def test_groups_and_copies_are_not_blamed_on_near_duplicates() -> None:
    for images in (clustered({"a": [20, 20]}), chained("a", 2, 0)):
        with pytest.raises(SplitError) as error:
            split_images(images, CONFIG)
        assert "Near duplicates are the cause" not in str(error.value)
