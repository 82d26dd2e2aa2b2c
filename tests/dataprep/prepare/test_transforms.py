import json
from functools import cache
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from skimage.filters import threshold_otsu
from skimage.transform import resize as skimage_resize

from dataprep.config.prepare import PIXELS_VERSION, PrepareConfig, ResizeConfig
from dataprep.decode.image import Pixels, to_gray
from dataprep.prepare.transforms import (
    _STEPS,
    denoise,
    equalise,
    invert,
    prepare_image,
    resize,
    saturate,
    shape_of,
    steps,
    steps_of,
)
from tests.conftest import random_image, striped
from tests.dataprep.prepare.golden_pixels import GOLDEN, digests

OFF: dict[str, Any] = {
    "image_size": (8, 8),
    "color": "gray",
    "resize": {"mode": "stretch", "interpolation": "linear", "pad_value": 9},
    "denoise_px": 0,
    "equalise": "off",
    "saturate": {"method": "off", "threshold": 100, "window_px": 5, "ink": "dark", "output": "keep_ink"},
    "invert": False,
    "images_per_shard": 5,
    "mib_per_shard": 64,
}
MODES, INTERPOLATIONS = (get_args(ResizeConfig.model_fields[name].annotation) for name in ("mode", "interpolation"))


def config(**changes: object) -> PrepareConfig:
    """What is off but for the changes; a mapping changes some values of its section."""
    sections = {key: {**OFF[key], **value} if isinstance(value, dict) else value for key, value in changes.items()}
    return PrepareConfig.model_validate({**OFF, **sections})


# Every transform that there is, in every variant: (the step that it is about, the config that turns it on).
VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "gray": ("gray", {}),
    "rgb": ("rgb", {"color": "rgb"}),
    **{f"resize {mode}": ("resize", {"resize": {"mode": mode}}) for mode in MODES},
    **{f"resize {name}": ("resize", {"resize": {"interpolation": name}}) for name in INTERPOLATIONS},
    "resize rgb": ("resize", {"color": "rgb", "resize": {"mode": "pad"}}),
    **{f"denoise {side}": ("denoise", {"denoise_px": side}) for side in (3, 5, 7)},
    "denoise rgb": ("denoise", {"denoise_px": 3, "color": "rgb"}),
    **{
        f"saturate {method} {ink} {output}": ("saturate", {"saturate": {"method": method, "ink": ink, "output": output}})
        for method in ("threshold", "otsu", "sauvola")
        for ink in ("dark", "light")
        for output in ("keep_ink", "binary")
    },
    "equalise": ("equalise", {"equalise": "clahe"}),
    "equalise rgb": ("equalise", {"equalise": "clahe", "color": "rgb"}),
    "invert": ("invert", {"invert": True}),
    "invert rgb": ("invert", {"invert": True, "color": "rgb"}),
}
TWICE_IS_ONCE = {"gray", "rgb", "resize"} | {f"saturate threshold {ink} keep_ink" for ink in ("dark", "light")}

every_variant = pytest.mark.parametrize("variant", VARIANTS)
few = settings(max_examples=25)  # of each variant
sides = st.integers(1, 30)


def images(*num_channels: int) -> st.SearchStrategy[Pixels]:
    shapes = st.tuples(sides, sides, st.sampled_from(num_channels or (1, 3)))
    values = st.one_of(st.integers(0, 255), st.sampled_from([0, 99, 100, 101, 255]))
    return shapes.flatmap(lambda shape: arrays(np.uint8, shape, elements=values))


@cache
def smooth(height: int, width: int) -> Pixels:
    rows, columns = np.indices((height, width))
    waves = 127 + 60 * np.sin(rows / height * 3) + 60 * np.cos(columns / width * 3)
    return np.asarray(waves[:, :, np.newaxis], dtype=np.uint8)


def column(values: list[int]) -> Pixels:
    return np.array(values, dtype=np.uint8)[:, np.newaxis, np.newaxis]


