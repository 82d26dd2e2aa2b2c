import csv
import io
import json
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dataprep.config.decode import Decoding
from dataprep.decode.image import Undecodable, decode, to_gray, to_rgb, verify
from tests.bombs import bombs
from tests.conftest import random_image

CONFIG = Decoding(max_pixels=1_000_000, background=255, black_level="full", white_level="full", levels={})


def encoded(image: Image.Image, image_format: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format=image_format, **options)
    return buffer.getvalue()


def sixteen_bit() -> Image.Image:
    return Image.fromarray(np.array([[0, 257], [32768, 65535]], dtype=np.uint16))


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (Image.new("1", (2, 2), 1), [255]),
        (Image.new("L", (2, 2), 77), [77]),
        (Image.new("RGB", (2, 2), (1, 2, 3)), [1, 2, 3]),
        (Image.new("LA", (2, 2), (10, 0)), [255]),
        (Image.new("RGBA", (2, 2), (10, 20, 30, 0)), [255, 255, 255]),
        (Image.new("RGBA", (2, 2), (10, 20, 30, 255)), [10, 20, 30]),
        (Image.new("P", (2, 2), 0), [0, 0, 0]),
    ],
    ids=lambda value: getattr(value, "mode", ""),
)
def test_every_mode_becomes_gray_or_rgb(image: Image.Image, expected: list[int]) -> None:
    assert decode(encoded(image), CONFIG).pixels[0, 0].tolist() == expected


def test_sixteen_bits_are_scaled_and_not_clipped() -> None:
    pixels = decode(encoded(sixteen_bit()), CONFIG).pixels
    assert pixels[:, :, 0].tolist() == [[0, 1], [128, 255]]


def test_a_sixteen_bit_pgm_is_scaled() -> None:
    content = b"P5 2 1 65535\n" + np.array([257, 65535], dtype=">u2").tobytes()
    assert decode(content, CONFIG).pixels[:, :, 0].tolist() == [[1, 255]]


def gray_tiff(levels: list[int], *, bits: int = 16, white_is_zero: bool = False) -> bytes:
    """A TIFF of one row of 16-bit gray, of which `bits` are used."""
    pixels = np.array(levels, dtype="<u2").tobytes()
    if bits == 12:
        pairs = zip(levels[::2], levels[1::2], strict=True)
        pixels = b"".join(bytes([one >> 4, (one & 15) << 4 | other >> 8, other & 255]) for one, other in pairs)
    tags = [
        (256, 3, len(levels)),
        (257, 3, 1),
        (258, 3, bits),
        (259, 3, 1),
        (262, 3, 0 if white_is_zero else 1),
        (273, 4, 8),
        (277, 3, 1),
        (278, 3, 1),
        (279, 4, len(pixels)),
    ]
    entries = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags)
    return b"II*\0" + struct.pack("<I", 8 + len(pixels)) + pixels + struct.pack("<H", len(tags)) + entries + bytes(4)


def test_a_tiff_says_how_many_bits_it_has_and_what_is_white() -> None:
    assert decode(gray_tiff([0, 257, 32768, 65535]), CONFIG).pixels[0, :, 0].tolist() == [0, 1, 128, 255]
    assert decode(gray_tiff([0, 257, 32768, 65535], white_is_zero=True), CONFIG).pixels[0, :, 0].tolist() == [255, 254, 127, 0]
    assert decode(gray_tiff([0, 16, 2056, 4095], bits=12), CONFIG).pixels[0, :, 0].tolist() == [0, 1, 128, 255]


def test_sixteen_bit_gray_is_laid_on_the_background_where_it_is_transparent() -> None:
    content = encoded(sixteen_bit(), transparency=32768)
    assert decode(content, CONFIG).pixels[:, :, 0].tolist() == [[0, 1], [255, 255]]


def test_a_turned_tiff_is_upright_and_its_orientation_is_kept() -> None:
    image = Image.fromarray(np.arange(48, dtype=np.uint8).reshape(6, 8))
    exif = Image.Exif()
    exif[0x0112] = 6
    decoded = decode(encoded(image, "TIFF", exif=exif), CONFIG)
    assert decoded.orientation == 6
    assert np.array_equal(decoded.pixels[:, :, 0], np.rot90(np.asarray(image), -1))


