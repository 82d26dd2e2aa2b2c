import math
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from dataprep.config.decode import DecodeConfig
from dataprep.core.errors import ParamsError
from dataprep.decode.deep_samples import Depth, Samples
from dataprep.decode.image import Undecodable, decode
from dataprep.decode.to_8_bits import to_uint8
from dataprep.decode.value_range import Extent, check_levels, describe_levels, levels_of, range_of, with_levels
from dataprep.draw.prepare_preview import draw_steps
from dataprep.prepare.packing import prepare_images
from dataprep.store.shards import ShardReader, read_index
from pipelines.parameters.params import Params
from tests.conftest import local, striped, write_png
from tests.dataprep.decode.deep import picture, png, pnm, tiff
from tests.dataprep.ingest.ingesting import INGEST, run, with_values
from tests.dataprep.prepare.test_packing import CONFIG

AUTO = DecodeConfig(max_pixels=1_000_000, background=255, black_level="auto", white_level="auto")


def decode_config(black: str | float = "auto", white: str | float = "auto") -> DecodeConfig:
    return DecodeConfig.model_validate({**AUTO.model_dump(), "black_level": black, "white_level": white})


Encoder = Callable[[NDArray[np.float64]], bytes]


def whole(encode: Callable[[NDArray[np.uint16]], bytes], times: int = 1) -> Encoder:
    return lambda values: encode((np.rint(values) * times).astype(np.uint16))


PLANTED: dict[str, tuple[float, float, tuple[int, ...], Encoder]] = {
    "12 bits in 16": (0, 4095, (40, 40), whole(png)),
    "8 bits in 16": (0, 255, (40, 40), whole(png)),
    "thermal": (7000, 9000, (40, 40), whole(png)),
    "12 bits in 16, colors": (0, 4095, (40, 40, 3), whole(png)),
    "12 bits by sBIT": (0, 4095, (40, 40), whole(lambda values: png(values, significant_bits=12))),
    "dark by sBIT": (0, 1500, (40, 40, 3), whole(lambda values: png(values, significant_bits=12))),
    "tiff": (0, 4095, (40, 40), whole(tiff)),
    "tiff in colors": (0, 4095, (40, 40, 3), whole(tiff)),
    "signed": (-1000, 2000, (40, 40), lambda values: tiff(np.rint(values).astype(np.int16))),
    "32 bits": (0, 100_000, (40, 40), lambda values: tiff(np.rint(values).astype(np.uint32))),
    "float": (0.0, 1.0, (40, 40), lambda values: tiff(values.astype(np.float32))),
    "temperatures": (-20.0, 45.0, (40, 40), lambda values: tiff(values.astype(np.float32))),
    "pgm": (0, 3000, (40, 40), whole(lambda values: pnm(values, 4095))),
    "ppm": (0, 3000, (40, 40, 3), whole(lambda values: pnm(values, 65535))),
}


def data_set(folder: Path, lowest: float, highest: float, shape: tuple[int, ...], encode: Encoder) -> Path:
    """Two classes of four images; one of each class is half as bright as the others."""
    for label in range(2):
        for number in range(4):
            values = picture(10 * label + number, lowest, highest, shape)
            path = folder / f"class{label}/{number}.img"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(encode(lowest + (values - lowest) / 2 if number == 0 else values))
    return folder


def decoded(folder: Path, manifest: pl.DataFrame, config: DecodeConfig = AUTO) -> dict[str, NDArray[np.uint8]]:
    decoding = with_levels(config, levels_of(manifest))
    return {image_id: decode((folder / image_id).read_bytes(), decoding).pixels for image_id in manifest["id"].to_list()}


@pytest.mark.parametrize("name", PLANTED)
def test_what_uses_few_of_its_bits_keeps_its_gray_levels(name: str, tmp_path: Path) -> None:
    folder = data_set(tmp_path, *PLANTED[name])
    manifest = run(folder)
    assert manifest["status"].to_list() == ["ok"] * 8, manifest["message"].to_list()
    assert all(count >= 200 for count in manifest.filter(~pl.col("id").str.contains("/0"))["num_levels"])
    for image_id, pixels in decoded(folder, manifest).items():
        assert len(np.unique(pixels)) == manifest.filter(id=image_id)["num_levels"].item()


