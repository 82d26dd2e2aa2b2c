from collections.abc import Callable

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from skimage.filters import threshold_otsu
from skimage.measure import shannon_entropy

from dataprep.config.ingest import QualityConfig
from dataprep.ingest.quality import ISSUES, MEASURED_PX, MEASURES, common_issues, find_issues, measure, measured_copy
from tests.conftest import random_image
from tests.dataprep.ingest.ingesting import INGEST, with_values

QUALITY = INGEST.quality


@given(hnp.arrays(np.uint8, st.tuples(st.integers(1, 4), st.integers(1, 9), st.integers(1, 9), st.just(1))))
def test_measures_are_what_other_libraries_say(images: NDArray[np.uint8]) -> None:
    measured = measure(images)
    assert tuple(measured) == MEASURES
    for number, image in enumerate(images[..., 0]):
        assert measured["brightness"][number] == pytest.approx(image.mean())
        assert measured["contrast"][number] == pytest.approx(image.std(), abs=1e-6)
        assert measured["entropy"][number] == pytest.approx(shannon_entropy(image), abs=1e-9)
        assert measured["brightest"][number] == np.percentile(image, 99, method="inverted_cdf")
        assert measured["darkest"][number] == np.percentile(image, 5, method="inverted_cdf")
        if image.min() < image.max():
            below = (image <= threshold_otsu(image)).mean()
            assert measured["ink_fraction"][number] == pytest.approx(min(below, 1 - below))


def test_noise_is_its_standard_deviation_and_blur_lowers_sharpness() -> None:
    rng = np.random.default_rng(0)
    noisy = (127 + rng.normal(0, 12, (200, 200))).round().clip(0, 255)
    assert measure(noisy[np.newaxis, ..., np.newaxis].astype(np.uint8))["noise"][0] == pytest.approx(12, rel=0.05)
    blurred = [gaussian_filter(scenes(8), (0, sigma, sigma)) for sigma in (0, 1, 2)]
    sharpness = [measure(images.clip(0, 255).astype(np.uint8)[..., np.newaxis])["sharpness"] for images in blurred]
    assert np.all(np.diff(sharpness, axis=0) < -0.4)


