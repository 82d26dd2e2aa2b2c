from typing import Literal

import polars as pl
import pytest

from dataprep.config.prepare import ResizeConfig
from dataprep.prepare.kept_detail import measure_detail, warn_of_little_detail
from tests.dataprep.prepare.test_packing import CONFIG

SMALL = CONFIG.model_copy(update={"image_size": (16, 16)})


def images(*sizes: tuple[int, int, str]) -> pl.DataFrame:
    return pl.DataFrame(list(sizes), schema={"height": pl.Int32, "width": pl.Int32, "mode": pl.String}, orient="row")


@pytest.mark.parametrize(
    ("size", "sentence"),
    [
        ((100, 100, "RGB"), "100 x 100 RGB -> 16 x 16 gray: 0.85% of the values"),
        ((4000, 3000, "RGB"), "4,000 x 3,000 RGB -> 16 x 16 gray: 0.00071% of the values"),
        ((100, 100, "I;16"), "100 x 100 gray -> 16 x 16 gray: 2.6% of the values"),
        ((16, 16, "L"), "16 x 16 gray -> 16 x 16 gray: all of the values"),
        ((8, 8, "L"), "8 x 8 gray -> 16 x 16 gray: enlarged, 4.0 values for each one, which adds no detail"),
    ],
)
def test_what_is_kept_is_said_in_one_sentence(size: tuple[int, int, str], sentence: str) -> None:
    assert measure_detail(images(size), SMALL).sentence == sentence


def test_gray_images_stored_as_rgb_gain_nothing() -> None:
    rgb = SMALL.model_copy(update={"color": "rgb"})
    assert measure_detail(images((16, 16, "L")), rgb).fraction == 1


@pytest.mark.parametrize(("mode", "fraction"), [("stretch", 0.32), ("fit", 0.32), ("pad", 0.16), ("crop", 0.32)])
def test_margins_hold_nothing_and_what_is_cut_is_lost(mode: Literal["stretch", "pad", "fit", "crop"], fraction: float) -> None:
    config = SMALL.model_copy(update={"resize": ResizeConfig(mode=mode, interpolation="area", pad_value=0)})
    assert measure_detail(images((20, 40, "L")), config).fraction == pytest.approx(fraction)


def test_the_median_image_decides_and_a_warning_says_what_to_change() -> None:
    detail = measure_detail(images((100, 100, "RGB"), (100, 100, "RGB"), (16, 16, "L")), SMALL)
    assert warn_of_little_detail(detail, 0.02) == [
        "prepare keeps 100 x 100 RGB -> 16 x 16 gray: 0.85% of the values (median of 3 images), and what the classes differ in "
        "may be lost. Look: darkroom preview prepare. Enlarge prepare.image_size, keep prepare.color rgb where color matters, "
        "or lower prepare.warn_below_fraction"
    ]
    assert warn_of_little_detail(detail, 0.005) == []
