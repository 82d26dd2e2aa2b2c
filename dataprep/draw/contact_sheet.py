"""A page of pictures: rows of tiles under headings, for the eye.

Every picture fills its cell as far as its proportions allow. A small one is enlarged by a whole factor, each pixel a square of
the same size; where that would leave much of the cell empty, it is resampled.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from dataprep.core.artifacts import write_bytes
from dataprep.decode.image import Pixels, to_rgb

MARGIN_PX = 24
GAP_PX = 16
LABELS_PX = 168
LINE_PX = 18

_TITLE, _HEADING, _TEXT = 20, 15, 13  # font sizes
_PAPER, _FRAME, _INK, _FAINT = (250, 250, 248), (196, 196, 192), (24, 24, 27), (95, 95, 100)
_SETTING_LINES = 3
_SQUARES_FROM = 4  # times as large; from here on, squares leave at most a fifth of the cell empty


@dataclass(frozen=True, slots=True)
class Tile:
    """One picture of a row, (h, w, 1 or 3) uint8, and what stands below it."""

    image: Pixels
    caption: str


@dataclass(frozen=True, slots=True)
class Row:
    """What stands beside a row of tiles, and the tiles, one for each column."""

    title: str
    caption: str
    tiles: Sequence[Tile]


@dataclass(frozen=True, slots=True)
class Column:
    """What stands above a column."""

    title: str
    caption: str


@dataclass(frozen=True, slots=True)
class Text:
    """One line of text and where it begins, in pixels from the top left corner."""

    text: str
    left: int
    top: int
    font_size: int
    faint: bool

    @property
    def box(self) -> tuple[int, int, int, int]:
        """left, top, right, bottom of what it covers."""
        left, top, right, bottom = _font(self.font_size).getbbox(self.text)
        return self.left + int(left), self.top + int(top), self.left + int(right), self.top + int(bottom)


def draw_sheet(title: str, columns: Sequence[Column], rows: Sequence[Row], *, tile_px: int) -> Pixels:
    """Draws a contact sheet.

    Args:
        title: what the whole page shows.
        columns: the heading of each column.
        rows: as many tiles in each as there are columns.
        tile_px: height and width of the cell of each tile.

    Returns:
        (H, W, 3) uint8, of the size that `sheet_shape` says.
    """
    canvas = Image.new("RGB", sheet_shape(columns, rows, tile_px)[1::-1], _PAPER)
    draw = ImageDraw.Draw(canvas)
    for text in lay_out(title, columns, rows, tile_px):
        draw.text((text.left, text.top), text.text, font=_font(text.font_size), fill=_FAINT if text.faint else _INK)
    sheet = np.array(canvas)
    for row_number, row in enumerate(rows):
        for column_number, tile in enumerate(row.tiles):
            picture = to_rgb(shown(tile.image, tile_px))
            height, width, _ = picture.shape
            cell_top, left = cell_at(columns, row_number, column_number, tile_px)
            top = cell_top + tile_px - height  # on one line with its neighbours, and close to its caption
            sheet[top - 1 : top + height + 1, left - 1 : left + width + 1] = _FRAME
            sheet[top : top + height, left : left + width] = picture
    return sheet


def write_png(path: Path, image: Pixels) -> None:
    """Writes (H, W, 3) uint8 as a PNG, whole or not at all; folders above it are made."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format="PNG")
    write_bytes(path, [buffer.getbuffer()])


def sheet_shape(columns: Sequence[Column], rows: Sequence[Row], tile_px: int) -> tuple[int, int, int]:
    """The shape (H, W, 3) of the sheet."""
    top, left = cell_at(columns, len(rows), len(columns), tile_px)
    return top - GAP_PX + MARGIN_PX, left - GAP_PX + MARGIN_PX, 3


def cell_at(columns: Sequence[Column], row: int, column: int, tile_px: int) -> tuple[int, int]:
    """The top and the left of the cell of a tile."""
    top = MARGIN_PX + 2 * LINE_PX + (1 + _setting_lines(columns, tile_px)) * LINE_PX + GAP_PX // 2
    return top + row * (tile_px + 2 * LINE_PX + GAP_PX), MARGIN_PX + LABELS_PX + GAP_PX + column * (tile_px + GAP_PX)


