"""The first directory of a TIFF file (Adobe, TIFF 6.0, and BigTIFF): which of its entries lie within the file.

Pillow stops reading the directory at the first entry whose value lies beyond the file, and goes on with what it has: a broken
comment hides the color map that follows it.
"""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from dataprep.decode.jpeg_damage import DamageError, decode_strictly

HEADERS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_BITS, _COMPRESSION, _FILL_ORDER, _FORMAT, _JPEG_TABLES = 258, 259, 266, 339, 347
_UNSIGNED, _USUAL_BITS, _USUAL_CHANNELS = 1, 16, (1, 3, 4)
_FORMATS = {_UNSIGNED: "uint", 2: "int", 3: "float", 5: "complex int", 6: "complex"}  # of SampleFormat
_ZLIB_HEADER = 2  # bytes
_DEFLATE, _JPEG = (8, 32946), 7
_LOWEST_FIRST = (2,)  # of FillOrder: the bits of each byte are stored in reverse; libtiff leaves JPEG as it is
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
_PIECE = 2**20  # bytes
_OFFSETS_AND_COUNTS = ((273, 279), (324, 325))  # of strips and of tiles
_OF_PIXELS = ((254, 259), (262, 262), (266, 266), (273, 273), (277, 279), (284, 284), (292, 293), (317, 317), (320, 347))
_DIRECTORIES_OF_METADATA = (34665, 34853, 40965)  # places of EXIF, GPS and interoperability, which Pillow reads
_PIXELS = frozenset(tag for first, last in (*_OF_PIXELS, (512, 521), (529, 532)) for tag in range(first, last + 1))


class BrokenDirectoryError(ValueError):
    """What the pixels need lies beyond the end of the file."""


@dataclass(frozen=True, slots=True)
class _Entry:
    tag: int
    values: tuple[int, ...] | None  # None: beyond the file, or of no known type; empty where they are no whole numbers
    raw: bytes
    content: bytes = b""


@dataclass(frozen=True, slots=True)
class _Kind:
    """Sizes in bytes that differ between TIFF and BigTIFF."""

    order: Literal["little", "big"]
    offset: int
    count: int

    def number(self, content: bytes) -> int:
        return int.from_bytes(content, self.order)


def check_strips(content: bytes) -> str | None:
    """Checks the strips and tiles of the first picture that are packed by deflate or as JPEG: libtiff reports no damage there.

    No other way of packing has a checksum, so nothing is known of files that use one.

    Returns:
        What is doubtful about the bytes though the pixels are whole, None as a rule.

    Raises:
        DamageError: the pixels are not those that were written.
    """
    try:
        entries = {entry.tag: entry for entry in _entries(content)}
    except BrokenDirectoryError as error:
        raise DamageError(str(error)) from error
    compression = entries[_COMPRESSION].values if _COMPRESSION in entries else None
    if not compression or compression[0] not in (*_DEFLATE, _JPEG):
        return None
    tables = entries[_JPEG_TABLES].content if _JPEG_TABLES in entries else b""
    is_reversed = _FILL_ORDER in entries and entries[_FILL_ORDER].values == _LOWEST_FIRST
    doubt = None
    for number, strip in enumerate(_strips(content, entries), 1):
        if compression[0] == _JPEG:
            try:
                decode_strictly(tables[:-2] + strip[2:] if tables else strip, "RGB")
            except DamageError as error:
                raise DamageError(f"{error} (strip {number})") from error
            continue
        state = _inflate(strip.translate(_REVERSED) if is_reversed else strip)
        if state == "damaged":
            raise DamageError(f"the data of its strip {number} were changed or cut")
        if state == "checksum cut":
            doubt = doubt or f"the checksum of its strip {number} is cut off"
    return doubt


def unusual_samples(content: bytes) -> str | None:
    """Says what the pixels of a TIFF are where that is unusual, for example `1 x float64`.

    Returns:
        None where they are gray, RGB or RGBA of at most 16 bits, where the directory does not say, and for other content.
    """
    if not content.startswith(HEADERS):
        return None
    try:
        entries = {entry.tag: entry.values for entry in _entries(content)}
    except BrokenDirectoryError:
        return None
    bits, formats = entries.get(_BITS), entries.get(_FORMAT) or (1,)
    if not bits:
        return None
    if len(bits) in _USUAL_CHANNELS and max(bits) <= _USUAL_BITS and set(formats) == {_UNSIGNED}:
        return None
    names = [f"{_FORMATS.get(kind, 'type')}{count}" for count, kind in zip(bits, formats * len(bits), strict=False)]
    return f"{len(bits)} x {names[0]}" if len(set(names)) == 1 else ", ".join(names[:5])


def _strips(content: bytes, entries: dict[int, _Entry]) -> Iterator[bytes]:
    return (content[offset : offset + count] for offset, count in _places_of_strips(entries) if count)


