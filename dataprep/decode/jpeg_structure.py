"""The structure of a JPEG file: its segments, its scans, and what their bits say, without the pixels.

It is for suspicious files, since reading the bits takes some microseconds for each coefficient. Example: the scan of a baseline
file of 32 x 32 pixels, with colors at half scale, has 4 units of 6 blocks (4 of luminance, 1 each of blue and red difference).
Each block is a Huffman code and value for its mean, then codes and values for the other 63 coefficients in zigzag order, until
a code says that the rest is 0. The last byte is filled with ones. (ITU-T T.81, annexes B and F.)
"""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

BASELINE = (0xC0, 0xC1)
PROGRESSIVE = 0xC2
END = b"\xff\xd9"

_START_OF_SCAN, _QUANTISERS, _RESTARTS, _END = 0xDA, 0xDB, 0xDD, 0xD9
_APP0, _ADOBE = 0xE0, 0xEE
_FRAMES = (*range(0xC0, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0))
_NEEDED = (*range(0xC0, 0xD0), _START_OF_SCAN, _QUANTISERS, _RESTARTS, _ADOBE)
_ALONE = (0x00, 0x01, *range(0xD0, 0xD9))  # markers without a length, and a stuffed byte
_PLAIN_JFIF = b"\xff\xe0\x00\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0"
_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]", re.DOTALL)  # neither a stuffed byte, nor filling, nor a restart
_RESTART = re.compile(rb"\xff+[\xd0-\xd7]")
_WORD = 40  # bits that are read at once: at most 7 are used already, 16 are a code, 15 a value

HuffmanTable = tuple[bytes, bytes]
"""The number of codes of 1 to 16 bits, and their values."""

_NO_TABLE: HuffmanTable = (b"", b"")


@dataclass(frozen=True, slots=True)
class Component:
    """One color of the picture: blocks in a unit, across and down, and the quantiser of its means."""

    across: int
    down: int
    quantiser: int


@dataclass(frozen=True, slots=True)
class Scan:
    """One scan: its header, its data with stuffed bytes and restarts, and the tables that are valid for it."""

    header: bytes
    content: bytes
    tables: dict[int, HuffmanTable]
    restart_interval: int

    @property
    def components(self) -> list[tuple[int, int, int]]:
        """Identifier, table of means and table of other coefficients, of each component."""
        return [
            (self.header[i], self.header[i + 1] >> 4, 16 | self.header[i + 1] & 15) for i in range(1, 2 * self.header[0], 2)
        ]

    @property
    def band(self) -> tuple[int, int, int]:
        """First and last coefficient, and the lowest bit that this scan adds."""
        first, last, bits = self.header[-3:]
        return first, last, bits & 15


@dataclass(frozen=True, slots=True)
class Layout:
    """The content of the segments of a file.

    Attributes:
        process: the second byte of the marker of its frame: 0xC0 baseline, 0xC2 progressive, and others.
        bits: of a value of its pixels, 8 as a rule.
        size: height and width in pixels.
        components: by identifier.
        scans: in their order.
        end: of the picture, behind the marker that ends it; -1 where that is missing.
        plain: the same picture without metadata and stray bytes, as a file.
    """

    process: int
    bits: int
    size: tuple[int, int]
    components: dict[int, Component]
    scans: tuple[Scan, ...]
    end: int
    plain: bytes


@dataclass(frozen=True, slots=True)
class Rest:
    """What is left of a scan behind its last block: its bytes, and whether the block's own byte is filled up with ones."""

    content: bytes
    num_filled: int
    is_filled: bool
    goes_on: bool  # the rest is further blocks and ends with one of them, so a JPEG encoder wrote it


class BrokenScanError(ValueError):
    """The bits of a scan are not blocks that an encoder would write."""


@dataclass(frozen=True, slots=True)
class _Segment:
    marker: int
    body: bytes  # without its length
    data: bytes  # of a scan, which follow its header
    end: int


def read_layout(content: bytes) -> Layout:
    """Reads the segments of a file, to the end of its first picture.

    Raises:
        ValueError: there is no frame, or a segment goes beyond the file.
    """
    interval, process, frame, end = 0, -1, b"", -1
    quantisers: dict[int, int] = {}
    tables: dict[int, HuffmanTable] = {}
    scans: list[Scan] = []
    for segment in _segments(content):
        match segment.marker:
            case marker if marker in _FRAMES:
                process, frame = marker, segment.body
            case 0xC4:
                tables = tables | _huffman_tables(segment.body)
            case 0xDB:
                quantisers |= _first_quantisers(segment.body)
            case 0xDD:
                interval = int.from_bytes(segment.body[:2], "big")
            case 0xDA:
                scans.append(Scan(segment.body, segment.data, tables, interval))
            case 0xD9:
                end = segment.end
    if len(frame) < 6 or not scans:
        raise ValueError("there is no picture")
    components = {
        frame[i]: Component(frame[i + 1] >> 4, frame[i + 1] & 15, quantisers.get(frame[i + 2], 1))
        for i in range(6, len(frame) - 2, 3)
    }
    size = int.from_bytes(frame[1:3], "big"), int.from_bytes(frame[3:5], "big")
    return Layout(process, frame[0], size, components, tuple(scans), end, _without_metadata(content))