def lay_out(title: str, columns: Sequence[Column], rows: Sequence[Row], tile_px: int) -> list[Text]:
    """All texts of the sheet and their places; each is cut to the room that it has."""
    _, width, _ = sheet_shape(columns, rows, tile_px)
    texts = [Text(shorten(title, _TITLE, width - 2 * MARGIN_PX), MARGIN_PX, MARGIN_PX - 4, _TITLE, faint=False)]
    for number, column in enumerate(columns):
        _, left = cell_at(columns, 0, number, tile_px)
        top = MARGIN_PX + 2 * LINE_PX
        texts.append(Text(shorten(column.title, _HEADING, tile_px), left, top - 2, _HEADING, faint=False))
        for line_number, line in enumerate(wrap(column.caption, tile_px, _SETTING_LINES), start=1):
            texts.append(Text(line, left, top + line_number * LINE_PX, _TEXT, faint=True))
    for row_number, row in enumerate(rows):
        top, _ = cell_at(columns, row_number, 0, tile_px)
        texts.append(Text(shorten(row.title, _HEADING, LABELS_PX), MARGIN_PX, top, _HEADING, faint=False))
        texts.append(Text(shorten(row.caption, _TEXT, LABELS_PX), MARGIN_PX, top + LINE_PX + 2, _TEXT, faint=True))
        for column_number, tile in enumerate(row.tiles):
            top, left = cell_at(columns, row_number, column_number, tile_px)
            texts.append(Text(shorten(tile.caption, _TEXT, tile_px), left, top + tile_px + 4, _TEXT, faint=True))
    return [text for text in texts if text.text]


def shown(image: Pixels, tile_px: int) -> Pixels:
    """The picture of (h, w, C) as a cell of that height and width takes it."""
    height, width, num_channels = image.shape
    scale = tile_px / max(height, width)
    times = int(scale)
    if times == scale or times >= _SQUARES_FROM:
        return image.repeat(times, axis=0).repeat(times, axis=1)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    fitted = cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    return fitted.reshape(size[1], size[0], num_channels).astype(np.uint8, copy=False)


@lru_cache(maxsize=1024)
def shorten(text: str, font_size: int, width_px: int) -> str:
    r"""Cuts a text in its middle until it fits a width; signs that the font has not are escaped.

    >>> shorten("writer-0031/sevens/scan-2024-11-02-000001.png", 13, 150)
    'writer-003...000001.png'
    >>> shorten("né", 13, 150)
    'n\\xe9'
    """
    plain = "".join(sign if " " <= sign <= "~" else sign.encode("unicode_escape").decode() for sign in text)
    kept = len(plain)
    shortened = plain
    while kept and _ink_width(shortened, font_size) > width_px:
        kept -= 1
        shortened = f"{plain[: (kept + 1) // 2]}...{plain[len(plain) - kept // 2 :]}"
    return shortened


def _ink_width(text: str, font_size: int) -> float:
    """Pixels from the first to the last that is drawn: a letter may reach beyond the place that it advances by."""
    left, _, right, _ = _font(font_size).getbbox(text)
    return right - left


@lru_cache(maxsize=1024)  # asked again for each place on the sheet
def wrap(text: str, width_px: int, num_lines: int) -> tuple[str, ...]:
    """Breaks a text between words into lines that fit a width; what the last line cannot take is cut in its middle.

    >>> wrap("pad to 96 x 96, cubic", 100, 3)
    ('pad to 96 x 96,', 'cubic')
    """
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and len(lines) < num_lines and _font(_TEXT).getlength(longer) > width_px:
            lines.append(word)
        else:
            lines[-1] = longer
    return tuple(shorten(line, _TEXT, width_px) for line in lines if line)


def _setting_lines(columns: Sequence[Column], tile_px: int) -> int:
    return max((len(wrap(column.caption, tile_px, _SETTING_LINES)) for column in columns), default=0)


@cache
def _font(font_size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(font_size)
