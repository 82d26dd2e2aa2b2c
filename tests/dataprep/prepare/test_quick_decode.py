import io
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import pytest
from PIL import Image

from dataprep.config.decode import Decoding
from dataprep.decode.image import Pixels, Undecodable, decode, to_gray, to_rgb, turned
from dataprep.prepare import quick_decode
from dataprep.prepare.quick_decode import decode_quickly
from tests.conftest import random_image

CONFIG = Decoding(max_pixels=1_000_000, background=255, black_level="full", white_level="full", levels={})
Color = Literal["gray", "rgb"]


def encoded(image: Image.Image, image_format: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format=image_format, **options)
    return buffer.getvalue()


def smooth(height: int, width: int) -> Image.Image:
    coarse = np.random.default_rng(5).integers(60, 190, (height // 8 + 1, width // 8 + 1, 3), dtype=np.uint8)
    return Image.fromarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC))


def exif(orientation: int) -> bytes:
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags.tobytes()


COLORFUL = smooth(37, 50)
GRAY = COLORFUL.convert("L")

KINDS: dict[str, Callable[[], bytes]] = {
    "png gray": lambda: encoded(GRAY, "PNG"),
    "png rgb": lambda: encoded(COLORFUL, "PNG"),
    "png interlaced palette": lambda: encoded(COLORFUL.quantize(9), "PNG"),
    "png rgba": lambda: encoded(COLORFUL.convert("RGBA"), "PNG"),
    "png 1 bit": lambda: encoded(GRAY.convert("1"), "PNG"),
    "png 16 bit": lambda: encoded(Image.fromarray(np.asarray(GRAY, dtype=np.uint16) * 257), "PNG"),
    "png transparent gray": lambda: encoded(GRAY, "PNG", transparency=int(np.asarray(GRAY)[0, 0])),
    "png transparent rgb": lambda: encoded(COLORFUL, "PNG", transparency=COLORFUL.getpixel((0, 0))),
    "png turned": lambda: encoded(GRAY, "PNG", exif=exif(6)),
    "png animated": lambda: encoded(GRAY, "PNG", save_all=True, append_images=[GRAY.rotate(180)]),
    "jpeg gray": lambda: encoded(GRAY, "JPEG"),
    "jpeg rgb": lambda: encoded(COLORFUL, "JPEG", quality=95),
    "jpeg 4:4:4": lambda: encoded(COLORFUL, "JPEG", subsampling=0),
    "jpeg progressive": lambda: encoded(COLORFUL, "JPEG", progressive=True),
    "jpeg cmyk": lambda: encoded(COLORFUL.convert("CMYK"), "JPEG"),
    "jpeg stored as rgb": lambda: encoded(COLORFUL, "JPEG", keep_rgb=True),
    "jpeg with junk before a marker": lambda: encoded(COLORFUL, "JPEG").replace(b"\xff\xc4", b"\x00\x00\xff\xc4", 1),
    **{f"jpeg turned {orientation}": partial(encoded, COLORFUL, "JPEG", exif=exif(orientation)) for orientation in range(10)},
    "gif": lambda: encoded(COLORFUL, "GIF"),
    "webp": lambda: encoded(COLORFUL, "WEBP", lossless=True),
    "tiff": lambda: encoded(COLORFUL, "TIFF"),
    "bmp": lambda: encoded(GRAY, "BMP"),
}


def slowly(content: bytes, color: Color) -> Pixels:
    pixels = decode(content, CONFIG).pixels
    return to_gray(pixels) if color == "gray" else to_rgb(pixels)


@pytest.mark.parametrize("color", ["gray", "rgb"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_pixels_are_those_of_the_slow_way(kind: str, color: Color) -> None:
    content = KINDS[kind]()
    quick, slow = decode_quickly(content, CONFIG, color=color), slowly(content, color)
    assert quick.shape == slow.shape
    assert quick.dtype == np.uint8
    # The gray of a JPEG is stored; by way of RGB it is rounded three times.
    assert np.abs(quick.astype(int) - slow).max() <= (2 if "jpeg" in kind and color == "gray" else 0)


@pytest.mark.parametrize("kind", ["png gray", "png rgb", "jpeg gray", "jpeg rgb", "jpeg progressive", "jpeg turned 6"])
def test_the_usual_kinds_do_go_the_quick_way(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(quick_decode, "decode", never)
    assert decode_quickly(KINDS[kind](), CONFIG, color="gray").shape[2] == 1


def test_every_file_of_the_corpus_is_decoded_as_in_ingest(png_corpus: Path) -> None:
    compared = 0
    for path in sorted(png_corpus.rglob("*")):
        content = path.read_bytes() if path.is_file() else b""
        try:
            slow = slowly(content, "rgb")
        except Undecodable:
            continue
        assert np.array_equal(decode_quickly(content, CONFIG, color="rgb"), slow), path
        compared += 1
    assert compared > 150


@pytest.mark.parametrize("orientation", range(1, 9))
def test_turning_is_what_pillow_does(orientation: int) -> None:
    content = encoded(COLORFUL, "PNG", exif=exif(orientation))
    assert np.array_equal(turned(np.asarray(COLORFUL), orientation), decode(content, CONFIG).pixels)


@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize(
    ("least", "divisor"),
    [((20, 30), 8), ((38, 50), 8), ((39, 50), 4), ((76, 100), 4), ((77, 9), 2), ((9, 101), 2), ((153, 9), 1), ((999, 999), 1)],
)
def test_a_large_jpeg_is_reduced_and_not_below_what_is_needed(least: tuple[int, int], divisor: int, orientation: int) -> None:
    stored = smooth(304, 400) if orientation == 1 else smooth(400, 304)
    content = encoded(stored, "JPEG", quality=95, exif=exif(orientation))
    full = decode_quickly(content, CONFIG, color="gray")
    reduced = decode_quickly(content, CONFIG, color="gray", least=least)
    assert reduced.shape == (304 // divisor, 400 // divisor, 1)
    expected = cv2.resize(full, (400 // divisor, 304 // divisor), interpolation=cv2.INTER_AREA)
    assert np.abs(reduced[:, :, 0].astype(float) - expected).mean() < 0.5


def test_sides_that_do_not_divide_are_rounded_up() -> None:
    content = encoded(smooth(301, 399), "JPEG")
    assert decode_quickly(content, CONFIG, color="rgb", least=(75, 90)).shape == (76, 100, 3)


@pytest.mark.parametrize("kind", KINDS)
def test_what_cannot_be_decoded_is_refused_with_a_reason_as_in_ingest(kind: str) -> None:
    content = KINDS[kind]()[:60]
    with pytest.raises(Undecodable) as quick:
        decode_quickly(content, CONFIG, color="gray")
    with pytest.raises(Undecodable) as slow:
        decode(content, CONFIG)
    assert (quick.value.reason, quick.value.message) == (slow.value.reason, slow.value.message)


def test_noise_survives_a_png() -> None:
    image = random_image(3, (9, 14, 3))
    assert np.array_equal(decode_quickly(encoded(Image.fromarray(image), "PNG"), CONFIG, color="rgb"), image)
