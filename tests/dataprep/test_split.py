from collections.abc import Sequence

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataprep.config import SPLITS, SplitConfig
from dataprep.errors import SplitError
from dataprep.split import EXCLUDED, measure_split, split_images

CONFIG = SplitConfig(fractions=(0.6, 0.2, 0.2), seed=0)


def images_of(rows: Sequence[tuple[str, str | None, str | None, str]]) -> pl.DataFrame:
    """Rows of (label, group, given split, digest); ids are made up."""
    return pl.DataFrame(
        [
            (f"{label}/{number:05d}.png", label, group, given, digest)
            for number, (label, group, given, digest) in enumerate(rows)
        ],
        schema={"id": pl.String, "label": pl.String, "group": pl.String, "given_split": pl.String, "digest": pl.String},
        orient="row",
    )


def plain(counts: dict[str, int]) -> pl.DataFrame:
    return images_of([(label, None, None, f"{label}{n}") for label, count in counts.items() for n in range(count)])


def splits_per(images: pl.DataFrame, split: pl.DataFrame, key: str) -> int:
    """The largest number of splits that one value of `key` stands in."""
    joined = images.join(split, on="id").filter(pl.col("split") != EXCLUDED).drop_nulls(key)
    return max(joined.group_by(key).agg(pl.col("split").n_unique())["split"].to_list(), default=0)


grouped_images = st.lists(
    st.tuples(
        st.sampled_from("ab"), st.none() | st.sampled_from([f"w{n}" for n in range(12)]), st.none(), st.integers(0, 60).map(str)
    ),
    min_size=40,
    max_size=120,
).map(lambda rows: images_of([*[(label, None, None, f"extra {label}{n}") for label in "ab" for n in range(6)], *rows]))


@given(grouped_images, st.integers(0, 100))
def test_a_split_is_a_partition_whatever_the_order(images: pl.DataFrame, seed: int) -> None:
    config = SplitConfig(fractions=(0.6, 0.2, 0.2), seed=seed)
    split = split_images(images, config)
    assert split["id"].to_list() == sorted(images["id"].to_list())
    assert set(split["split"]) <= set(SPLITS)
    shuffled = images.sample(fraction=1.0, shuffle=True, seed=seed)
    assert split_images(shuffled, config).equals(split)


@given(grouped_images)
def test_groups_and_duplicates_never_straddle(images: pl.DataFrame) -> None:
    split = split_images(images, CONFIG)
    assert splits_per(images, split, "group") <= 1
    assert splits_per(images, split, "digest") <= 1
    shared = measure_split(images, split).shared
    assert (shared.groups, shared.duplicates) == (0, 0)


def test_a_chain_of_groups_and_duplicates_is_one_cluster() -> None:
    rows: list[tuple[str, str | None, str | None, str]] = [
        ("a", "w1", None, "p"),
        ("b", "w2", None, "p"),
        ("a", "w2", None, "q"),
        ("b", None, None, "q"),
    ]
    images = pl.concat([images_of(rows), plain({"a": 6, "b": 6}).with_columns(id=pl.format("z/{}", "id"))])
    split = split_images(images, CONFIG)
    assert split.head(4)["cluster"].n_unique() == 1
    assert split["cluster"].n_unique() == 13


@given(
    st.dictionaries(st.sampled_from("abcdef"), st.integers(3, 300), min_size=1),
    st.sampled_from([(0.6, 0.2, 0.2), (0.98, 0.01, 0.01), (0.34, 0.33, 0.33), (0.1, 0.1, 0.8)]),
)
def test_proportions_are_within_one_image_per_class(counts: dict[str, int], fractions: tuple[float, float, float]) -> None:
    images = plain(counts)
    split = split_images(images, SplitConfig(fractions=fractions, seed=1))
    for row in measure_split(images, split).classes:
        total = counts[row.class_name]
        got = (row.train, row.validation, row.test)
        assert sum(got) == total
        assert min(got) >= 1
        # A split whose share is below one image gets one, which the largest split gives.
        borrowed = sum(max(1 - fraction * total, 0) for fraction in fractions)
        for count, fraction in zip(got, fractions, strict=True):
            assert abs(count - fraction * total) < 1 + borrowed


def test_a_class_with_few_groups_stands_in_every_split() -> None:
    sizes = [("w0", "a", 1), ("w0", "b", 1), ("w1", "a", 1), ("w1", "b", 1), ("w2", "a", 5), ("w3", "a", 1), ("w3", "b", 5)]
    images = images_of([(label, group, None, f"{group}{label}{n}") for group, label, count in sizes for n in range(count)])
    measured = measure_split(images, split_images(images, CONFIG))
    assert measured.warnings() == []
    assert all(min(row.train, row.validation, row.test) > 0 for row in measured.classes)


