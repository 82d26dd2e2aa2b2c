import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from dataprep.decode.image import Pixels
from dataprep.draw.contact_sheet import (
    LABELS_PX,
    MARGIN_PX,
    Column,
    Row,
    Text,
    Tile,
    cell_at,
    draw_sheet,
    lay_out,
    sheet_shape,
    shorten,
    shown,
    wrap,
    write_png,
)
from tests.conftest import random_image

Box = tuple[int, int, int, int]

PAPER = (250, 250, 248)
COLUMNS = [Column("original", "as decoded"), Column("resize", "pad to 96 x 96, cubic, and so on and on and on")]
texts = st.text(max_size=60) | st.sampled_from(["W" * 200, "word " * 40, "jumpy q" * 30, "two\nlines", "\udcff"])


def sheet_of(images: list[list[Pixels]], tile_px: int) -> tuple[list[Row], Pixels]:
    rows = [Row("class", "7/0001.png", [Tile(image, "8 x 8, gray") for image in row]) for row in images]
    return rows, draw_sheet("title", COLUMNS, rows, tile_px=tile_px)


def apart(one: Box, other: Box) -> bool:
    return one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]


@pytest.mark.slow
@given(
    title=texts,
    headings=st.lists(st.tuples(texts, texts), min_size=1, max_size=4),
    names=st.lists(st.tuples(texts, texts, texts), min_size=1, max_size=3),
    tile_px=st.integers(96, 300),
)
@settings(max_examples=60)
def test_no_text_touches_another_text_or_a_picture_or_leaves_the_sheet(
    title: str, headings: list[tuple[str, str]], names: list[tuple[str, str, str]], tile_px: int
) -> None:
    columns = [Column(*heading) for heading in headings]
    picture = random_image(0, (tile_px, tile_px, 1))
    rows = [Row(name, caption, [Tile(picture, below)] * len(columns)) for name, caption, below in names]
    height, width, _ = sheet_shape(columns, rows, tile_px)
    cells = [cell_at(columns, row, column, tile_px) for row in range(len(rows)) for column in range(len(columns))]
    pictures = [(left - 1, top - 1, left + tile_px + 1, top + tile_px + 1) for top, left in cells]
    boxes = [text.box for text in lay_out(title, columns, rows, tile_px)]
    assert all(apart(one, other) for one, other in itertools.combinations([*boxes, *pictures], 2))
    assert all(box[0] >= 0 and box[1] >= 0 and box[2] <= width and box[3] <= height for box in [*boxes, *pictures])


@pytest.mark.parametrize("shape", [(8, 8, 1), (8, 8, 3), (5, 9, 3), (96, 96, 1), (100, 7, 3), (300, 200, 1), (1, 4000, 1)])
def test_every_picture_stands_in_its_cell(shape: tuple[int, int, int]) -> None:
    images = [[random_image(2 * row + column, shape) for column in range(2)] for row in range(3)]
    rows, sheet = sheet_of(images, tile_px=96)
    assert sheet.shape == sheet_shape(COLUMNS, rows, 96)
    assert sheet.dtype == np.uint8
    for row, column in itertools.product(range(3), range(2)):
        top, left = cell_at(COLUMNS, row, column, 96)
        picture = shown(images[row][column], 96)
        height, width, _ = picture.shape
        assert max(height, width) <= 96
        cell = sheet[top : top + 96, left : left + 96]
        assert (cell[96 - height :, :width] == picture).all()
        assert (cell[: max(96 - height - 1, 0)] == PAPER).all()  # a line is for the frame
        assert (cell[:, width + 1 :] == PAPER).all()


def test_cells_stand_in_straight_lines() -> None:
    places = [[cell_at(COLUMNS, row, column, 50) for column in range(3)] for row in range(3)]
    assert all(len({top for top, _ in row}) == 1 for row in places)
    assert len({tuple(left for _, left in row) for row in places}) == 1
    assert places[0][0][1] > MARGIN_PX + LABELS_PX


@given(height=st.integers(1, 300), width=st.integers(1, 300))
def test_every_picture_fills_its_cell(height: int, width: int) -> None:
    picture = shown(np.zeros((height, width, 1), dtype=np.uint8), 192)
    assert 0.8 * 192 <= max(picture.shape) <= 192
    assert abs(picture.shape[0] / picture.shape[1] - height / width) <= max(height / width, 1) / min(picture.shape[:2])


@pytest.mark.parametrize(("tile_px", "times"), [(20, 4), (24, 4), (25, 5), (10, 2)])
def test_pixels_of_small_pictures_become_squares(tile_px: int, times: int) -> None:
    image = random_image(0, (3, 5, 3))
    assert np.array_equal(shown(image, tile_px), np.kron(image, np.ones((times, times, 1), dtype=np.uint8)))


def test_other_pictures_are_scaled_and_keep_their_proportions() -> None:
    assert shown(random_image(0, (8, 12, 1)), 18).shape == (12, 18, 1)
    assert shown(random_image(0, (30, 60, 3)), 16).shape == (8, 16, 3)
    assert shown(random_image(0, (1, 4000, 1)), 16).shape == (1, 16, 1)


def test_drawing_modifies_no_picture_and_is_the_same_each_time() -> None:
    image = random_image(0, (8, 8, 1))
    before = image.copy()
    first, second = (sheet_of([[image, image]], tile_px=40)[1] for _ in range(2))
    assert np.array_equal(image, before)
    assert np.array_equal(first, second)


def test_texts_are_drawn_where_they_are_laid_out() -> None:
    rows, sheet = sheet_of([[random_image(0, (40, 40, 1))] * 2], tile_px=40)
    for text in lay_out("title", COLUMNS, rows, 40):
        left, top, right, bottom = text.box
        assert sheet[top:bottom, left:right].min() < 140, text
        assert (sheet[top:bottom, left - 2 : left - 1] == PAPER).all()
        assert (sheet[top:bottom, right + 1 : right + 2] == PAPER).all()


@example(text="\u00da\U00015e9aT", width=64)  # its T reaches beyond its place
@given(text=texts, width=st.integers(40, 200))
def test_a_shortened_text_fits_and_keeps_both_ends(text: str, width: int) -> None:
    short = shorten(text, 13, width)
    left, _, right, _ = Text(short, 0, 0, 13, faint=False).box
    assert right - left <= width + 1
    if "..." in short and "..." not in text:
        begin, end = short.split("...")
        plain = shorten(text, 13, 1_000_000)
        assert plain.startswith(begin)
        assert plain.endswith(end)
        assert 0 <= len(begin) - len(end) <= 1


def test_what_the_font_has_not_is_escaped() -> None:
    assert shorten("a\n\u00e9\u3042\udcff\\", 13, 1000) == "a\\n\\xe9\\u3042\\udcff\\"


def test_a_setting_is_broken_between_words() -> None:
    assert wrap("pad to 96 x 96, cubic", 100, 3) == ("pad to 96 x 96,", "cubic")
    assert wrap("", 100, 3) == ()
    crowded = wrap("one two three four five six seven eight nine ten", 60, 2)
    assert crowded[0] == "one two"
    assert len(crowded) == 2
    assert crowded[1].startswith("thr")
    assert crowded[1].endswith("ten")


def test_a_sheet_is_written_as_it_is(tmp_path: Path) -> None:
    image = random_image(0, (7, 9, 3))
    write_png(tmp_path / "new/sheet.png", image)
    assert np.array_equal(np.array(Image.open(tmp_path / "new/sheet.png")), image)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["sheet.png"]
