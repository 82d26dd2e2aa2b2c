"""The chunks of a PNG file (ISO/IEC 15948): length, name, content, CRC-32 of name and content."""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass

SIGNATURE = b"\x89PNG\r\n\x1a\n"

PIXELS, END = b"IDAT", b"IEND"
"""Names of the chunks that hold the pixels, and of the last chunk."""

_TRANSPARENCY, _EXIF, _SIGNIFICANT_BITS = b"tRNS", b"eXIf", b"sBIT"
_DEPTH, _COLOR = 24, 25  # places in the file of the bit depth and the color type
_CHANNELS = {0: 1, 2: 3, 4: 1, 6: 3}  # by color type, without alpha
_CRITICAL = 0x20  # this bit of a name's first letter is not set


@dataclass(frozen=True, slots=True)
class Chunk:
    """One chunk: its name, and its bytes from the length to the checksum."""

    name: bytes
    content: bytes

    @property
    def data(self) -> bytes:
        """What the chunk holds, without length, name and checksum."""
        return self.content[8:-4]

    @property
    def is_right(self) -> bool:
        """Whether the checksum is right; computed on each call, since not every reader needs it."""
        return zlib.crc32(memoryview(self.content)[4:-4]) == int.from_bytes(self.content[-4:], "big")

    @property
    def decides_pixels(self) -> bool:
        return not self.name[0] & _CRITICAL or self.name == _TRANSPARENCY

    def __str__(self) -> str:
        return repr(self.name.decode("ascii", "backslashreplace"))


def read_chunks(content: bytes) -> Iterator[Chunk]:
    """Yields the chunks up to the end of the picture, or to where the file was cut."""
    view = memoryview(content)
    start = len(SIGNATURE)
    while start + 12 <= len(view):
        end = start + 12 + int.from_bytes(view[start : start + 4], "big")
        if end > len(view):
            return
        name = content[start + 4 : start + 8]
        yield Chunk(name, content[start:end])
        if name == END:
            return
        start = end


def bit_depth(content: bytes) -> int:
    """Bits of a stored value, by the header."""
    return content[_DEPTH]


def significant_bits(content: bytes) -> int | None:
    """How many bits of a value are used, by the chunk sBIT, which stands before the pixels.

    Returns:
        The largest number of the channels without alpha; None where the chunk is missing, or states 0 or all bits.
    """
    for chunk in read_chunks(content):
        if chunk.name == PIXELS:
            return None
        if chunk.name == _SIGNIFICANT_BITS:
            stated = chunk.data[: _CHANNELS.get(content[_COLOR], 0)]
            return max(stated) if stated and 0 < max(stated) < bit_depth(content) else None
    return None


def without_metadata(content: bytes) -> bytes:
    """The same picture with the chunks that its pixels need, and with its orientation, if that is whole."""
    kept = (chunk for chunk in read_chunks(content) if chunk.decides_pixels or (chunk.name == _EXIF and chunk.is_right))
    return SIGNATURE + b"".join(chunk.content for chunk in kept)