def _segments(content: bytes) -> Iterator[_Segment]:
    """Yields what follows each marker, up to the end of the picture; bytes that belong to no segment are skipped."""
    position = 2
    while (found := content.find(b"\xff", position)) >= 0:
        while content[found : found + 1] == b"\xff":
            found += 1
        if found >= len(content):
            return
        marker, position = content[found], found + 1
        if marker == _END:
            yield _Segment(marker, b"", b"", position)
            return
        if marker in _ALONE:
            continue
        length = int.from_bytes(content[position : position + 2], "big")
        if length < 2 or position + length > len(content):
            raise ValueError("a segment goes beyond the file")
        body, position = content[position + 2 : position + length], position + length
        data = b""
        if marker == _START_OF_SCAN:
            match = _MARKER.search(content, position)
            data = content[position : match.start()] if match else content[position:].rstrip(b"\xff")
            position += len(data)
        yield _Segment(marker, body, data, position)


def _without_metadata(content: bytes) -> bytes:
    parts = [content[:2]]
    for segment in _segments(content):
        if segment.marker == _APP0 and segment.body.startswith(b"JFIF\0"):
            parts.append(_PLAIN_JFIF)
        elif segment.marker in _NEEDED:
            parts += [bytes([0xFF, segment.marker]), (len(segment.body) + 2).to_bytes(2, "big"), segment.body, segment.data]
    return b"".join([*parts, END])


def read_scan(layout: Layout, scan: Scan) -> Rest:
    """Reads the blocks of a baseline scan.

    Returns:
        The rest behind the last block; in a scan with restarts, behind that of the last interval.

    Raises:
        BrokenScanError: no encoder writes such a scan.
    """
    across, down, plan = _plan(layout, scan)
    num_units = across * down
    interval = scan.restart_interval or num_units
    pieces = _RESTART.split(scan.content)
    if len(pieces) != math.ceil(num_units / interval):
        raise BrokenScanError(f"{len(pieces) - 1:,} restarts in {num_units:,} units, one each {interval:,}")
    for piece in pieces[:-1]:
        rest = _read_piece(piece, interval, plan)
        if rest.content or not rest.is_filled:
            raise BrokenScanError("the data between two restarts are not the blocks that belong there")
    return _read_piece(pieces[-1], num_units - interval * (len(pieces) - 1), plan)


def is_complete(layout: Layout) -> bool:
    """Whether the scans of a progressive file contain every coefficient of each component to its last bit."""
    lowest = {(identifier, place): 99 for identifier in layout.components for place in range(64)}
    for scan in layout.scans:
        first, last, low = scan.band
        for identifier, _, _ in scan.components:
            for place in range(first, min(last, 63) + 1):
                lowest[identifier, place] = low
    return not any(lowest.values())


def most_zero_bits(scan: Scan) -> float:
    """How many zero bits one block of a baseline scan can be, infinite where a blank area has no other bits.

    The code of only zeros stands for what comes most often. Where that is a value of -1, a block of 63 of them is one run.
    """
    tables = [(scan.tables.get(means, _NO_TABLE), scan.tables.get(others, _NO_TABLE)) for _, means, others in scan.components]
    if all(values[:1] == b"\0" for _, (_, values) in tables):
        return math.inf
    return max(_zero_bits(means, 1) + _zero_bits(others, 63) for means, others in tables)