def row(values: list[int]) -> Pixels:
    return np.array(values, dtype=np.uint8)[np.newaxis, :, np.newaxis]


def test_the_suite_knows_every_transform() -> None:
    assert {name for name, _ in VARIANTS.values()} == set(_STEPS)


@every_variant
@few
@given(image=images())
def test_every_transform_gives_the_shape_and_modifies_nothing(variant: str, image: Pixels) -> None:
    name, changes = VARIANTS[variant]
    asked = config(**changes)
    before = image.copy()
    prepared = prepare_image(image, asked)
    assert prepared.shape == shape_of(asked)
    assert prepared.dtype == np.uint8
    assert np.array_equal(image, before)
    assert name in dict(steps_of(image, asked))


@every_variant
@few
@given(image=images())
def test_every_transform_works_on_views_and_on_pixels_that_cannot_be_written(variant: str, image: Pixels) -> None:
    asked = config(**VARIANTS[variant][1])
    wide = np.repeat(image, 2, axis=1)[:, ::2]
    wide.setflags(write=False)
    assert np.array_equal(prepare_image(wide, asked), prepare_image(image, asked))


@every_variant
@few
@given(image=images())
def test_the_steps_lead_to_the_result(variant: str, image: Pixels) -> None:
    asked = config(**VARIANTS[variant][1])
    pictures = steps_of(image, asked)
    assert [name for name, _ in pictures] == [step.name for step in steps(asked)]
    assert np.array_equal(pictures[-1][1], prepare_image(image, asked))


@pytest.mark.parametrize("variant", [name for name, (step, _) in VARIANTS.items() if TWICE_IS_ONCE & {name, step}])
@few
@given(image=images())
def test_what_is_done_needs_not_be_done_again(variant: str, image: Pixels) -> None:
    asked = config(**VARIANTS[variant][1])
    once = prepare_image(image, asked)
    assert np.array_equal(prepare_image(once, asked), once)


@given(image=images())
def test_what_is_off_changes_no_pixel(image: Pixels) -> None:
    asked = config(image_size=image.shape[:2], color="gray" if image.shape[2] == 1 else "rgb")
    assert np.array_equal(prepare_image(image, asked), image)


def test_only_what_is_on_is_a_step_and_the_order_is_fixed() -> None:
    assert [step.name for step in steps(config())] == ["gray", "resize"]
    everything = config(invert=True, denoise_px=5, equalise="clahe", saturate={"method": "threshold"}, resize={"mode": "pad"})
    assert [(step.name, step.setting) for step in steps(everything)] == [
        ("gray", "0.299 R + 0.587 G + 0.114 B"),
        ("resize", "pad to 8 x 8, linear"),
        ("denoise", "median of 5 x 5"),
        ("equalise", "clahe"),
        ("saturate", "threshold 100, ink dark"),
        ("invert", "255 - value"),
    ]
    assert [step.name for step in steps(config(color="rgb"))] == ["rgb", "resize"]
    binary = steps(config(saturate={"method": "otsu", "ink": "light", "output": "binary"}))
    assert binary[-1].setting == "otsu, ink light, binary"
    assert steps(config(saturate={"method": "sauvola"}))[-1].setting == "sauvola in 5 px, ink dark"


def test_color_decides_the_channels() -> None:
    image = random_image(2, (8, 8, 3))
    assert np.array_equal(prepare_image(image, config()), to_gray(image))
    assert np.array_equal(prepare_image(image, config(color="rgb")), image)


@pytest.mark.parametrize("method", ["threshold", "otsu", "sauvola"])
def test_saturation_of_colors_is_refused(method: str) -> None:
    with pytest.raises(
        ValueError, match=f"must have color 'gray' for saturate.method '{method}'; got 'rgb'. Set color to gray"
    ):
        config(color="rgb", saturate={"method": method})