def test_brightness_between_images_keeps_its_meaning(tmp_path: Path) -> None:
    folder = data_set(tmp_path, *PLANTED["12 bits in 16"])
    pixels = decoded(folder, run(folder))
    assert pixels["class0/0.img"].max() == 128
    assert pixels["class0/1.img"].max() == 255


@pytest.mark.parametrize(
    ("name", "times"), [("12 bits in 16", 16), ("8 bits in 16", 16), ("8 bits in 16", 256), ("thermal", 4)]
)
def test_values_times_a_power_of_two_give_the_same_pixels_within_one_level(name: str, times: int, tmp_path: Path) -> None:
    lowest, highest, shape, _ = PLANTED[name]
    folders = [data_set(tmp_path / str(factor), lowest, highest, shape, whole(png, factor)) for factor in (1, times)]
    few, many = (decoded(folder, run(folder)) for folder in folders)
    for image_id, pixels in few.items():
        assert np.abs(pixels.astype(int) - many[image_id]).max() <= 1


def extent(lowest: float, highest: float, sample_type: str = "uint16", stated: tuple[float, float] | None = None) -> Extent:
    return Extent(sample_type, stated, lowest, highest, 100)


def test_a_set_that_nearly_fills_its_type_is_scaled_as_the_whole_type() -> None:
    assert range_of(extent(0, 65535), AUTO) == (0, 65535)
    assert range_of(extent(300, 64000), AUTO) == (0, 65535)
    assert range_of(extent(-30000, 32000, "int16"), AUTO) == (-32768 + 2048, 32767)


@given(st.integers(0, 60_000), st.integers(1, 60_000))
def test_the_range_holds_all_values_and_little_more(lowest: int, span: int) -> None:
    highest = min(lowest + span, 65535)
    black, white = range_of(extent(lowest, highest), AUTO) or (0, 0)
    assert 0 <= black <= lowest
    assert highest <= white <= 65535
    assert highest - lowest >= 0.87 * (white - black - 1)


def test_a_file_s_own_statement_is_its_whole_range_where_its_values_keep_to_it() -> None:
    full = decode_config("full", "full")
    assert range_of(extent(0, 3000, "uint16 of 4095", (0, 4095)), full) == (0, 4095)
    assert range_of(extent(0, 65000, "uint16 of 4095", (0, 4095)), full) == (0, 65535)  # scaled up, as the PNG standard has it
    assert range_of(extent(0, 3000), full) == (0, 65535)
    assert range_of(extent(0, 9, "float32", (-1, 1)), full) == (-1, 1)
    assert range_of(extent(0, 9, "float32"), full) is None


def test_a_number_is_the_value_that_becomes_black_or_white() -> None:
    assert range_of(extent(300, 3000), decode_config(0, 4000)) == (0, 4000)
    assert range_of(extent(300, 3000), decode_config("full", 4000.5)) == (0, 4000.5)
    assert range_of(extent(7000, 9000), decode_config("auto", 10_000)) == (6976, 10_000)
    with pytest.raises(ParamsError) as refusal:
        check_levels({"uint16": (6976.0, 100.0)}, pl.Series(["uint16"]), decode_config("auto", 100), max_fraction=0.1)
    assert str(refusal.value) == (
        "params.yaml: ingest.decode.black_level must lie below white_level; for images of uint16 they are 6,976 (auto) and "
        "100 (100.0). Set both to values, or to auto"
    )


def test_one_odd_file_of_another_type_leaves_the_others_usable(tmp_path: Path) -> None:
    folder = data_set(tmp_path, *PLANTED["12 bits in 16"])
    for number in range(3):
        (folder / f"class1/more{number}.img").write_bytes(png(np.rint(picture(20 + number, 0, 4095)).astype(np.uint16)))
    (folder / "class1/odd.img").write_bytes(tiff(np.rint(picture(3, 7000, 9000)).astype(np.int16)))
    config = with_values(INGEST, decode__white_level=4095)
    manifest = run(folder, config)
    odd = manifest.filter(pl.col("status") != "ok").select("id", "reason", "message").rows()
    words = (
        "ingest.decode.black_level must lie below white_level; for images of int16 they are 6,976 (auto) and 4,095 (4095.0). "
        "Set both to values, or to auto"
    )
    assert odd == [("class1/odd.img", "unknown_range", words)]
    levels = {"uint16": (0.0, 4095.0), "int16": (6976.0, 4095.0)}
    types = pl.Series(["uint16"] * 11 + ["int16"])
    check_levels(levels, types, config.decode, max_fraction=0.1)
    with pytest.raises(ParamsError, match=re.escape(f"params.yaml: {words}")):
        check_levels(levels, types, config.decode, max_fraction=0.05)
    with pytest.raises(Undecodable, match=r"for images of int16 they are -32,768 \(full\) and -40,000 \(-40000\.0\)"):
        decode((folder / "class1/odd.img").read_bytes(), with_levels(decode_config("full", -40_000), {}))


