"""Metadata that cannot be read refuse no image: pixels decide."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from PIL.TiffImagePlugin import IFDRational, ImageFileDirectory_v2

from dataprep.config.decode import Decoding
from dataprep.decode.deep_samples import Samples
from dataprep.decode.image import Undecodable, decode, load, verify
from dataprep.prepare.quick_decode import decode_quickly
from tests.conftest import random_image
from tests.dataprep.ingest.ingesting import INGEST, by_id, run, with_values

CONFIG = Decoding(max_pixels=1_000_000, background=255, black_level="full", white_level="full", levels={})
IMAGE = random_image(0, (20, 24, 3))


def encoded(image_format: str, image: Image.Image | None = None, **options: object) -> bytes:
    buffer = io.BytesIO()
    (image or Image.fromarray(IMAGE)).save(buffer, image_format, **options)
    return buffer.getvalue()


def chunk(name: bytes, content: bytes, *, right: bool = True) -> bytes:
    checksum = zlib.crc32(name + content) ^ (not right)
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", checksum)


def png_with(*chunks: bytes) -> bytes:
    content = encoded("PNG")
    return content[:33] + b"".join(chunks) + content[33:]


def tiff_with(tag: int, kind: int, count: int, value: int) -> bytes:
    """A TIFF with one other entry, sorted among the others, in a directory at its end."""
    content = encoded("TIFF")
    (start,) = struct.unpack_from("<I", content, 4)
    (number,) = struct.unpack_from("<H", content, start)
    entries = {content[at : at + 2]: content[at : at + 12] for at in range(start + 2, start + 2 + 12 * number, 12)}
    entries[struct.pack("<H", tag)] = struct.pack("<HHII", tag, kind, count, value)
    directory = b"".join(sorted(entries.values(), key=lambda entry: struct.unpack_from("<H", entry)))
    return content[:4] + struct.pack("<I", len(content)) + content[8:] + struct.pack("<H", len(entries)) + directory + bytes(4)


def webp_with_exif(exif: bytes) -> bytes:
    content = encoded("WEBP", lossless=True, exif=b"Exif\0\0II*\0\x08\0\0\0\0\0")
    start = content.index(b"EXIF")
    body = content[12:start] + b"EXIF" + struct.pack("<I", len(exif)) + exif + b"\0" * (len(exif) % 2)
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def decode_and_verify(content: bytes) -> None:
    decode(content, CONFIG)
    verify(content)


BOMB = zlib.compress(bytes(80_000_000))
FAR = 10_000_000

IGNORED = {
    "png exif": lambda: png_with(chunk(b"eXIf", b"this is no exif")),
    "png empty exif": lambda: png_with(chunk(b"eXIf", b"")),
    "png raw exif": lambda: png_with(chunk(b"tEXt", b"Raw profile type exif\0\nexif\n 4\nzzzz")),
    "webp exif": lambda: webp_with_exif(b"garbage"),
    "webp empty exif": lambda: webp_with_exif(b""),
    "jpeg exif": lambda: encoded("JPEG", exif=b"Exif\0\0garbage"),
    "tiff two orientations": lambda: tiff_with(274, 3, 2, 0x00010001),
    "tiff unknown type": lambda: tiff_with(65002, 99, 1, 0),
}

DOUBTFUL = {
    "png profile cut": lambda: png_with(chunk(b"iCCP", b"x")),
    "png profile bomb": lambda: png_with(chunk(b"iCCP", b"x\0\0" + BOMB)),
    "png text bomb": lambda: png_with(chunk(b"zTXt", b"x\0\0" + BOMB)),
    "png international text bomb": lambda: png_with(chunk(b"iTXt", b"x\0\1\0\0\0" + BOMB)),
    "png text of an unknown method": lambda: png_with(chunk(b"zTXt", b"x\0\7")),
    "png text with a wrong checksum": lambda: png_with(chunk(b"tEXt", b"x\0y", right=False)),
    "png unknown chunk with a wrong checksum": lambda: png_with(chunk(b"abCd", b"x", right=False)),
    "png gamma cut": lambda: png_with(chunk(b"gAMA", b"x")),
    "png colors cut": lambda: png_with(chunk(b"cHRM", b"x")),
    "png resolution cut": lambda: png_with(chunk(b"pHYs", b"x")),
    "png animation cut": lambda: png_with(chunk(b"acTL", b"x")),
    "tiff profile beyond the file": lambda: tiff_with(34675, 7, 400, FAR),
    "tiff comment beyond the file": lambda: tiff_with(270, 2, 400, FAR),
    "tiff resolution beyond the file": lambda: tiff_with(282, 5, 1, FAR),
    "tiff private tag beyond the file": lambda: tiff_with(65001, 2, 400, FAR),
    "tiff place of exif beyond the file": lambda: tiff_with(34665, 4, 1, FAR),
    "tiff place of gps at the start of the file": lambda: tiff_with(34853, 4, 1, 0),
}


@pytest.mark.parametrize("name", [*IGNORED, *DOUBTFUL])
def test_metadata_that_cannot_be_read_refuse_no_image(name: str) -> None:
    content = (IGNORED | DOUBTFUL)[name]()
    decoded = decode(content, CONFIG)
    doubt = decoded.doubt or verify(content)
    if "jpeg" not in name:
        assert np.array_equal(decoded.pixels, IMAGE)
    assert decoded.orientation == 1
    assert (doubt is not None) == (name in DOUBTFUL)
    assert np.array_equal(decode_quickly(content, CONFIG, color="rgb"), decoded.pixels)


def test_a_picture_beside_broken_metadata_is_still_turned() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    decoded = decode(png_with(chunk(b"eXIf", exif.tobytes()[6:]), chunk(b"gAMA", b"x")), CONFIG)
    assert decoded.orientation == 6
    assert np.array_equal(decoded.pixels, np.rot90(IMAGE, -1))


@pytest.mark.parametrize("tag", [34665, 34853])
def test_a_tiff_beside_broken_exif_is_still_turned(tag: int) -> None:
    content = bytearray(encoded("TIFF", tiffinfo={274: 6, 34665: {36867: "2020:01:01 00:00:00"}, 34853: {1: "N"}}))
    struct.pack_into("<I", content, content.index(struct.pack("<HH", tag, 4)) + 8, FAR)
    decoded = decode(bytes(content), CONFIG)
    assert decoded.orientation == 6
    assert "its metadata cannot be read" in (decoded.doubt or "")
    assert np.array_equal(decoded.pixels, np.rot90(IMAGE, -1))


@pytest.mark.parametrize("name", [b"IDAT", b"IHDR", b"PLTE", b"tRNS"])
def test_a_wrong_checksum_of_what_decides_pixels_is_damage(name: bytes) -> None:
    palette = Image.fromarray(IMAGE).quantize(16)
    content = bytearray(encoded("PNG", palette, transparency=bytes(16)))
    content[content.index(name) + 4] ^= 1
    with pytest.raises(Undecodable) as refusal:
        decode_and_verify(bytes(content))
    assert refusal.value.reason == "damaged"
    assert repr(name.decode()) in refusal.value.message


def test_a_later_frame_with_a_wrong_checksum_leaves_the_first_usable() -> None:
    frames = [Image.fromarray(random_image(seed, (20, 24, 3))) for seed in range(3)]
    content = bytearray(encoded("PNG", frames[0], save_all=True, append_images=frames[1:]))
    content[content.rindex(b"fdAT") + 20] ^= 1
    assert np.array_equal(decode(bytes(content), CONFIG).pixels, np.asarray(frames[0]))
    assert verify(bytes(content)) == "the checksum of the PNG's chunk 'fdAT' is wrong"


@pytest.mark.parametrize("tag", [280, 281, 340, 341])
@pytest.mark.parametrize(("kind", "value"), [(2, "junk"), (2, "12"), (7, b"\1\2\3\4"), (5, IFDRational(1, 0))])
def test_a_statement_of_the_range_that_is_no_number_is_ignored(tag: int, kind: int, value: object) -> None:
    gray = np.random.default_rng(0).integers(7000, 9000, (20, 24), dtype=np.uint16)
    directory = ImageFileDirectory_v2()
    directory[tag] = value
    directory.tagtype[tag] = kind
    loaded = load(encoded("TIFF", Image.fromarray(gray), tiffinfo=directory), CONFIG)
    assert isinstance(loaded.image, Samples)
    assert np.array_equal(loaded.image.values[:, :, 0], gray)
    assert (loaded.image.depth.stated, loaded.doubt) == (None, None)


@pytest.mark.parametrize("tag", [273, 279, 258, 320])
def test_a_tag_that_decides_pixels_must_lie_within_the_file(tag: int) -> None:
    with pytest.raises(Undecodable):
        decode(tiff_with(tag, 4, 400, FAR), CONFIG)


def tiff_of_pages(*pages: NDArray[np.uint8], **options: object) -> bytes:
    first, *others = (Image.fromarray(page) for page in pages)
    return encoded("TIFF", first, save_all=True, append_images=others, **options)


def with_next_directory(content: bytes, place: int) -> bytes:
    """A TIFF whose first directory names another place of the second."""
    (start,) = struct.unpack_from("<I", content, 4)
    (number,) = struct.unpack_from("<H", content, start)
    at = start + 2 + 12 * number
    return content[:at] + struct.pack("<I", place) + content[at + 4 :]


PAGES = [random_image(seed, (20, 24, 3)) for seed in range(3)]
BROKEN_PAGES = {
    "next beyond the file": lambda: with_next_directory(tiff_of_pages(*PAGES), FAR),
    "next is no directory": lambda: with_next_directory(tiff_of_pages(*PAGES), 9),
    "next of one page": lambda: with_next_directory(tiff_of_pages(PAGES[0]), FAR),
    "cut within the second page": lambda: tiff_of_pages(*PAGES)[: len(tiff_of_pages(*PAGES[:2])) - 100],
    "cut within the second directory": lambda: tiff_of_pages(*PAGES)[: len(tiff_of_pages(PAGES[0])) + 40],
    "a broken comment too": lambda: with_next_directory(tiff_with(270, 2, 400, FAR), FAR),
}


@pytest.mark.parametrize("name", BROKEN_PAGES)
def test_later_pages_that_cannot_be_read_leave_the_first_usable(name: str) -> None:
    content = BROKEN_PAGES[name]()
    decoded = decode(content, CONFIG)
    assert np.array_equal(decoded.pixels, PAGES[0])
    assert decoded.num_frames == 1
    assert (decoded.doubt or "").startswith("its later pages cannot be read (")
    assert verify(content) is None


def test_pages_behind_a_broken_comment_are_still_counted() -> None:
    content = tiff_of_pages(*PAGES, description="a comment")
    entry = content.index(struct.pack("<HH", 270, 2))
    decoded = decode(content[: entry + 8] + struct.pack("<I", FAR) + content[entry + 12 :], CONFIG)
    assert np.array_equal(decoded.pixels, PAGES[0])
    assert decoded.num_frames == 3
    assert (decoded.doubt or "").startswith("its metadata cannot be read (")


def test_a_cut_first_page_is_refused_whatever_follows() -> None:
    content = tiff_of_pages(*PAGES)
    with pytest.raises(Undecodable):
        decode(content[: len(encoded("TIFF")) - 100], CONFIG)


@pytest.mark.parametrize("compression", ["tiff_deflate", "tiff_adobe_deflate", "jpeg"])
def test_overwritten_strips_of_a_tiff_are_damage(compression: str) -> None:
    smooth = np.add.outer(np.arange(90), np.arange(120)).astype(np.uint8)
    content = encoded("TIFF", Image.fromarray(smooth), compression=compression)
    decode(content, CONFIG)
    assert verify(content) is None
    start = content.index(b"\xff\xda") + 30 if compression == "jpeg" else 40
    damaged = content[:start] + bytes(60) + content[start + 60 :]
    with pytest.raises(Undecodable):
        decode_and_verify(damaged)


@pytest.mark.parametrize("num_cut", [0, 1, 4, 5])
@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("seed", range(3))
def test_a_deflated_strip_that_lacks_its_checksum_alone_is_used_with_a_doubt(seed: int, order: int, num_cut: int) -> None:
    image = random_image(seed, (20, 24, 3))
    content = encoded("TIFF", Image.fromarray(image), compression="tiff_adobe_deflate", tiffinfo={266: order})
    (start,) = struct.unpack_from("<I", content, 4)
    entry = content.index(struct.pack("<HHI", 279, 4, 1), start) + 8
    (num_bytes,) = struct.unpack_from("<I", content, entry)
    cut = content[:entry] + struct.pack("<I", num_bytes - num_cut) + content[entry + 4 :]
    if num_cut > 4:
        with pytest.raises(Undecodable, match="the data of its strip 1 were changed or cut"):
            verify(cut)
        return
    assert np.array_equal(decode(cut, CONFIG).pixels, image)
    assert verify(cut) == ("the checksum of its strip 1 is cut off" if num_cut else None)


def test_a_part_of_a_checksum_must_agree_with_the_data() -> None:
    content = encoded("TIFF", Image.fromarray(IMAGE), compression="tiff_adobe_deflate")
    (start,) = struct.unpack_from("<I", content, 4)
    entry = content.index(struct.pack("<HHI", 279, 4, 1), start) + 8
    (num_bytes,) = struct.unpack_from("<I", content, entry)
    (at,) = struct.unpack_from("<I", content, content.index(struct.pack("<HHI", 273, 4, 1), start) + 8)
    changed = bytearray(content)
    struct.pack_into("<I", changed, entry, num_bytes - 2)
    changed[at + num_bytes - 4] ^= 1  # the first byte of the checksum, of which two are left
    with pytest.raises(Undecodable, match="the data of its strip 1 were changed or cut"):
        verify(bytes(changed))


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("compression", ["tiff_deflate", "tiff_adobe_deflate", "jpeg"])
def test_the_order_of_bits_in_a_strip_is_no_damage_and_hides_none(compression: str, order: int) -> None:
    smooth = np.add.outer(np.arange(90), np.arange(120)).astype(np.uint8)
    content = encoded("TIFF", Image.fromarray(smooth), compression=compression, tiffinfo={266: order})
    assert decode(content, CONFIG).pixels.shape == (90, 120, 1)
    assert verify(content) is None
    start = content.index(b"\xff\xda") + 30 if compression == "jpeg" else 40
    with pytest.raises(Undecodable):
        decode_and_verify(content[:start] + bytes(60) + content[start + 60 :])


@pytest.mark.parametrize(("value", "background", "remedy"), [(255, 255, 0), (0, 0, 255)])
@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "L"])
def test_a_drawing_in_the_transparency_is_not_called_constant_without_a_word(
    tmp_path: Path, mode: str, value: int, background: int, remedy: int
) -> None:
    rows, columns = np.indices((16, 16))
    drawn = (rows + columns) % 5 > 1
    alpha = (drawn * 255).astype(np.uint8)
    options: dict[str, object] = {}
    if mode == "RGBA":
        image = Image.fromarray(np.dstack([np.full((16, 16, 3), value, dtype=np.uint8), alpha]))
    elif mode == "LA":
        image = Image.merge("LA", [Image.new("L", (16, 16), value), Image.fromarray(alpha)])
    elif mode == "P":
        image = Image.fromarray(drawn.astype(np.uint8))
        image.putpalette([value] * 6)
        options = {"transparency": bytes([0, 255])}
    else:
        image = Image.fromarray(np.where(drawn, value, 99).astype(np.uint8))
        options = {"transparency": 99}
    (tmp_path / "a").mkdir()
    (tmp_path / "a/drawing.png").write_bytes(encoded("PNG", image, **options))
    (tmp_path / "a/plain.png").write_bytes(encoded("PNG", Image.new("L", (16, 16), value)))
    (tmp_path / "a/clear.png").write_bytes(encoded("PNG", Image.new("RGBA", (16, 16), (1, 2, 3, 0))))
    rows_by_id = by_id(run(tmp_path, with_values(INGEST, decode__background=background)))
    assert {row["reason"] for row in rows_by_id.values()} == {"constant"}
    message = str(rows_by_id["a/drawing.png"]["message"])
    assert "its shape stands in its transparency" in message
    assert message.endswith(f"Set ingest.decode.background: {remedy}")
    assert rows_by_id["a/plain.png"]["message"] == f"every pixel is {value}"
    assert "equally transparent" in str(rows_by_id["a/clear.png"]["message"])


def test_doubtful_bytes_are_an_issue_of_a_used_image_with_a_note(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/good.png").write_bytes(encoded("PNG"))
    (tmp_path / "a/odd.jpg").write_bytes(encoded("JPEG", Image.fromarray(random_image(3, (20, 24, 3)))) + b"more")
    rows = by_id(run(tmp_path))
    assert {row["status"] for row in rows.values()} == {"ok"}
    assert rows["a/good.png"]["issues"] == []
    assert (rows["a/odd.jpg"]["issues"], rows["a/odd.jpg"]["message"]) == (
        ["doubtful_bytes"],
        "4 bytes follow the end of the picture",
    )