@pytest.mark.parametrize("mode", MODES)
@few
@given(image=images(), size=st.tuples(sides, sides))
def test_every_mode_gives_the_size_asked_for(mode: str, image: Pixels, size: tuple[int, int]) -> None:
    resized = resize(image, size, config(resize={"mode": mode}).resize)
    assert resized.shape == (*size, image.shape[2])


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("size", [(1, 4000), (4000, 1), (1, 1), (2, 70_000)])
def test_extreme_proportions_keep_their_one_value(size: tuple[int, int], mode: str, interpolation: str) -> None:
    asked = config(resize={"mode": mode, "interpolation": interpolation, "pad_value": 200}).resize
    resized = resize(np.full((*size, 1), 200, dtype=np.uint8), (96, 96), asked)
    assert resized.shape == (96, 96, 1)
    rounding = 1 if interpolation == "lanczos" else 0  # the weights of OpenCV's Lanczos do not quite sum to 1
    assert np.abs(resized.astype(int) - 200).max() <= rounding


@given(image=images(), size=st.tuples(sides, sides))
def test_stretching_and_fitting_are_one_where_proportions_agree(image: Pixels, size: tuple[int, int]) -> None:
    size = image.shape[0] * 2, image.shape[1] * 2
    modes = ("stretch", "pad", "fit")
    results = [resize(image, size, config(resize={"mode": mode, "interpolation": "cubic"}).resize) for mode in modes]
    assert np.array_equal(results[0], results[1])
    assert np.array_equal(results[0], results[2])


@given(image=images(), more=st.tuples(st.integers(0, 9), st.integers(0, 9)))
def test_margins_of_crop_come_off_again(image: Pixels, more: tuple[int, int]) -> None:
    height, width, _ = image.shape
    crop = config(resize={"mode": "crop"}).resize
    framed = resize(image, (height + more[0], width + more[1]), crop)
    assert np.array_equal(resize(framed, (height, width), crop), image)
    assert (framed == 9).sum() - (image == 9).sum() == framed.size - image.size


@pytest.mark.parametrize("mode", MODES)
@few
@given(image=images(), size=st.tuples(sides, sides))
def test_no_mode_invents_values_beyond_those_there_are(mode: str, image: Pixels, size: tuple[int, int]) -> None:
    resized = resize(image, size, config(resize={"mode": mode, "pad_value": int(image.min())}).resize)
    assert image.min() <= resized.min()
    assert resized.max() <= image.max()


def test_scans_are_enlarged_and_cut_to_96() -> None:
    scan = np.full((95, 100, 1), 255, dtype=np.uint8)
    scan[40:50, 48:52] = 0  # a stroke of 10 x 4 pixels
    framed = resize(scan, (96, 96), config(resize={"mode": "crop"}).resize)
    assert np.argwhere(framed == 0)[[0, -1], :2].tolist() == [[40, 46], [49, 49]]  # 2 of 4 columns were cut on the left
    assert (framed[95] == 9).all()  # the row that was missing
    assert (framed[:95] != 9).all()
    padded = resize(scan, (96, 96), config(resize={"mode": "pad"}).resize)
    assert [int((padded[:, 0, 0] == 9).sum()), int((padded[0, :, 0] == 9).sum())] == [5, 96]  # 95 * 0.96 = 91 rows
    assert (resize(scan, (96, 96), config(resize={"mode": "fit"}).resize) != 9).all()


def test_stretching_reaches_from_edge_to_edge() -> None:
    asked = config(resize={"interpolation": "nearest"}).resize
    assert resize(row([1, 2]), (1, 6), asked).ravel().tolist() == [1, 1, 1, 2, 2, 2]


def test_padding_keeps_proportions_and_adds_margins() -> None:
    padded = resize(np.full((4, 8, 1), 200, dtype=np.uint8), (8, 8), config(resize={"mode": "pad"}).resize)
    assert padded[:, 0, 0].tolist() == [9, 9, 200, 200, 200, 200, 9, 9]


