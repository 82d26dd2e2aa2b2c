import csv
import io
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from dataprep.config.decode import Decoding
from dataprep.decode.deep_samples import Samples
from dataprep.decode.image import Undecodable, decode, digest_pixels, load
from dataprep.decode.to_8_bits import count_clipped, digest_samples, to_uint8
from dataprep.decode.value_range import measure_extent, range_of
from tests.dataprep.decode.deep import packed_tiff, png, pnm, tiff

FULL = Decoding(max_pixels=1_000_000, background=255, black_level="full", white_level="full", levels={})
AUTO = Decoding(max_pixels=1_000_000, background=255, black_level="auto", white_level="auto", levels={})

FLOATS = np.linspace(-2, 7, 35, dtype=np.float32).reshape(5, 7)
S_MIN, S_MAX, MAX = 340, 341, 281  # tags of TIFF
SHORT, FLOAT = 3, 11


def samples(content: bytes) -> Samples:
    image = load(content, FULL).image
    assert isinstance(image, Samples)
    return image


def noise(dtype: str, shape: tuple[int, ...] = (5, 7)) -> NDArray[np.integer]:
    limits = np.iinfo(dtype)
    values: NDArray[np.integer] = np.random.default_rng(0).integers(limits.min, limits.max, shape, dtype=dtype, endpoint=True)
    return values


@pytest.mark.parametrize(
    ("content", "values", "sample_type"),
    [
        (png(noise("u2")), noise("u2"), "uint16"),
        (png(noise("u2", (5, 7, 3))), noise("u2", (5, 7, 3)), "uint16"),
        (png(noise("u2") >> 4, significant_bits=12), noise("u2") >> 4, "uint16 of 4095"),
        (png(noise("u2", (5, 7, 3)) >> 2, significant_bits=14), noise("u2", (5, 7, 3)) >> 2, "uint16 of 16383"),
        (png(noise("u2"), significant_bits=16), noise("u2"), "uint16"),
        (tiff(noise("u2")), noise("u2"), "uint16"),
        (tiff(noise("u2").astype(">u2")), noise("u2"), "uint16"),
        (tiff(noise("u2", (5, 7, 3))), noise("u2", (5, 7, 3)), "uint16"),
        (tiff(noise("i2")), noise("i2"), "int16"),
        (tiff(noise("u4")), noise("u4"), "uint32"),
        (tiff(noise("i4")), noise("i4"), "int32"),
        (tiff(noise("i1")), noise("i1"), "int8"),
        (tiff(FLOATS), FLOATS, "float32"),
        (packed_tiff([0, 1, 2048, 4095], bits=12), np.array([[0, 1, 2048, 4095]]), "uint12"),
        (pnm(noise("u2"), 65535), noise("u2"), "uint16"),
        (pnm(noise("u2") % 1001, 1000), noise("u2") % 1001, "uint16 of 1000"),
        (pnm(noise("u2", (5, 7, 3)) >> 4, 4095), noise("u2", (5, 7, 3)) >> 4, "uint16 of 4095"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_values_are_read_as_they_are_stored(content: bytes, values: NDArray[np.generic], sample_type: str) -> None:
    read = samples(content)
    assert read.depth.sample_type == sample_type
    assert np.array_equal(read.values if values.ndim == 3 else read.values[:, :, 0], values)


def test_every_16_bit_png_of_the_suite_agrees_with_opencv(png_corpus: Path) -> None:
    with (png_corpus / "FACTS.csv").open(newline="") as file:
        names = [row["file"] for row in csv.DictReader(file) if row["bit_depth"] == "16" and row["expected"] == "decode"]
    assert len(names) > 30
    for name in names:
        content = (png_corpus / name).read_bytes()
        stored = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
        assert stored is not None
        values = samples(content).values
        assert np.array_equal(values, stored[:, :, np.newaxis] if stored.ndim == 2 else stored[:, :, 2::-1]), name


def test_files_of_8_bits_have_no_samples() -> None:
    rng = np.random.default_rng(1)
    for shape in ((5, 7), (5, 7, 3), (5, 7, 4)):
        pixels = rng.integers(0, 256, shape, dtype=np.uint8)
        for image_format in ("PNG", "TIFF"):
            buffer = io.BytesIO()
            Image.fromarray(pixels).save(buffer, image_format)
            assert isinstance(load(buffer.getvalue(), FULL).image, np.ndarray)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["png", "png in colors", "tiff", "tiff in colors"])
def test_samples_are_upright(kind: str, orientation: int) -> None:
    values = noise("u2", (4, 6, 3) if "colors" in kind else (4, 6))
    if kind.startswith("tiff"):
        content = tiff(values, (274, SHORT, 1, orientation))
    else:
        exif = Image.Exif()
        exif[274] = orientation
        plain, chunk = png(values), b"eXIf" + exif.tobytes()[6:]
        content = plain[:33] + struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk)) + plain[33:]
    turns = {1: 0, 2: 0, 3: 2, 4: 2, 5: 1, 6: -1, 7: -1, 8: 1}
    mirrored = values[:, ::-1] if orientation in (2, 4, 5, 7) else values
    expected = np.rot90(mirrored, turns[orientation])
    assert np.array_equal(samples(content).values.reshape(expected.shape), expected)