def test_cmyk_jpeg_becomes_rgb() -> None:
    decoded = decode(encoded(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG"), CONFIG)
    assert decoded.mode == "CMYK"
    red, green, blue = decoded.pixels[8, 8]
    assert red > 200 > 80 > max(green, blue)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(orientation: int) -> None:
    upright = Image.fromarray(np.arange(6, dtype=np.uint8).reshape(2, 3))
    undo = {
        1: None,
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[orientation]
    stored = upright.transpose(undo) if undo is not None else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    decoded = decode(encoded(stored, exif=exif), CONFIG)
    assert decoded.orientation == orientation
    assert decoded.pixels[:, :, 0].tolist() == [[0, 1, 2], [3, 4, 5]]


def damaged_checksum() -> bytes:
    content = bytearray(encoded(Image.fromarray(random_image(0)[:, :, 0])))
    content[-14] ^= 0xFF  # the checksum of the last data chunk
    return bytes(content)


@pytest.mark.parametrize(
    ("content", "reason", "words"),
    [
        (b"", "empty", "0 bytes"),
        (b"not an image at all", "not_an_image", "none of JPEG, PNG"),
        (encoded(Image.fromarray(random_image(0)[:, :, 0]))[:100], "undecodable", "truncated"),
        (encoded(Image.new("L", (1001, 1000))), "too_many_pixels", "1001 x 1000"),
        (encoded(Image.new("F", (2, 2)), "TIFF"), "unsupported_mode", "float32 have no stated range"),
        (encoded(Image.new("L", (2, 2)), "JPEG2000"), "not_an_image", "none of"),
    ],
)
def test_what_cannot_be_used_has_a_reason(content: bytes, reason: str, words: str) -> None:
    with pytest.raises(Undecodable) as refusal:
        decode(content, CONFIG)
    assert refusal.value.reason == reason
    assert words in refusal.value.message


def test_verify_refuses_a_wrong_checksum() -> None:
    with pytest.raises(Undecodable) as refusal:
        verify(damaged_checksum())
    assert refusal.value.reason == "damaged"


@pytest.mark.parametrize("name", bombs())
def test_a_bomb_is_refused_and_the_text_beside_a_picture_ignored(name: str) -> None:
    if "text of" in name:
        decoded = decode(bombs()[name], CONFIG)
        assert decoded.pixels.shape == (8, 8, 1)
        assert "its metadata cannot be read" in (decoded.doubt or "")
        return
    with pytest.raises(Undecodable):
        decode(bombs()[name], CONFIG)


def test_bombs_cost_neither_time_nor_memory() -> None:
    script = "from tests.bombs import refuse_all; refuse_all()"
    seconds, kibibytes = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True).stdout.split()
    assert float(seconds) < len(bombs())  # a second for each; they take some milliseconds
    assert int(kibibytes) < 64 * 1024


def whole_files() -> dict[str, bytes]:
    """24 good files, in every format that is read."""
    rows, columns = np.indices((48, 64))
    gray = ((np.sin(rows / 5) + np.cos(columns / 7)) * 60 + 127).astype(np.uint8)
    color = np.stack([gray, gray.T[:48, :48].repeat(2, axis=1)[:, :64], 255 - gray], axis=-1)
    ways: list[tuple[str, dict[str, object]]] = [
        ("PNG", {}),
        ("PNG", {"interlace": 1}),
        ("JPEG", {}),
        ("JPEG", {"progressive": True}),
        ("BMP", {}),
        ("GIF", {}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("TIFF", {"compression": "tiff_deflate"}),
        ("WEBP", {}),
        ("WEBP", {"lossless": True}),
        ("PPM", {}),
    ]
    return {
        f"{name} {image_format} {options}": encoded(Image.fromarray(pixels), image_format, **options)
        for name, pixels in (("gray", gray), ("color", color))
        for image_format, options in ways
    }


@pytest.mark.filterwarnings("ignore:.*:UserWarning:PIL")  # Pillow says of a cut file what the refusal says
def test_a_file_that_was_cut_anywhere_is_refused() -> None:
    files = whole_files()
    assert len(files) == 24
    passed = []
    for name, content in files.items():
        verify(content)
        decode(content, CONFIG)
        for length in [*(round(len(content) * part / 21) for part in range(1, 21)), len(content) - 4, len(content) - 1]:
            if content[:2] == b"\xff\xd8" and length == len(content) - 1:
                continue  # half of the end marker of a JPEG is missing, and no pixel
            try:
                verify(content[:length])
                decode(content[:length], CONFIG)
            except Undecodable:
                continue
            passed.append((name, length, len(content)))
    assert passed == []


def test_of_an_animation_the_first_frame_is_taken_and_noted() -> None:
    frames = [Image.new("L", (6, 5), level) for level in (10, 20, 30)]
    frames[0].putpixel((0, 0), 99)
    for image_format in ("GIF", "PNG", "WEBP", "TIFF"):
        content = encoded(frames[0], image_format, save_all=True, append_images=frames[1:], lossless=True)
        decoded = decode(content, CONFIG)
        assert decoded.num_frames == 3, image_format
        assert abs(int(decoded.pixels[4, 5, 0]) - 10) <= 1, image_format
    assert decode(encoded(frames[0]), CONFIG).num_frames == 1


def test_gray_is_the_stated_formula() -> None:
    image = random_image(3, (9, 9, 3))
    expected = image @ np.array([0.299, 0.587, 0.114])
    assert np.abs(to_gray(image)[:, :, 0] - expected).max() < 0.501
    assert to_gray(to_rgb(to_gray(image))).tolist() == to_gray(image).tolist()


@pytest.mark.parametrize("convert", [to_gray, to_rgb])
def test_conversions_do_not_modify_their_input(convert: Callable[[np.ndarray], np.ndarray]) -> None:
    image = random_image(4, (5, 5, 3))
    before = image.copy()
    convert(image)
    assert np.array_equal(image, before)


def test_pngsuite_decodes_as_its_oracle_says(png_corpus: Path) -> None:
    with (png_corpus / "FACTS.csv").open(newline="") as file:
        facts = [row for row in csv.DictReader(file) if row["file"].startswith("pngsuite/")]
    wrong = []
    for row in facts:
        content = (png_corpus / row["file"]).read_bytes()
        try:
            verify(content)
            pixels = to_rgb(decode(content, CONFIG).pixels)
        except Undecodable:
            if row["expected"] == "decode":
                wrong.append(row["file"])
            continue
        if row["expected"] != "decode":
            wrong.append(row["file"])
            continue
        oracle = np.array(json.loads((png_corpus / row["expected_rgba"]).read_text()), dtype=np.float64)
        deep = row["bit_depth"] == "16" and not row["expected_rgba"].endswith("_to8.json")
        oracle = oracle.reshape(pixels.shape[0], pixels.shape[1], 4) * (255 / 65535 if deep else 1)
        alpha = oracle[:, :, 3:] / 255
        flat = oracle[:, :, :3] * alpha + 255 * (1 - alpha)
        tolerance = 1.01 if row["bit_depth"] == "16" or row["has_transparency"] == "1" else 0
        if np.abs(pixels - flat).max() > tolerance:
            wrong.append(row["file"])
    assert len(facts) == 175
    assert wrong == []


def test_photographs_stand_upright(png_corpus: Path) -> None:
    large = Decoding(max_pixels=50_000_000, background=255, black_level="full", white_level="full", levels={})
    for kind in ("Landscape", "Portrait"):
        reference = Image.fromarray(decode((png_corpus / f"exif/{kind}_1.jpg").read_bytes(), large).pixels)
        for orientation in range(9):
            content = (png_corpus / f"exif/{kind}_{orientation}.jpg").read_bytes()
            image = Image.fromarray(decode(content, large).pixels)
            assert image.size == reference.size, orientation
            small = [np.asarray(picture.convert("L").resize((32, 32)), dtype=float) for picture in (image, reference)]
            assert np.corrcoef(small[0].ravel(), small[1].ravel())[0, 1] > 0.95, orientation