def test_fitting_keeps_the_centre() -> None:
    image = np.tile(np.arange(12, dtype=np.uint8), (4, 1))[:, :, np.newaxis]
    assert resize(image, (4, 4), config(resize={"mode": "fit"}).resize)[0, :, 0].tolist() == [4, 5, 6, 7]
    doubled = resize(image, (8, 8), config(resize={"mode": "fit", "interpolation": "nearest"}).resize)
    assert doubled[0, :, 0].tolist() == [4, 4, 5, 5, 6, 6, 7, 7]


def test_cropping_cuts_out_the_centre_and_does_not_scale() -> None:
    crop = config(resize={"mode": "crop"}).resize
    assert resize(row([0, 1, 2, 3, 4]), (1, 2), crop).ravel().tolist() == [1, 2]
    assert resize(row([1, 2, 3]), (1, 6), crop).ravel().tolist() == [9, 1, 2, 3, 9, 9]
    assert resize(column([1, 2, 3, 4, 5]), (3, 2), crop)[:, :, 0].tolist() == [[2, 9], [3, 9], [4, 9]]


@pytest.mark.parametrize("interpolation", ["linear", "cubic", "area", "lanczos"])
@pytest.mark.parametrize("size", [(40, 56), (30, 30), (9, 11), (9, 60), (60, 10)])
def test_stretching_agrees_with_scikit_image(interpolation: str, size: tuple[int, int]) -> None:
    image = smooth(30, 42)
    expected = skimage_resize(image[:, :, 0], size, order=1, anti_aliasing=True, preserve_range=True)
    resized = resize(image, size, config(resize={"interpolation": interpolation}).resize)
    assert np.abs(resized[:, :, 0] - expected).mean() < 2


@pytest.mark.parametrize("interpolation", ["linear", "cubic", "area", "lanczos"])
@pytest.mark.parametrize("size", [(16, 16), (16, 64), (64, 16), (16, 90), (90, 16)])
def test_shrinking_does_not_alias_whatever_the_other_side_does(interpolation: str, size: tuple[int, int]) -> None:
    stripes = (np.indices((64, 64)).sum(axis=0) % 2 * 255).astype(np.uint8)[:, :, np.newaxis]
    shrunk = resize(stripes, size, config(resize={"interpolation": interpolation}).resize)
    assert np.abs(shrunk.astype(int) - 127).max() <= 1


def test_fitting_a_very_long_image_costs_what_is_kept() -> None:
    long = np.tile(np.arange(2, dtype=np.uint8) * 255, (1, 100_000))[:, :, np.newaxis]
    for mode in ("fit", "crop"):
        assert resize(long, (96, 96), config(resize={"mode": mode}).resize).shape == (96, 96, 1)


def test_an_image_of_the_right_size_is_unchanged() -> None:
    image = random_image(1, (8, 8, 1))
    for mode in MODES:
        assert np.array_equal(resize(image, (8, 8), config(resize={"mode": mode}).resize), image)


def test_denoising_takes_the_median_of_the_square() -> None:
    speck = np.zeros((5, 5, 1), dtype=np.uint8)
    speck[2, 2] = 255
    assert denoise(speck, 3).max() == 0
    assert denoise(row([1, 9, 2, 8, 3]), 3).ravel().tolist() == [1, 2, 8, 3, 3]  # beyond the edge, the edge goes on
    line = np.zeros((9, 9, 1), dtype=np.uint8)
    line[:, 3:6] = 255
    assert np.array_equal(denoise(line, 5)[:, :, 0], line[:, :, 0])
    line[:, 5] = 0
    assert denoise(line, 5).max() == 0  # a line of 2 pixels is thinner than half the square