def test_a_statement_of_the_file_is_its_whole_range() -> None:
    signed = np.array([[-100, 0, 100, 400]], dtype=np.int16)
    assert decode(tiff(signed, (S_MIN, 8, 1, -100), (S_MAX, 8, 1, 410)), FULL).pixels[0, :, 0].tolist() == [0, 50, 100, 250]
    small = np.array([[0, 257, 2056, 4095]], dtype=np.uint16)
    assert decode(tiff(small, (MAX, SHORT, 1, 4095)), FULL).pixels[0, :, 0].tolist() == [0, 16, 128, 255]
    floats = np.array([[0.0, 0.5, 1.0, 3.0]], dtype=np.float32)
    assert decode(tiff(floats, (S_MIN, FLOAT, 1, 0.0), (S_MAX, FLOAT, 1, 2.0)), FULL).pixels[0, :, 0].tolist() == [
        0,
        64,
        128,
        255,
    ]


def test_floats_without_a_stated_range_need_levels() -> None:
    content = tiff(np.array([[-5.0, 0.0, 5.0, np.nan]], dtype=np.float32))
    with pytest.raises(Undecodable) as refusal:
        decode(content, FULL)
    assert refusal.value.reason == "unsupported_mode"
    assert refusal.value.message == (
        "values of float32 have no stated range; set ingest.decode.black_level and white_level to auto or to values"
    )
    numbers = FULL.model_copy(update={"black_level": -5.0, "white_level": 5.0})
    assert decode(content, numbers).pixels[0, :, 0].tolist() == [0, 128, 255, 0]
    assert count_clipped(samples(content), (-5.0, 5.0)) == 1  # what is no number


GDAL_NODATA, TEXT = 42113, 2


@pytest.mark.parametrize(
    ("dtype", "stated", "stored"),
    [
        ("f4", "-9999", -9999),
        ("f4", "-3.4028234663852886e+38", np.finfo(np.float32).min),
        ("f4", "-1.7976931348623157e+308", -np.inf),  # the lowest float64, which float32 rounds to minus infinity
        ("f4", "nan", np.nan),
        ("i2", "-32768 ", -32768),
        ("u2", "0", 0),
    ],
)
def test_values_that_stand_for_no_data_are_transparent(dtype: str, stated: str, stored: float) -> None:
    values = np.arange(100, 900, 100).reshape(2, 4).astype(dtype)
    values[0, 1] = stored
    content = tiff(values, (GDAL_NODATA, TEXT, len(stated) + 1, stated))
    read = samples(content)
    extent = measure_extent(read)
    assert extent is not None
    assert (extent.lowest, extent.highest, extent.num_values) == (100, 800, 7)
    assert count_clipped(read, (100, 800)) == 0
    assert to_uint8(read, (100, 800), 7)[:, :, 0].tolist() == [[0, 7, 73, 109], [146, 182, 219, 255]]
    assert samples(tiff(values)).alpha is None


@pytest.mark.parametrize("stated", ["none", "", "1e999x"])
def test_a_value_for_no_data_that_is_no_number_is_ignored(stated: str) -> None:
    values = np.arange(100, 900, 100, dtype=np.uint16).reshape(2, 4)
    assert samples(tiff(values, (GDAL_NODATA, TEXT, len(stated) + 1, stated))).alpha is None


def test_what_is_no_number_is_black_also_where_the_lowest_value_is_white() -> None:
    values = np.array([[-5.0, 0.0, 5.0, np.nan]], dtype=np.float32)
    for photometric, expected in (("minisblack", [0, 128, 255, 0]), ("miniswhite", [255, 127, 0, 0])):
        buffer = io.BytesIO()
        tifffile.imwrite(buffer, values, photometric=photometric, metadata=None)
        assert to_uint8(samples(buffer.getvalue()), (-5, 5), 7)[0, :, 0].tolist() == expected


