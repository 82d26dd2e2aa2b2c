import io
import math
from collections.abc import Callable

import cv2
import numpy as np
import pytest
import simplejpeg
from PIL import Image, ImageDraw

from dataprep.config.decode import Decoding
from dataprep.decode.image import Pixels, Undecodable, decode
from dataprep.decode.jpeg_structure import Scan, most_zero_bits, read_layout

CONFIG = Decoding(max_pixels=1_000_000, background=255, black_level="full", white_level="full", levels={})
END = b"\xff\xd9"
DRAWINGS_WITH_ZEROS = (370, 538)  # seeds of drawings with more than 8 bytes of zeros in a block


def scene(height: int = 70, width: int = 90, seed: int = 0) -> Pixels:
    """Soft shapes with fine noise, in colors: some thousand bytes as a JPEG."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (height // 16 + 2, width // 16 + 2, 3), dtype=np.uint8)
    soft = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC).astype(int)
    return (soft + rng.normal(0, 6, soft.shape)).clip(0, 255).astype(np.uint8)


def pillow(image: Pixels, mode: str = "RGB", **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).convert(mode).save(buffer, "JPEG", **options)
    return buffer.getvalue()


def opencv(image: Pixels, *options: int) -> bytes:
    return cv2.imencode(".jpg", image, options)[1].tobytes()


ENCODERS: dict[str, Callable[[Pixels], bytes]] = {
    "gray": lambda image: pillow(image, "L", quality=90),
    "4:2:0": lambda image: pillow(image, quality=75),
    "4:4:4": lambda image: pillow(image, quality=95, subsampling=0),
    "optimised": lambda image: pillow(image, quality=40, optimize=True),
    "progressive": lambda image: pillow(image, progressive=True),
    "gray, progressive": lambda image: pillow(image, "L", progressive=True),
    "restarts": lambda image: pillow(image, restart_marker_blocks=3),
    "cmyk": lambda image: pillow(image, "CMYK"),
    "stored as rgb": lambda image: pillow(image, keep_rgb=True),
    "opencv": lambda image: opencv(image, cv2.IMWRITE_JPEG_QUALITY, 60),
    "opencv, restarts": lambda image: opencv(image, cv2.IMWRITE_JPEG_RST_INTERVAL, 8),
    "4:2:2": lambda image: bytes(simplejpeg.encode_jpeg(image, 85, "RGB", "422")),
    "4:4:0": lambda image: bytes(simplejpeg.encode_jpeg(image, 85, "RGB", "440")),
}


def scan_of(content: bytes) -> tuple[int, int]:
    start = content.index(b"\xff\xda") + 2
    return start + int.from_bytes(content[start : start + 2], "big"), content.rindex(END)


def overwritten(content: bytes, filling: bytes, at: float = 0.4) -> bytes:
    start, stop = scan_of(content)
    first = int(start + (stop - start) * at)
    return content[:first] + filling + content[first + len(filling) :]


def without_marks(content: bytes) -> bytes:
    return content.replace(b"\xff", b"\xfe")


def before_end(content: bytes, more: bytes) -> bytes:
    at = content.rindex(END)
    return content[:at] + more + content[at:]


def cut_and_closed(content: bytes) -> bytes:
    start, stop = scan_of(content)
    return content[: (2 * start + stop) // 3] + END


def with_tail_of_another(content: bytes) -> bytes:
    other = pillow(scene(seed=9), quality=75)
    (start, stop), (_, other_stop) = scan_of(content), scan_of(other)
    return content[: (start + stop) // 2] + other[other_stop - (stop - start) // 3 :]


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "cut and closed": cut_and_closed,
    "cut": lambda content: cut_and_closed(content)[:-2],
    "zeros": lambda content: overwritten(content, bytes(150)),
    "zeros up to the end": lambda content: overwritten(content, bytes(len(content) - 2))[: len(content) - 2] + END,
    "random bytes": lambda content: overwritten(content, without_marks(np.random.default_rng(1).bytes(200))),
    "another scan": lambda content: overwritten(content, pillow(scene(seed=8))[700:900]),
    "tail of another file": with_tail_of_another,
}

HARMLESS: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "garbage behind the end": (lambda content: content + b"garbage\xff\xd9", "9 bytes follow the end of the picture"),
    "another file behind the end": (lambda content: content + pillow(scene(16, 16)), "bytes follow the end"),
    "no end marker": (lambda content: content[:-2], "Premature end of JPEG file"),
    "half an end marker": (lambda content: content[:-1], "Premature end of JPEG file"),
    "zeros before the end": (lambda content: before_end(content, bytes(30)), "extraneous bytes before marker 0xd9"),
    "text before the end": (lambda content: before_end(content, b"written by a camera"), "extraneous bytes before marker"),
    "bytes before the scan": (
        lambda content: content.replace(b"\xff\xda", b"??\xff\xda", 1),
        "2 extraneous bytes before marker",
    ),
    "an unknown version": (lambda content: content.replace(b"JFIF\0\1", b"JFIF\0\7"), "unknown JFIF revision"),
}


@pytest.mark.parametrize("name", ENCODERS)
def test_the_pixels_of_a_whole_jpeg_are_those_of_pillow(name: str) -> None:
    for height, width in ((70, 90), (32, 32), (5, 17)):
        content = ENCODERS[name](scene(height, width))
        decoded = decode(content, CONFIG)
        image = Image.open(io.BytesIO(content))
        expected = np.asarray(image if image.mode in ("L", "RGB") else image.convert("RGB"))
        assert np.array_equal(decoded.pixels.squeeze(), expected)
        assert decoded.doubt is None


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", ENCODERS)
def test_damage_that_changes_pixels_is_refused(name: str, damage: str) -> None:
    content = DAMAGES[damage](ENCODERS[name](scene()))
    with pytest.raises(Undecodable) as refusal:
        decode(content, CONFIG)
    assert refusal.value.reason == "damaged"
    assert "Replace it with an intact copy" in refusal.value.message


@pytest.mark.parametrize("change", HARMLESS)
@pytest.mark.parametrize("name", ["4:2:0", "gray", "restarts", "cmyk", "progressive"])
def test_harmless_bytes_are_doubtful_and_change_no_pixel(name: str, change: str) -> None:
    content = ENCODERS[name](scene())
    make, words = HARMLESS[change]
    changed = make(content)
    if changed == content:  # a CMYK file has no JFIF header
        assert (name, change) == ("cmyk", "an unknown version")
        return
    decoded = decode(changed, CONFIG)
    assert np.array_equal(decoded.pixels, decode(content, CONFIG).pixels)
    assert words in (decoded.doubt or "")


def test_a_few_bytes_before_the_end_are_noticed_though_libjpeg_says_nothing() -> None:
    decoded = decode(before_end(ENCODERS["gray"](scene(32, 32)), b"\0"), CONFIG)
    assert decoded.doubt == "1 bytes between the picture and its end"


def test_what_follows_is_no_doubt_where_the_file_announces_it() -> None:
    buffer = io.BytesIO()
    frames = [Image.fromarray(scene(seed=seed)) for seed in (0, 1)]
    frames[0].save(buffer, "MPO", save_all=True, append_images=frames[1:])
    decoded = decode(buffer.getvalue(), CONFIG)
    assert (decoded.num_frames, decoded.doubt) == (2, None)


def test_a_progressive_file_that_lacks_its_last_scans_is_damaged() -> None:
    content = pillow(scene(), progressive=True)
    last = content.rindex(b"\xff\xc4", 0, content.rindex(b"\xff\xda"))
    with pytest.raises(Undecodable, match="last scans"):
        decode(content[:last] + END, CONFIG)


def test_rows_swallowed_between_restarts_are_damage() -> None:
    content = pillow(scene(), restart_marker_blocks=3)
    first, second = content.index(b"\xff\xd1"), content.index(b"\xff\xd2")
    with pytest.raises(Undecodable, match="not what was written"):
        decode(content[:first] + content[second:], CONFIG)


def odd_pictures() -> dict[str, Pixels]:
    """Pictures whose codes look like damage: long runs of the same bits, and colors at the ends of the range."""
    rows, columns = np.indices((33, 47))
    three = np.ones(3, dtype=np.uint8)
    return {
        "black": np.zeros((33, 47, 3), dtype=np.uint8),
        "white": np.full((33, 47, 3), 255, dtype=np.uint8),
        "chess": ((rows + columns) % 2 * 255).astype(np.uint8)[..., np.newaxis] * three,
        "dots": np.where((rows % 8 == 0) & (columns % 8 == 0), 12, 0).astype(np.uint8)[..., np.newaxis] * three,
        "red and blue": np.stack([columns % 2 * 255, 0 * rows, 255 - columns % 2 * 255], axis=-1).astype(np.uint8),
        "noise": np.random.default_rng(0).integers(0, 256, (33, 47, 3), dtype=np.uint8),
    }


@pytest.mark.parametrize("name", odd_pictures())
def test_no_whole_picture_counts_as_damaged(name: str) -> None:
    image = odd_pictures()[name]
    for quality in (1, 30, 100):
        for options in ({}, {"optimize": True, "subsampling": 0}, {"progressive": True}, {"restart_marker_blocks": 2}):
            for mode in ("RGB", "L"):
                assert decode(pillow(image, mode, quality=quality, **options), CONFIG).doubt is None


def drawing(seed: int) -> Image.Image:
    """Six lines in full colors."""
    rng = np.random.default_rng(seed)
    image = Image.new("RGB", (64, 64), tuple((rng.integers(0, 2, 3) * 255).tolist()))
    pen = ImageDraw.Draw(image)
    for _ in range(6):
        ends, color = rng.integers(0, 64, 4).tolist(), tuple((rng.integers(0, 2, 3) * 255).tolist())
        pen.line(ends, fill=color, width=int(rng.integers(1, 4)))
    return image


@pytest.mark.parametrize("seed", DRAWINGS_WITH_ZEROS)
def test_a_drawing_whose_most_frequent_code_is_zeros_is_whole(seed: int) -> None:
    buffer = io.BytesIO()
    drawing(seed).save(buffer, "JPEG", quality=90, optimize=True, subsampling=0)
    content = buffer.getvalue()
    assert bytes(8) in content[scan_of(content)[0] :]
    assert decode(content, CONFIG).doubt is None


def test_zeros_longer_than_a_block_of_a_drawing_can_be_are_damage() -> None:
    content = pillow(np.asarray(drawing(DRAWINGS_WITH_ZEROS[0])), quality=90, subsampling=0, optimize=True)
    with pytest.raises(Undecodable, match="overwritten with zeros"):
        decode(overwritten(content, bytes(60)), CONFIG)


def one_component(means: tuple[int, int], others: tuple[int, int]) -> Scan:
    """A scan whose tables have one code, of only zeros: its length, and what it stands for."""
    tables = {
        number: (bytes([int(place == length) for place in range(1, 17)]), bytes([value]))
        for number, (length, value) in ((0, means), (16, others))
    }
    return Scan(bytes([1, 1, 0, 0, 63, 0]), b"", tables, 0)


@pytest.mark.parametrize(
    ("means", "others", "expected"),
    [
        ((2, 0), (2, 0x01), 2 + 63 * 3),  # the standard tables of luminance: no step of the mean, 63 times -1
        ((2, 0), (2, 0x00), math.inf),  # those of the color differences: a blank area
        ((1, 0), (2, 0x11), 1 + 31 * 3),  # a 0 and a -1, at most 31 times
        ((3, 1), (4, 0xF0), 3 + 1 + 3 * 4),
    ],
)
def test_the_tables_say_how_many_zero_bits_a_block_can_be(
    means: tuple[int, int], others: tuple[int, int], expected: float
) -> None:
    assert most_zero_bits(one_component(means, others)) == expected


def test_a_blank_color_does_not_hide_zeros_in_the_luminance() -> None:
    (scan,) = read_layout(pillow(scene())).scans
    assert most_zero_bits(scan) == 2 + 63 * 3


def test_the_layout_of_a_file_ends_with_its_first_picture() -> None:
    content = pillow(scene(), exif=b"Exif\0\0" + b"\xff\xd9" * 9)
    layout = read_layout(content + b"more")
    assert layout.end == len(content)
    assert layout.size == (70, 90)
    assert b"Exif" not in layout.plain
    assert np.array_equal(decode(layout.plain, CONFIG).pixels, decode(content, CONFIG).pixels)
