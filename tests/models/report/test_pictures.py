import base64
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dataprep.core.errors import ArtifactError
from dataprep.decode.image import Pixels
from models.report.pictures import (
    PER_SHEET,
    SHEET_COLUMNS,
    TILE_PX,
    draw_tile_sheets,
    picture_address,
    read_pictures,
    sheet_address,
    within,
)
from pipelines.parameters.params import Params
from tests.conftest import random_image
from tests.models.report.made_up_page import VALIDATION, MadeUp, write_images


def decoded(address: str) -> Pixels:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))))


def test_a_small_picture_is_kept_as_it_is_and_a_large_one_is_shrunk() -> None:
    small, large = random_image(0, (12, 12, 1)), random_image(0, (300, 200, 3))
    assert (decoded(picture_address(small, max_px=96, quality=80)) == small[:, :, 0]).all()
    assert decoded(picture_address(large, max_px=24, quality=80)).shape == (24, 16, 3)
    assert decoded(picture_address(large, max_px=300, quality=80)).shape == (300, 200, 3)
    assert picture_address(large, max_px=300, quality=80).startswith("data:image/webp")


def test_tiles_stand_on_their_sheet_in_order() -> None:
    tiles = [random_image(seed, (4, 5, 3)) for seed in range(PER_SHEET + 2)]
    first, second = map(decoded, draw_tile_sheets(tiles, most_bytes=10**7))
    assert first.shape == (4 * SHEET_COLUMNS, 5 * SHEET_COLUMNS, 3)
    assert (first[4:8, 10:15] == tiles[SHEET_COLUMNS + 2]).all()
    assert (second == np.hstack(tiles[PER_SHEET:])).all()


def test_sheets_keep_to_their_bytes() -> None:
    tiles = [random_image(seed, (4, 5, 3)) for seed in range(3 * PER_SHEET)]
    one = len(draw_tile_sheets(tiles[:PER_SHEET], most_bytes=10**7)[0])
    assert len(draw_tile_sheets(tiles, most_bytes=10**7)) == 3
    kept = draw_tile_sheets(tiles, most_bytes=2 * one)
    assert 1 <= len(kept) <= 3
    assert sum(map(len, kept)) <= 2 * one
    assert draw_tile_sheets(tiles, most_bytes=10) == []
    assert sheet_address(np.hstack(tiles[:PER_SHEET]), most_bytes=10).startswith("data:image/webp")


def test_addresses_are_kept_as_long_as_there_is_room() -> None:
    assert within([("a", "12345"), ("b", "123"), ("c", "1")], 8) == {"a": "12345", "b": "123"}


@pytest.mark.parametrize("side", [TILE_PX, TILE_PX + 40])
def test_images_are_read_in_three_sizes(params: Params, tmp_path: Path, side: int) -> None:
    rows = VALIDATION.head(4)
    write_images(rows, params, tmp_path, MadeUp(shape=(side, side // 2, 1)))
    one, two, three = rows["id"].head(3)
    found = read_pictures(tmp_path, [one, two, three], cards=[two], whole=[three], card_px=20)
    assert sorted(found.tiles) == sorted([one, two, three])
    assert {tile.shape for tile in found.tiles.values()} == {(TILE_PX, TILE_PX // 2, 1)}
    assert {key: decoded(address).shape for key, address in found.cards.items()} == {two: (20, 10)}
    whole = {three: (side, side // 2, 3)} if side > TILE_PX else {}  # else the tile is whole
    assert {key: decoded(address).shape for key, address in found.whole.items()} == whole
    assert found.stored_px == (side, side // 2)


def test_an_image_that_is_not_in_the_shards_is_named(params: Params, tmp_path: Path) -> None:
    write_images(VALIDATION.head(2), params, tmp_path, MadeUp())
    with pytest.raises(ArtifactError, match=r"must hold the images that were predicted; it lacks 'no\.png'\. Run: dvc repro"):
        read_pictures(tmp_path, ["no.png"], cards=[], whole=[], card_px=20)