@pytest.mark.parametrize("side", [3, 5, 7])
@few
@given(image=images())
def test_denoising_agrees_with_numpy(side: int, image: Pixels) -> None:
    padded = np.pad(image, ((side // 2,) * 2, (side // 2,) * 2, (0, 0)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (side, side), axis=(0, 1))
    assert np.array_equal(denoise(image, side), np.median(windows, axis=(3, 4)).astype(np.uint8))


@pytest.mark.parametrize("side", [1, 2, 4, 9, -3])
def test_a_square_without_a_centre_is_refused(side: int) -> None:
    with pytest.raises(ValueError, match="denoise_px"):
        config(denoise_px=side)


def test_the_paper_becomes_uniform_and_the_threshold_itself_is_ink() -> None:
    image = row([0, 99, 100, 101, 255])
    for ink, expected in (("dark", [0, 99, 100, 255, 255]), ("light", [0, 0, 100, 101, 255])):
        saturated = saturate(image, config(saturate={"method": "threshold", "ink": ink}).saturate)
        assert saturated.ravel().tolist() == expected


@given(image=images(1), threshold=st.integers(0, 255))
def test_saturation_is_what_the_handwritten_version_does(image: Pixels, threshold: int) -> None:
    dark, light = image.copy(), image.copy()
    dark[dark > threshold] = 255
    light[light < threshold] = 0
    for ink, expected in (("dark", dark), ("light", light)):
        asked = config(saturate={"method": "threshold", "threshold": threshold, "ink": ink}).saturate
        assert np.array_equal(saturate(image, asked), expected)


def test_binary_makes_paper_and_ink_uniform() -> None:
    image = row([0, 99, 100, 101, 255])
    for ink, expected in (("dark", [0, 0, 0, 255, 255]), ("light", [0, 0, 255, 255, 255])):
        asked = config(saturate={"method": "threshold", "ink": ink, "output": "binary"}).saturate
        assert saturate(image, asked).ravel().tolist() == expected


@pytest.mark.parametrize("method", ["threshold", "otsu"])
@pytest.mark.parametrize("ink", ["dark", "light"])
@given(image=images(1))
def test_binary_changes_the_ink_alone_and_leaves_two_values(method: str, ink: str, image: Pixels) -> None:
    kept, binary = (
        saturate(image, config(saturate={"method": method, "ink": ink, "output": output}).saturate)
        for output in ("keep_ink", "binary")
    )
    of_paper, of_ink = (255, 0) if ink == "dark" else (0, 255)
    assert set(np.unique(binary)) <= {0, 255}
    assert (kept[binary == of_ink] == image[binary == of_ink]).all()
    if image.min() < image.max():
        assert (kept[binary == of_paper] == of_paper).all()
    elif method == "otsu":
        assert (binary == of_paper).all()  # one value has no two sides: all is paper


@given(image=images(1), threshold=st.integers(0, 255))
def test_light_ink_is_dark_ink_of_the_negative(image: Pixels, threshold: int) -> None:
    dark = config(saturate={"method": "threshold", "threshold": threshold, "ink": "dark"}).saturate
    light = config(saturate={"method": "threshold", "threshold": 255 - threshold, "ink": "light"}).saturate
    assert np.array_equal(invert(saturate(invert(image), light)), saturate(image, dark))


def check_against_scikit_image(image: Pixels) -> None:
    threshold = threshold_otsu(image)  # the last dark value
    dark, light = (saturate(image, config(saturate={"method": "otsu", "ink": ink}).saturate) for ink in ("dark", "light"))
    assert np.array_equal(dark, np.where(image > threshold, 255, image))
    assert np.array_equal(light, np.where(image > threshold, image, 0))


def test_otsu_parts_ink_and_paper_as_scikit_image_does() -> None:
    for seed in range(300):
        rng = np.random.default_rng(seed)
        shape = (*rng.integers(2, 60, 2), 1)
        centres = rng.choice(rng.integers(0, 256, 2), shape, p=[0.8, 0.2])
        check_against_scikit_image(np.clip(rng.normal(centres, rng.uniform(0, 40)), 0, 255).astype(np.uint8))
        check_against_scikit_image(rng.choice(rng.integers(0, 256, 4), shape).astype(np.uint8))
        check_against_scikit_image(rng.integers(0, 256, shape, dtype=np.uint8))
    for label in range(3):
        check_against_scikit_image(striped(label, seed=3))


def test_otsu_of_two_values_keeps_the_ink_and_makes_the_paper_uniform() -> None:
    for values, dark, light in (
        ([10, 200], [10, 255], [0, 200]),
        ([0, 1], [0, 255], [0, 1]),
        ([254, 255], [254, 255], [0, 255]),
        ([0, 255], [0, 255], [0, 255]),
    ):
        for ink, expected in (("dark", dark), ("light", light)):
            saturated = saturate(row(values), config(saturate={"method": "otsu", "ink": ink}).saturate)
            assert saturated.ravel().tolist() == expected


@pytest.mark.parametrize("ink", ["dark", "light"])
def test_otsu_leaves_an_image_of_one_value_as_it_is(ink: str) -> None:
    for value in range(256):
        image = np.full((3, 4, 1), value, dtype=np.uint8)
        assert np.array_equal(saturate(image, config(saturate={"method": "otsu", "ink": ink}).saturate), image)


@given(image=images())
def test_inverting_twice_is_the_identity(image: Pixels) -> None:
    assert np.array_equal(invert(image), 255 - image)
    assert np.array_equal(invert(invert(image)), image)


def test_pixels_are_those_of_their_version() -> None:
    golden = json.loads(GOLDEN.read_text())
    made = digests()
    changed = [name for name in sorted({*made, *golden["digests"]}) if made.get(name) != golden["digests"].get(name)]
    assert (changed, PIXELS_VERSION) == ([], golden["pixels_version"]), (
        "pixels changed, or what the golden file covers. Where pixels did, raise PIXELS_VERSION in "
        "dataprep/config/prepare.py; "
        "then regenerate: python -m tests.dataprep.prepare.golden_pixels"
    )


def under_a_lamp(ink: str) -> tuple[Pixels, np.ndarray[tuple[int, ...], np.dtype[np.bool_]]]:
    """Strokes on paper that is light on the left and dark on the right, and where the strokes are."""
    rows, columns = np.indices((64, 64))
    strokes = (rows % 16 < 2) & (columns > 4) & (columns < 60)
    dark = 240.0 - 2.4 * columns - 70 * strokes * (1 - columns / 100)
    image = np.rint(dark if ink == "dark" else 255 - dark).astype(np.uint8)[:, :, np.newaxis]
    return image, strokes


@pytest.mark.parametrize("ink", ["dark", "light"])
def test_sauvola_finds_ink_under_a_lamp_where_one_threshold_does_not(ink: str) -> None:
    image, strokes = under_a_lamp(ink)
    wrong = {}
    for method in ("otsu", "sauvola"):
        binary = saturate(image, config(saturate={"method": method, "ink": ink, "output": "binary", "window_px": 15}).saturate)
        found = binary[:, :, 0] == (0 if ink == "dark" else 255)
        wrong[method] = (found != strokes).mean()
    assert wrong["sauvola"] < 0.02
    assert wrong["otsu"] > 0.2


def test_clahe_brings_out_what_a_dark_corner_hides() -> None:
    image, strokes = under_a_lamp("dark")
    corner = strokes[:, 40:58]
    plain, equalised = image[:, 40:58, 0], equalise(image)[:, 40:58, 0]
    contrast = [float(part[~corner].mean() - part[corner].mean()) for part in (plain, equalised)]
    assert contrast[1] > 1.5 * contrast[0]
    flat = np.full((9, 9, 1), 77, dtype=np.uint8)
    assert np.array_equal(equalise(flat), flat)


@pytest.mark.parametrize("window_px", [2, 4, 257])
def test_a_window_has_a_centre(window_px: int) -> None:
    with pytest.raises(ValueError, match=r"window_px"):
        config(saturate={"window_px": window_px})