def test_a_hot_pixel_does_not_widen_the_range_and_is_counted(tmp_path: Path) -> None:
    folder = data_set(tmp_path, *PLANTED["thermal"])
    values = np.rint(picture(3, 7000, 9000)).astype(np.uint16)
    values[5, 5] = 65535
    (folder / "class0/3.img").write_bytes(png(values))
    manifest = run(folder)
    assert levels_of(manifest) == {"uint16": (6976.0, 9023.0)}
    assert manifest.filter(pl.col("num_clipped") > 0).select("id", "num_clipped").rows() == [("class0/3.img", 1)]
    assert describe_levels(manifest, manifest.clear(), AUTO) == [
        "ingest: 8 images of uint16: 6,976 becomes 0 and 9,023 becomes 255; the median image uses 230 of 256 levels; values "
        "outside, which are clipped: 1, in 1 of the images"
    ]


def test_few_levels_are_warned_of_with_what_to_do(tmp_path: Path) -> None:
    folder = data_set(tmp_path, *PLANTED["12 bits in 16"])
    full = with_values(INGEST, decode__black_level="full", decode__white_level="full")
    line, warning = describe_levels(manifest := run(folder, full), manifest.clear(), full.decode)
    assert line == "ingest: 8 images of uint16: 0 becomes 0 and 65,535 becomes 255; the median image uses 17 of 256 levels"
    assert warning == (
        "warning: images of uint16 keep only 17 of 256 gray levels (median), since ingest.decode.black_level (full) and "
        "white_level (full) make the range 0 to 65,535. Set both to auto, or to the values that should become black and white"
    )


def test_few_levels_are_no_news_where_the_file_has_no_more(tmp_path: Path) -> None:
    for label in range(2):
        for number in range(3):
            write_png(tmp_path / f"class{label}/{number}.png", np.where(striped(label, number) > 100, 255, 0).astype(np.uint8))
    manifest = run(tmp_path)
    assert describe_levels(manifest, manifest.clear(), INGEST.decode) == []
    assert manifest["num_levels"].null_count() == 6
    for path in tmp_path.rglob("*.png"):
        seed = int(path.stem)
        path.write_bytes(png(np.where(striped(int(path.parent.name[-1]), seed)[:, :, 0] > 100, 65535, 0).astype(np.uint16)))
    manifest = run(tmp_path)
    (line,) = describe_levels(manifest, manifest.clear(), INGEST.decode)
    assert line.endswith("the median image uses 2 of 256 levels")


def test_pictures_that_differ_below_8_bits_are_two_and_the_range_makes_none_the_same(tmp_path: Path) -> None:
    folder = data_set(tmp_path, *PLANTED["12 bits in 16"])
    values = np.rint(picture(1, 0, 4095)).astype(np.uint16)
    values[20, 20] ^= 1
    (folder / "class1/again.img").write_bytes(png(values))
    (folder / "class1/tiff.img").write_bytes(tiff(values))
    full = with_values(INGEST, decode__black_level="full", decode__white_level="full")
    manifests = [run(folder), run(folder, full)]
    for manifest in manifests:
        assert manifest.filter(reason="label_conflict").is_empty()
        assert manifest["digest"].n_unique() == 9  # PNG and TIFF hold the same picture
    assert manifests[0]["digest"].to_list() == manifests[1]["digest"].to_list()