def test_a_class_that_a_split_lacks_is_told() -> None:
    rows = [(label, None, given, f"{label}{given}{n}") for label in "ab" for given in ("train", "test") for n in range(9)]
    images = images_of([row for row in rows if row[0] == "a" or row[2] == "train"])
    measured = measure_split(images, split_images(images, CONFIG))
    assert measured.warnings() == ["class 'b' has no test images, so nothing is measured of it there"]


def test_the_same_picture_under_two_labels_is_told() -> None:
    images = plain({"a": 9, "b": 9}).with_columns(
        digest=pl.when(pl.col("id").is_in(["a/00003.png", "b/00011.png"])).then(pl.lit("same")).otherwise("digest")
    )
    measured = measure_split(images, split_images(images, CONFIG))
    assert measured.warnings() == ["the same picture has several labels: 'a/00003.png', 'b/00011.png'"]


def test_a_shared_picture_excludes_itself_and_not_its_group() -> None:
    rows: list[tuple[str, str | None, str | None, str]] = [("ab"[n % 2], f"w{n // 8}", "train", f"p{n}") for n in range(48)]
    rows += [("a", "t", "test", "p0"), ("b", "t", "test", "q")]
    images = images_of(rows)
    split = split_images(images, CONFIG)
    assert split.filter(pl.col("split") == EXCLUDED)["id"].to_list() == ["a/00000.png"]


def test_another_seed_deals_differently() -> None:
    images = plain({"a": 50, "b": 50})
    first, second = (split_images(images, SplitConfig(fractions=(0.6, 0.2, 0.2), seed=seed)) for seed in (0, 1))
    assert not first["split"].equals(second["split"])


def test_given_splits_are_kept_and_validation_is_cut_from_train() -> None:
    rows = [(label, None, given, f"{label}{given}{n}") for label in "ab" for given in ("train", "test") for n in range(30)]
    images = images_of([(label, group, given, digest) for label, group, given, digest in rows])
    joined = images.join(split_images(images, SplitConfig(fractions=(0.6, 0.3, 0.1), seed=0)), on="id")
    assert joined.filter(pl.col("given_split") == "test")["split"].unique().to_list() == ["test"]
    counts = dict(joined.filter(pl.col("given_split") == "train").group_by("split").len().rows())
    assert counts == {"train": 40, "validation": 20}


def test_a_train_image_whose_twin_is_in_the_given_test_is_excluded() -> None:
    rows: list[tuple[str, str | None, str | None, str]] = [("a", None, "train", f"a{n}") for n in range(9)]
    rows += [("b", None, "train", f"b{n}") for n in range(9)] + [("a", None, "test", "a0"), ("b", None, "test", "other")]
    images = images_of(rows)
    split = split_images(images, CONFIG)
    assert split.filter(pl.col("split") == EXCLUDED)["id"].to_list() == ["a/00000.png"]
    measured = measure_split(images, split)
    assert measured.images == {"train": 13, "validation": 4, "test": 2, "excluded": 1}
    assert measured.warnings()[0].startswith("1 images are in no split, since the same pictures stand in a given")


@pytest.mark.parametrize(
    ("images", "words"),
    [
        (
            plain({"a": 9, "b": 2}),
            "class 'b' must have at least one image for each of train, validation, test; it has 2 images",
        ),
        (
            images_of([("a", f"w{n % 2}", None, f"a{n}") for n in range(9)]),
            "class 'a' must have at least one image for each of train, validation, test; it has 9 images that form 2 clusters",
        ),
        (
            images_of([("a", f"w{n}", split, f"a{n}{split}") for n in range(3) for split in ("train", "test")]),
            "groups must not straddle the given splits; 'w0', 'w1', 'w2' do",
        ),
        (images_of([("a", None, "test", f"a{n}") for n in range(3)]), "must give train images; it gives only 'test'"),
        (
            images_of(
                [("a", None, "train", f"a{n}") for n in range(9)]
                + [("a", None, split, "twin") for split in ("validation", "test")]
            ),
            "each of train, validation, test must have images; 'validation' has none",
        ),
        (
            images_of([("a", None, "train", f"a{n}") for n in range(9)] + [("b", None, "test", "b")]),
            "every class must have train images; 'b' has none",
        ),
    ],
)
def test_what_cannot_be_split_is_explained(images: pl.DataFrame, words: str) -> None:
    with pytest.raises(SplitError) as error:
        split_images(images, CONFIG)
    assert words in str(error.value)
