"""Prepared images as text inside a page: whole, shrunk to a card, and as small tiles on sheets that many share."""

import base64
import io
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from dataprep.core.artifacts import Place
from dataprep.core.errors import ArtifactError, first_five
from dataprep.decode.image import Pixels
from dataprep.store.shards import ShardReader, read_index

TILE_PX = 40
"""Height and width of a tile at most: images of 40 pixels and less are seen whole in it."""
SHEET_COLUMNS = 32
PER_SHEET = SHEET_COLUMNS**2

_LOSSLESS_PX = 64  # larger pictures are compressed with loss, or a hundred photographs would fill the page
_CARD_QUALITY, _WHOLE_QUALITY, _SHEET_QUALITY = 80, 90, 75


@dataclass(frozen=True, slots=True)
class Pictures:
    """Images by id, in the three sizes.

    Attributes:
        tiles: (h, w, C) uint8 of one shape, at most `TILE_PX`.
        cards: data addresses.
        whole: data addresses at the stored size; empty where the tiles have it.
        stored_px: (height, width) of the stored images.
    """

    tiles: dict[str, Pixels]
    cards: dict[str, str]
    whole: dict[str, str]
    stored_px: tuple[int, int]


def read_pictures(
    prepared: Place, tiles: Collection[str], *, cards: Collection[str], whole: Collection[str], card_px: int
) -> Pictures:
    """Reads images by id. Each is encoded when it is read, so that memory does not grow with their size.

    Args:
        prepared: the folder of the shards.
        tiles: the images wanted; also all of the other two.
        cards: of these, those wanted on a card.
        whole: of these, those wanted whole.
        card_px: larger images are shrunk to this height and width on a card.

    Raises:
        ArtifactError: an image is not in the shards.
    """
    index = read_index(prepared, stage="prepare")
    wanted, of_card, of_whole = set(tiles), set(cards), set(whole) if max(index.shape[:2]) > TILE_PX else set()
    found = Pictures({}, {}, {}, index.shape[:2])
    for entry in index.shards:
        with ShardReader(prepared, entry, index.layout, stage="prepare") as shard:
            for row, image_id in enumerate(shard.ids()):
                if image_id not in wanted:
                    continue
                image = shard.images(row, row + 1)[0]
                found.tiles[image_id] = _shrunk(image, TILE_PX)
                if image_id in of_card:
                    found.cards[image_id] = picture_address(image, max_px=card_px, quality=_CARD_QUALITY)
                if image_id in of_whole:
                    found.whole[image_id] = picture_address(image, max_px=max(image.shape), quality=_WHOLE_QUALITY)
    if lacking := sorted(wanted - found.tiles.keys()):
        raise ArtifactError(
            f"{prepared} must hold the images that were predicted; it lacks {first_five(lacking)}. Run: dvc repro"
        )
    return found


def picture_address(image: Pixels, *, max_px: int, quality: int) -> str:
    """Encodes (H, W, C) uint8 as `data:image/...;base64,...`: small pictures as PNG, larger ones as WebP with loss.

    Args:
        image: the picture.
        max_px: a larger one is shrunk to this height and width.
        quality: of WebP, 0 to 100.
    """
    picture = as_picture(image)
    picture.thumbnail((max_px, max_px))
    return _address(picture, None if max(picture.size) <= _LOSSLESS_PX else quality)


def sheet_address(image: Pixels, *, most_bytes: int) -> str:
    """Encodes a page of pictures, (H, W, 3) uint8: as PNG, or as WebP with loss where that has more bytes than allowed."""
    as_png = _address(as_picture(image), None)
    return as_png if len(as_png) <= most_bytes else _address(as_picture(image), _SHEET_QUALITY)


def draw_tile_sheets(tiles: Sequence[Pixels], *, most_bytes: int) -> list[str]:
    """Draws tiles on sheets of `SHEET_COLUMNS` columns, row by row, and encodes these.

    Args:
        tiles: (h, w, C) uint8 of one shape, the most important first.
        most_bytes: of all addresses together. Sheets beyond are left out, and with them their tiles.
    """
    sheets: list[str] = []
    for start in range(0, len(tiles), PER_SHEET):
        sheet = _sheet_of(tiles[start : start + PER_SHEET])
        room = most_bytes - sum(map(len, sheets))
        address = sheet_address(sheet, most_bytes=min(room, most_bytes // 4))
        if len(address) > room:
            break
        sheets.append(address)
    return sheets


def within(addresses: Iterable[tuple[str, str]], most_bytes: int) -> dict[str, str]:
    """The first of some addresses by id, as many as have so many bytes together."""
    return dict(_first(addresses, most_bytes))


def _first(addresses: Iterable[tuple[str, str]], room: int) -> Iterator[tuple[str, str]]:
    for image_id, address in addresses:
        room -= len(address)
        if room < 0:
            return
        yield image_id, address


def _sheet_of(tiles: Sequence[Pixels]) -> Pixels:
    height, width, num_channels = tiles[0].shape
    num_rows = -(-len(tiles) // SHEET_COLUMNS)
    sheet = np.zeros((num_rows * height, min(len(tiles), SHEET_COLUMNS) * width, num_channels), dtype=np.uint8)
    for number, tile in enumerate(tiles):
        row, column = divmod(number, SHEET_COLUMNS)
        sheet[row * height : (row + 1) * height, column * width : (column + 1) * width] = tile
    return sheet


def _shrunk(image: Pixels, max_px: int) -> Pixels:
    if max(image.shape[:2]) <= max_px:
        return image
    picture = as_picture(image)
    picture.thumbnail((max_px, max_px))
    return np.asarray(picture, dtype=np.uint8).reshape(picture.height, picture.width, image.shape[2])


def as_picture(image: Pixels) -> Image.Image:
    """(H, W, C) uint8 as Pillow has it."""
    return Image.fromarray(image[:, :, 0] if image.shape[2] == 1 else image)


def _address(picture: Image.Image, quality: int | None) -> str:
    """As PNG where there is no quality."""
    buffer = io.BytesIO()
    if quality is None:
        picture.save(buffer, format="PNG", optimize=True)
    else:
        picture.convert("RGB").save(buffer, format="WEBP", quality=quality)
    kind = "png" if quality is None else "webp"
    return f"data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"