def test_prepare_and_preview_use_the_range_that_ingest_found(tmp_path: Path) -> None:
    folder = data_set(tmp_path / "raw", *PLANTED["thermal"])
    manifest = run(folder)
    images = manifest.with_columns(split=pl.lit("train"))
    config = CONFIG.model_copy(update={"image_size": (40, 40)})
    list(prepare_images(images, tmp_path / "out", source=folder, decode=AUTO, prepare=config, execute=local()))
    index = read_index(tmp_path / "out", stage="prepare")
    assert index.decode.levels == {"uint16": (6976.0, 9023.0)}
    expected = decoded(folder, manifest)
    for entry in index.shards:
        with ShardReader(tmp_path / "out", entry, index.layout, stage="prepare") as shard:
            for image, image_id in zip(shard.images(), shard.ids(), strict=True):
                assert np.array_equal(image, expected[image_id])
    one = manifest.filter(id="class0/0.img")  # half as bright: by itself it would have another range
    sheet = draw_steps(one, source=folder, decode=AUTO, prepare=config, title="")
    wider = one.with_columns(white_level=pl.lit(12_000.0))
    assert not np.array_equal(sheet, draw_steps(wider, source=folder, decode=AUTO, prepare=config, title=""))


def test_the_range_enters_the_shards_of_images_that_have_one_and_no_others(tmp_path: Path) -> None:
    folder = data_set(tmp_path / "raw", *PLANTED["thermal"])
    for number in range(3):
        write_png(folder / f"class0/flat{number}.png", striped(0, number, 40))
    images = run(folder).with_columns(
        split=pl.when(pl.col("id").str.contains("flat")).then(pl.lit("train")).otherwise(pl.lit("test"))
    )

    def made(images: pl.DataFrame, decode: DecodeConfig) -> set[str]:
        filled = prepare_images(images, tmp_path / "out", source=folder, decode=decode, prepare=CONFIG, execute=local())
        return {shard.entry.split for shard in filled if shard.made}

    assert made(images, AUTO) == {"train", "test"}
    assert made(images, decode_config("full", "full")) == set()  # what ingest found decides
    wider = images.with_columns(white_level=pl.when(pl.col("white_level").is_not_null()).then(12_000.0))
    assert made(wider, AUTO) == {"test"}


def test_a_path_outside_the_pattern_does_not_widen_the_range(tmp_path: Path) -> None:
    folder = data_set(tmp_path, *PLANTED["thermal"])
    (folder / "stray.img").write_bytes(png(np.rint(picture(1, 0, 65535)).astype(np.uint16)))
    manifest = run(folder)
    assert manifest.filter(id="stray.img")["reason"].item() == "pattern"
    assert levels_of(manifest.filter(status="ok")) == {"uint16": (6976.0, 9023.0)}


@pytest.mark.parametrize("value", ["aut", True, None, float("nan"), float("inf"), [1]])
def test_a_level_is_auto_full_or_a_number(value: object, params: Params) -> None:
    with pytest.raises(ValueError, match="must be auto, full or a number from"):
        DecodeConfig.model_validate({**params.ingest.decode.model_dump(), "white_level": value})


@pytest.mark.parametrize(
    ("level", "said"),
    [
        (10**400, "a whole number of 1,329 bits"),
        (2**53 + 1, "9007199254740993"),
        (-1e300, "-1e+300"),
        (float("nan"), "nan"),
        (float("inf"), "inf"),
        (True, "True"),
        ("x" * 500, f"'{'x' * 79}... (502 characters)"),
    ],
)
def test_levels_beyond_what_floats_hold_exactly_are_refused_on_one_short_line(level: object, said: str) -> None:
    expected = f"must be auto, full or a number from -2^53 to 2^53; got {said}. Correct the value"
    with pytest.raises(ValueError, match=re.escape(expected)):
        DecodeConfig.model_validate({"max_pixels": 1, "background": 0, "black_level": "auto", "white_level": level})


@pytest.mark.parametrize("levels", [(-(2.0**53), 2.0**53), (0.0, 2.0**53), (-1e17, 1e17), (0.0, 1e19)])
@pytest.mark.parametrize("dtype", [np.uint16, np.int32])
def test_no_range_however_wide_overflows(levels: tuple[float, float], dtype: type[np.integer]) -> None:
    values = np.array([[[0], [9000]]], dtype=dtype)
    expected = math.floor(255 * (0 - levels[0]) / (levels[1] - levels[0]) + 0.5)
    assert np.unique(to_uint8(Samples(Depth(np.dtype(dtype).name), values, None), levels, 0)).tolist() == [expected]
