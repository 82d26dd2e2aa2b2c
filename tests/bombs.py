"""Twelve small files that would be large in memory, or that pretend to be images of that kind."""

import io
import resource
import struct
import time
import zlib
from functools import cache

from PIL import Image

from dataprep.config.decode import Decoding
from dataprep.decode.image import Undecodable, decode


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def _png(width: int, height: int, *, before: bytes = b"", rows: int = 1) -> bytes:
    header = _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    pixels = _chunk(b"IDAT", zlib.compress(bytes(width + 1) * rows, 9))
    return b"\x89PNG\r\n\x1a\n" + header + before + pixels + _chunk(b"IEND", b"")


def _with_size(image_format: str, offset: int, kind: str, side: int) -> bytes:
    """A good file of 2 x 2 pixels whose header then says that it is side x side."""
    buffer = io.BytesIO()
    Image.new("RGB", (2, 2), (1, 2, 3)).save(buffer, image_format)
    content = bytearray(buffer.getvalue())
    struct.pack_into(kind, content, offset, side, side)
    return bytes(content)


def _jpeg(side: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("L", (8, 8), 7).save(buffer, "JPEG")
    content = bytearray(buffer.getvalue())
    struct.pack_into(">HH", content, content.index(b"\xff\xc0") + 5, side, side)
    return bytes(content)


def _tiff(side: int) -> bytes:
    """One strip of packed zeros that claims side x side pixels."""
    strip = zlib.compress(bytes(1 << 20), 9)
    tags = [
        (256, 4, side),
        (257, 4, side),
        (258, 3, 8),
        (259, 3, 8),
        (262, 3, 1),
        (273, 4, 8),
        (277, 3, 1),
        (278, 4, side),
        (279, 4, len(strip)),
    ]
    entries = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags)
    return b"II*\0" + struct.pack("<I", 8 + len(strip)) + strip + struct.pack("<H", len(tags)) + entries + bytes(4)


@cache
def bombs() -> dict[str, bytes]:
    """Bombs by name."""
    zeros = zlib.compress(bytes(200_000_000), 9)
    return {
        "png, 60,000 x 60,000": _png(60_000, 60_000),
        "png, one row of two thousand million": _png(2_000_000_000, 1, rows=0),
        "png, just above the limit": _png(1001, 1000, rows=1000),
        "png, compressed text of 200 MB": _png(8, 8, before=_chunk(b"zTXt", b"Comment\0\0" + zeros), rows=8),
        "png, compressed international text of 200 MB": _png(
            8, 8, before=_chunk(b"iTXt", b"Comment\0\1\0\0\0" + zeros), rows=8
        ),
        "jpeg, 65,500 x 65,500": _jpeg(65_500),
        "gif, 65,535 x 65,535": _with_size("GIF", 6, "<HH", 65_535),
        "bmp, 50,000 x 50,000": _with_size("BMP", 18, "<ii", 50_000),
        "tiff, 40,000 x 40,000 in one strip": _tiff(40_000),
        "webp, 16,383 x 16,383": _with_size("WEBP", 26, "<HH", 16_383),
        "ppm, a thousand million pixels": b"P6 50000 20000 255\n",
        "pgm as text, a thousand million pixels": b"P2 50000 20000 255\n1 2 3",
    }


def refuse_all() -> None:
    """Prints the seconds and the KiB of memory that refusing all bombs adds to this process."""
    config = Decoding(max_pixels=1_000_000, background=255, black_level="full", white_level="full", levels={})
    contents = list(bombs().values())
    whole = _png(8, 8, rows=8)
    decode(whole, config)  # what is imported on the way is no bomb's
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
    for content in contents:
        try:
            size = decode(content, config).pixels.size
        except Undecodable:
            continue
        if size > 64:  # of two with a text the picture itself is good
            raise AssertionError("a bomb went off")
    print(time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
