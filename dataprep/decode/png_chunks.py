"""The chunks of a PNG file (ISO/IEC 15948): length, name, content, CRC-32 of name and content."""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass

SIGNATURE = b"\x89PNG\r\n\x1a\n"

_TRANSPARENCY, _EXIF, _END = b"tRNS", b"eXIf", b"IEND"
_CRITICAL = 0x20  # this bit of a name's first letter is not set


@dataclass(frozen=True, slots=True)
class Chunk:
    """One chunk: its name, its bytes with length and checksum, and whether the checksum is right."""

    name: bytes
    content: bytes
    is_right: bool

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
        is_right = zlib.crc32(view[start + 4 : end - 4]) == int.from_bytes(view[end - 4 : end], "big")
        yield Chunk(content[start + 4 : start + 8], content[start:end], is_right)
        if content[start + 4 : start + 8] == _END:
            return
        start = end


def without_metadata(content: bytes) -> bytes:
    """The same picture with the chunks that its pixels need, and with its orientation, if that is whole."""
    kept = (chunk for chunk in read_chunks(content) if chunk.decides_pixels or (chunk.name == _EXIF and chunk.is_right))
    return SIGNATURE + b"".join(chunk.content for chunk in kept)