def _zero_bits(table: HuffmanTable, num_values: int) -> int:
    """The zero bits that so many values can be: the code of only zeros and the bits behind it, again and again."""
    counts, values = table
    if not values:
        return 0
    length = next(length for length, count in enumerate(counts, 1) if count)
    zeros, size = values[0] >> 4, values[0] & 15
    ends_block = not values[0]
    return (1 if ends_block else num_values // (zeros + 1)) * (length + size)


def _first_quantisers(body: bytes) -> dict[int, int]:
    found = {}
    while body:
        wide, number = body[0] >> 4, body[0] & 15
        found[number] = int.from_bytes(body[1 : 2 + min(wide, 1)], "big")
        body = body[65 + 64 * min(wide, 1) :]
    return found


def _huffman_tables(body: bytes) -> dict[int, HuffmanTable]:
    found = {}
    while len(body) > 16:
        counts = body[1:17]
        found[body[0]] = (counts, body[17 : 17 + sum(counts)])
        body = body[17 + sum(counts) :]
    return found


@lru_cache(maxsize=16)
def _lookup(table: HuffmanTable) -> list[int]:
    """For each of 65,536 next 16 bits: length of the code, bits of its value (from bit 8), zeros before it (from bit 16)."""
    entries = np.zeros(1 << 16, dtype=np.int64)
    counts, values = table
    code = place = 0
    for length, count in enumerate(counts, 1):
        for value in values[place : place + count]:
            start = code << (16 - length)
            entries[start : start + (1 << (16 - length))] = length | (value & 15) << 8 | (value >> 4) << 16
            code += 1
        place += count
        code <<= 1
    listed: list[int] = entries.tolist()
    return listed


_Plan = Sequence[tuple[int, list[int], list[int], int]]
"""Of each block of a unit: component, tables of means and of other coefficients, quantiser of the means."""


def _plan(layout: Layout, scan: Scan) -> tuple[int, int, _Plan]:
    height, width = layout.size
    most_across = max(component.across for component in layout.components.values())
    most_down = max(component.down for component in layout.components.values())
    plan = []
    try:
        for number, (identifier, means, others) in enumerate(scan.components):
            component = layout.components[identifier]
            tables = _lookup(scan.tables[means]), _lookup(scan.tables[others])
            count = component.across * component.down if len(scan.components) > 1 else 1
            plan += [(number, *tables, component.quantiser)] * count
    except KeyError as error:
        raise BrokenScanError("a table or a component is missing") from error
    if len(scan.components) > 1:
        return math.ceil(width / (8 * most_across)), math.ceil(height / (8 * most_down)), plan
    own = layout.components[scan.components[0][0]]
    return (
        math.ceil(math.ceil(width * own.across / most_across) / 8),
        math.ceil(math.ceil(height * own.down / most_down) / 8),
        plan,
    )


def _read_piece(piece: bytes, num_units: int, plan: _Plan) -> Rest:
    """Reads the blocks between two restarts."""
    raw = piece.replace(b"\xff\0", b"\xff")
    bits = _words(raw)
    end = 8 * len(raw)
    at, means = 0, [0, 0, 0, 0]
    for _ in range(num_units):
        for component, *tables, quantiser in plan:
            at, step = _read_block(bits, at, end, tables)
            means[component] += step
            # Eight times a mean of -128 to 127, and half a step of rounding.
            if abs(means[component] * quantiser) > 1024 + quantiser:
                raise BrokenScanError("an area is darker than black or brighter than white")
    fill = -at % 8
    last = raw[at // 8] if fill else 0
    rest = raw[-(-at // 8) :]
    is_filled = last & ((1 << fill) - 1) == (1 << fill) - 1
    return Rest(rest, fill, is_filled, bool(rest) and _goes_on(bits, at, end, plan))


def _goes_on(bits: list[int], start: int, end: int, plan: _Plan) -> bool:
    """Whether the rest is blocks, starting with any block of a unit, up to the ones that end a scan."""
    for first in range(len(plan)):
        at, number = start, first
        try:
            while at < end:
                if number % len(plan) == 0 and end - at < 8 and _is_filled(bits, at, end):
                    return True
                at, _ = _read_block(bits, at, end, plan[number % len(plan)][1:3])
                number += 1
        except BrokenScanError:
            continue
        if number % len(plan) == 0:
            return True
    return False


def _is_filled(bits: list[int], at: int, end: int) -> bool:
    count = end - at
    return bits[at >> 3] >> (_WORD - (at & 7) - count) & ((1 << count) - 1) == (1 << count) - 1


def _words(raw: bytes) -> list[int]:
    """The 40 bits from each byte on."""
    values = np.frombuffer(raw + bytes(44), dtype=np.uint8).astype(np.int64)
    words: list[int] = sum(values[place : place - 4 or None] << (32 - 8 * place) for place in range(5)).tolist()  # type: ignore[union-attr]
    return words


def _read_block(bits: list[int], at: int, end: int, tables: Sequence[list[int]]) -> tuple[int, int]:
    """Reads one block; returns the place behind it and the step of its mean."""
    means, others = tables
    word, gone = bits[at >> 3], at & 7
    entry = means[word >> (24 - gone) & 0xFFFF]
    length, size = entry & 255, entry >> 8 & 15
    if not length:
        raise BrokenScanError("a code stands in no table")
    step = 0
    if size:
        step = word >> (_WORD - gone - length - size) & ((1 << size) - 1)
        if step < 1 << (size - 1):
            step -= (1 << size) - 1
    at += length + size
    place, only_zeros = 1, False
    while place < 64:
        if at > end:
            break
        entry = others[bits[at >> 3] >> (24 - (at & 7)) & 0xFFFF]
        length, size, zeros = entry & 255, entry >> 8 & 15, entry >> 16
        if not length:
            raise BrokenScanError("a code stands in no table")
        at += length + size
        if not size and zeros < 15:  # the rest is 0
            break
        place += zeros + 1
        only_zeros = not size
    if at > end:
        raise BrokenScanError("the data end within a block")
    if place > 64 or only_zeros:
        raise BrokenScanError("a block has more coefficients than 64, or zeros that no encoder writes")
    return at, step