def test_contrast_does_not_change_sharpness() -> None:
    image = random_image(0, (40, 40, 1))
    full, half = measure(np.stack([image // 2 * 2, image // 2]))["sharpness"]
    assert full == pytest.approx(half, abs=0.01)


def test_a_large_image_is_measured_on_a_small_copy() -> None:
    assert measured_copy(random_image(0, (MEASURED_PX * 2, 100, 3))).shape == (MEASURED_PX, 50, 1)
    small = random_image(1, (20, 30, 1))
    assert np.array_equal(measured_copy(small), small)


def scenes(count: int = 400) -> NDArray[np.float64]:
    """Soft random scenes of many brightnesses and contrasts, (N, 24, 24)."""
    rng = np.random.default_rng(3)
    soft = gaussian_filter(rng.normal(size=(count, 24, 24)), (0, 0.8, 0.8))
    soft /= soft.std(axis=(1, 2), keepdims=True)
    made: NDArray[np.float64] = (
        rng.normal(127, 20, (count, 1, 1)) + soft * rng.normal(40, 6, (count, 1, 1)) + rng.normal(0, 3, soft.shape)
    )
    return made


def table_of(images: NDArray[np.float64], width: int = 24) -> pl.DataFrame:
    measured = measure(images.clip(0, 255).astype(np.uint8)[..., np.newaxis])
    return pl.DataFrame({**measured, "width": [width] * len(images), "height": [24] * len(images)})


@pytest.mark.parametrize(
    ("issue", "spoil"),
    [
        ("dark", lambda image: image * 0.12),
        ("bright", lambda image: 255 - (255 - image) * 0.12),
        ("low_contrast", lambda image: 127 + (image - 127) * 0.05),
        ("blurred", lambda image: gaussian_filter(image, (0, 2, 2))),
        ("noisy", lambda image: image + np.random.default_rng(0).normal(0, 60, image.shape)),
        ("low_information", lambda image: np.where(image > 127, 160.0, 90.0)),
        ("odd_ink", lambda image: np.where(np.arange(24) < 1, 250.0, image * 0.2 + 60)),
    ],
)
def test_what_is_unusual_for_the_data_set_is_an_issue(
    issue: str, spoil: Callable[[NDArray[np.float64]], NDArray[np.float64]]
) -> None:
    usual = scenes()
    issues = find_issues(table_of(np.concatenate([usual, spoil(usual[:12])])), QUALITY)
    flagged = issues.list.contains(issue).to_numpy()
    assert flagged[len(usual) :].mean() >= 0.9
    assert flagged[: len(usual)].sum() <= 2


def test_what_is_usual_for_the_data_set_is_none() -> None:
    """Black pages, of which an absolute rule would flag every one."""
    dark = find_issues(table_of(scenes() * 0.12), QUALITY)
    assert dark.list.len().sum() <= 4


def test_what_many_images_have_is_not_unusual() -> None:
    """Photographs, a quarter of them upright, and two panoramas."""
    table = table_of(scenes(202)).with_columns(width=pl.lit(400), height=pl.lit(300))
    turned = pl.int_range(pl.len()) % 4 == 0
    width, height = pl.when(turned).then(300).otherwise("width"), pl.when(turned).then(400).otherwise("height")
    is_panorama = pl.int_range(pl.len()) >= 200
    table = table.with_columns(width=pl.when(is_panorama).then(4000).otherwise(width), height=height)
    issues = find_issues(table, QUALITY).list.contains("odd_aspect")
    assert issues.arg_true().to_list() == [200, 201]
    assert common_issues(table, QUALITY) == [
        "odd_aspect: 52 of 202 images lie beyond ingest.quality.odd_aspect = 5, too many to be unusual; only the 2 farthest "
        "have the issue"
    ]
    assert common_issues(table_of(scenes(202)), QUALITY) == []


@pytest.mark.parametrize(("count", "most"), [(1000, 30), (40, 5)])
def test_at_most_three_per_cent_have_an_issue_and_of_few_images_five(count: int, most: int) -> None:
    """A fifth of the images has a long tail of widths, each another."""
    widths = [24 + 10 * number * (number % 5 == 0) for number in range(count)]
    table = table_of(scenes(count)).with_columns(width=pl.Series(widths))
    assert find_issues(table, QUALITY).list.contains("odd_aspect").arg_true().to_list() == [
        number for number in range(count) if number % 5 == 0 and number >= count - 5 * most
    ]


def test_odd_shapes_are_issues() -> None:
    usual = scenes(100)
    table = pl.concat([table_of(usual), table_of(usual[:2], width=90), table_of(usual[2:4])]).with_columns(
        height=pl.when(pl.int_range(pl.len()) >= 102).then(240).otherwise("height"),
        width=pl.when(pl.int_range(pl.len()) >= 102).then(240).otherwise("width"),
    )
    issues = find_issues(table, QUALITY)
    assert (
        issues[100:].to_list() == [["odd_aspect"], ["odd_aspect"], ["odd_pixel_count"], ["odd_pixel_count"]]
        or issues[100:].to_list() == [["odd_aspect", "odd_pixel_count"]] * 2 + [["odd_pixel_count"]] * 2
    )
    assert issues[:100].list.len().sum() == 0


def test_each_issue_has_a_threshold_in_the_same_order() -> None:
    assert tuple(QualityConfig.model_fields) == ISSUES


def test_an_infinite_threshold_turns_an_issue_off() -> None:
    table = table_of(np.concatenate([scenes(), scenes(9) * 0.1]))
    assert find_issues(table, QUALITY).list.contains("dark").sum() == 9
    off = with_values(INGEST, **{f"quality__{issue}": float("inf") for issue in ISSUES}).quality
    assert find_issues(table, off).list.len().sum() == 0