@pytest.mark.parametrize(
    ("dtype", "channels", "said"),
    [
        ("f8", 1, "1 x float64"),
        ("i8", 1, "1 x int64"),
        ("u8", 1, "1 x uint64"),
        ("f2", 1, "1 x float16"),
        ("c8", 1, "1 x complex64"),
        ("f4", 3, "3 x float32"),
        ("i4", 3, "3 x int32"),
    ],
)
def test_a_tiff_of_samples_that_are_not_read_is_an_image_and_says_what_to_do(dtype: str, channels: int, said: str) -> None:
    with pytest.raises(Undecodable) as refusal:
        load(tiff(np.zeros((4, 5) if channels == 1 else (4, 5, channels), dtype=dtype)), FULL)
    assert (refusal.value.reason, refusal.value.message) == (
        "unsupported_mode",
        f"a TIFF whose pixels are {said} is not read; convert it to gray of 8, 16 or 32 bits or float32, or to RGB of 8 or 16 "
        "bits",
    )


def test_a_range_of_the_data_set_is_not_made_up() -> None:
    content = png(noise("u2"))
    with pytest.raises(Undecodable) as refusal:
        decode(content, AUTO)
    assert refusal.value.reason == "unknown_range"
    assert refusal.value.message == "the data set has no other image of uint16, so that its range is not known"
    known = AUTO.model_copy(update={"levels": {"uint16": (0.0, 65535.0)}})
    assert decode(content, known).pixels.shape == (5, 7, 1)


def test_transparent_values_count_neither_for_the_range_nor_as_cut() -> None:
    values = np.zeros((2, 2, 4), dtype=np.uint16)
    values[0], values[:, :, 3] = 1000, [[65535, 65535], [0, 0]]
    values[1, :, :3] = 60_000
    read = samples(png(values))
    assert read.visible().max() == 1000
    assert to_uint8(read, (0, 1000), 7)[:, :, 0].tolist() == [[255, 255], [7, 7]]
    assert count_clipped(read, (0, 1000)) == 0
    assert count_clipped(read, (0, 999)) == 6


def test_scaling_in_blocks_and_by_floats_is_the_formula() -> None:
    values = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    read = samples(png(values))
    expected = np.floor(np.clip((values.astype(float) - 100) / 900, 0, 1) * 255 + 0.5)
    assert np.abs(to_uint8(read, (100, 1000), 0)[:, :, 0] - expected).max() <= 0
    assert np.abs(to_uint8(read, (100.5, 1000.5), 0)[:, :, 0] - expected).max() <= 1


def test_8_bits_that_were_widened_to_16_are_the_8_bit_picture() -> None:
    pixels = np.random.default_rng(2).integers(90, 200, (5, 7, 1), dtype=np.uint8)
    read = samples(png(pixels[:, :, 0].astype(np.uint16) * 257))
    assert read.depth.sample_type == "uint16 of 8 bits"
    extent = measure_extent(read)
    assert extent is not None
    assert range_of(extent, AUTO) == (0, 65535)  # not the range of its values
    assert np.array_equal(to_uint8(read, (0, 65535), 255), pixels)
    assert digest_samples(read) == digest_pixels(pixels)
    assert range_of(extent, AUTO.model_copy(update={"white_level": 60_000.0})) == (0, 60_000)


def test_the_digest_is_of_the_values_and_not_of_the_file() -> None:
    gray = noise("u2")
    assert digest_samples(samples(png(gray))) == digest_samples(samples(tiff(gray)))
    assert digest_samples(samples(png(gray))) == digest_samples(samples(png(np.stack([gray] * 3, axis=-1))))
    other = gray.copy()
    other[0, 0] ^= 1
    assert digest_samples(samples(png(gray))) != digest_samples(samples(png(other)))


@pytest.mark.parametrize("tile", [None, (16, 16)])
def test_deep_colors_in_separate_planes_are_refused(tile: tuple[int, int] | None) -> None:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, noise("u2", (3, 40, 40)), photometric="rgb", planarconfig="separate", tile=tile, metadata=None)
    with pytest.raises(Undecodable) as refused:
        load(buffer.getvalue(), FULL)
    assert (refused.value.reason, refused.value.message) == (
        "unsupported_mode",
        "colors of uint16 are stored in separate planes; save it as contiguous pixels",
    )