def _places_of_strips(entries: dict[int, _Entry]) -> Iterator[tuple[int, int]]:
    for offsets_tag, counts_tag in _OFFSETS_AND_COUNTS:
        if offsets_tag in entries and counts_tag in entries:
            yield from zip(entries[offsets_tag].values or (), entries[counts_tag].values or (), strict=False)


def _inflate(strip: bytes) -> Literal["whole", "checksum cut", "damaged"]:
    """Unpacks a deflated strip (RFC 1950) up to its checksum; it keeps a piece at a time, since a strip may be a bomb.

    The checksum has 4 bytes. Some files lack the last of them: then those that are there must agree with the data.
    """
    if _ends(zlib.decompressobj(), strip)[0]:
        return "whole"
    is_over, rest, checksum = _ends(zlib.decompressobj(-zlib.MAX_WBITS), strip[_ZLIB_HEADER:])
    is_cut = is_over and len(rest) < len(checksum) and checksum.startswith(rest)
    return "checksum cut" if is_cut else "damaged"


def _ends(inflater: "zlib._Decompress", packed: bytes) -> tuple[bool, bytes, bytes]:
    """Whether the packed data reach their end, the bytes behind it, and the Adler-32 of what was unpacked."""
    adler = 1
    try:
        while not inflater.eof and packed:
            adler = zlib.adler32(inflater.decompress(packed, _PIECE), adler)
            packed = inflater.unconsumed_tail
    except zlib.error:
        pass
    return inflater.eof, inflater.unused_data, adler.to_bytes(4, "big")


def without_broken_tags(content: bytes, *, first_page_only: bool) -> bytes:
    """The same file with a directory of the entries that can be read, without directories of metadata.

    Args:
        content: the bytes of the file.
        first_page_only: no directory follows; for files whose later pages are missing or broken.

    Raises:
        BrokenDirectoryError: the directory, or what the pixels need, lies beyond the end of the file.
    """
    kind = _kind_of(content)
    entries = list(_entries(content))
    for entry in entries:
        if entry.values is None and entry.tag in _PIXELS:
            raise BrokenDirectoryError(f"the value of tag {entry.tag} lies beyond the end of the file")
    by_tag = {entry.tag: entry for entry in entries}
    ends = [offset + count for offset, count in _places_of_strips(by_tag)]
    if not ends or max(ends) > len(content):  # what is appended here would become pixels
        raise BrokenDirectoryError("its pixels lie beyond the end of the file")
    kept = [entry.raw for entry in entries if entry.values is not None and entry.tag not in _DIRECTORIES_OF_METADATA]
    start = len(content) + len(content) % 2
    header = content[: 4 if kind.offset == 4 else 8] + start.to_bytes(kind.offset, kind.order)
    number = len(kept).to_bytes(kind.count, kind.order)
    _, entries_end = _directory(content, kind)
    following = bytes(kind.offset) if first_page_only else content[entries_end : entries_end + kind.offset]
    return b"".join((header, content[len(header) :].ljust(start - len(header), b"\0"), number, *kept, following))


def _kind_of(content: bytes) -> _Kind:
    order: Literal["little", "big"] = "little" if content[:2] == b"II" else "big"
    return _Kind(order, 8, 8) if b"+" in content[2:4] else _Kind(order, 4, 2)


def _entries(content: bytes) -> Iterator[_Entry]:
    kind = _kind_of(content)
    length = 4 + 2 * kind.offset
    for place in range(*_directory(content, kind), length):
        yield _entry(content, content[place : place + length], kind)


def _directory(content: bytes, kind: _Kind) -> tuple[int, int]:
    """Where the entries of the first directory begin and end."""
    first = kind.number(content[kind.offset : 2 * kind.offset])
    number = kind.number(content[first : first + kind.count])
    start = first + kind.count
    end = start + number * (4 + 2 * kind.offset)
    if end + kind.offset > len(content):  # the place of the next directory follows
        raise BrokenDirectoryError("the directory of its tags lies beyond the end of the file")
    return start, end


def _entry(content: bytes, raw: bytes, kind: _Kind) -> _Entry:
    tag, type_, count = kind.number(raw[:2]), kind.number(raw[2:4]), kind.number(raw[4 : 4 + kind.offset])
    size = _SIZES.get(type_)
    if size is None:
        return _Entry(tag, None, raw)
    field = raw[4 + kind.offset :]
    if count * size > kind.offset:
        place = kind.number(field)
        if place + count * size > len(content):
            return _Entry(tag, None, raw)
        field = content[place : place + count * size]
    is_listed = tag in (_BITS, _COMPRESSION, _FILL_ORDER, _FORMAT, *sum(_OFFSETS_AND_COUNTS, ())) and type_ in (3, 4, 16)
    numbers = range(count) if is_listed else range(0)
    return _Entry(tag, tuple(kind.number(field[i * size : (i + 1) * size]) for i in numbers), raw, field)
