"""Files with more than 8 bits, as cameras, microscopes and other programs write them."""

import io
import struct
import zlib

import cv2
import numpy as np
from numpy.typing import NDArray


def picture(seed: int, lowest: float, highest: float, shape: tuple[int, ...] = (40, 40)) -> NDArray[np.float64]:
    """Smooth values that reach both ends, so that every level between them occurs."""
    rows, columns = np.indices(shape[:2])
    wave = np.sin(rows / (5 + seed % 3)) + np.cos(columns / (7 + seed % 5)) + rows / 20
    wave = (wave - wave.min()) / (wave.max() - wave.min())
    flat = lowest + wave * (highest - lowest)
    return flat if len(shape) == 2 else np.stack([flat, flat[::-1], flat[:, ::-1]], axis=-1)


def png(values: NDArray[np.integer], *, significant_bits: int | None = None) -> bytes:
    """A 16-bit PNG of (H, W) gray or (H, W, 3 or 4) colors, with the chunk sBIT where asked."""
    stored = values if values.ndim == 2 else values[:, :, [2, 1, 0, 3][: values.shape[2]]]
    _, encoded = cv2.imencode(".png", stored)
    content = encoded.tobytes()
    if significant_bits is None:
        return content
    chunk = b"sBIT" + bytes([significant_bits] * (1 if values.ndim == 2 else values.shape[2]))
    chunk = struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
    return content[:33] + chunk + content[33:]  # behind the header


def tiff(values: NDArray[np.generic], *tags: tuple[int, int, int, float | str]) -> bytes:
    """A TIFF of (H, W) gray or (H, W, 3) colors of numpy's type, with more tags (number, type, count, value)."""
    import tifffile

    buffer = io.BytesIO()
    photometric = "rgb" if values.ndim == 3 else "minisblack"
    tifffile.imwrite(buffer, values, photometric=photometric, extratags=[(*tag, True) for tag in tags], metadata=None)
    return buffer.getvalue()


def packed_tiff(levels: list[int], *, bits: int) -> bytes:
    """A TIFF of one row of gray values that take `bits` each."""
    text = "".join(format(level, f"0{bits}b") for level in levels)
    pixels = int(text.ljust(-(-len(text) // 16) * 16, "0"), 2).to_bytes(-(-len(text) // 16) * 2, "big")
    entries = [
        (256, 3, len(levels)),
        (257, 3, 1),
        (258, 3, bits),
        (259, 3, 1),
        (262, 3, 1),
        (273, 4, 8),
        (277, 3, 1),
        (278, 3, 1),
        (279, 4, len(pixels)),
    ]
    directory = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in entries)
    return b"II*\0" + struct.pack("<I", 8 + len(pixels)) + pixels + struct.pack("<H", len(entries)) + directory + bytes(4)


def pnm(values: NDArray[np.integer], maximum: int) -> bytes:
    """A PGM of (H, W) or a PPM of (H, W, 3)."""
    kind = "P5" if values.ndim == 2 else "P6"
    return f"{kind} {values.shape[1]} {values.shape[0]} {maximum}\n".encode() + values.astype(">u2").tobytes()
