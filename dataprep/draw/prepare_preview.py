"""What `prepare` does to a few images of the data set, step by step, as one page of pictures."""

import math

import polars as pl

from dataprep.config.decode import DecodeConfig, Decoding
from dataprep.config.prepare import PrepareConfig
from dataprep.core.errors import ChangedError, SourceError
from dataprep.core.rng import stable_hashes, uniforms_for
from dataprep.decode.image import Pixels, Undecodable, decode, digest_bytes
from dataprep.decode.value_range import levels_of, with_levels
from dataprep.draw.contact_sheet import Column, Row, Tile, draw_sheet, shown
from dataprep.prepare.quick_decode import decode_quickly
from dataprep.prepare.transforms import least_size, shape_of, steps, steps_of
from dataprep.source.raw_folder import Source, read_file

_COMFORTABLE_PX, _LARGEST_PX = 192, 384


def choose_images(images: pl.DataFrame, num_images: int, seed: int) -> pl.DataFrame:
    """Chooses rows by a hash of their ids: one of each class, then a second of each, until there are enough.

    Args:
        images: usable rows of the manifest.
        num_images: how many, where there are as many.
        seed: another number chooses others.

    Returns:
        The chosen rows, sorted by label and id; the same ones whatever the order of `images`.
    """
    draws = uniforms_for(stable_hashes(images["id"].to_list()), seed, "preview")
    drawn = images.with_columns(draw=pl.Series(draws)).sort("draw", "id")
    turn = pl.int_range(pl.len()).over("label")
    return drawn.with_columns(turn=turn).sort("turn", "draw", "id").head(num_images).drop("draw", "turn").sort("label", "id")


def draw_steps(images: pl.DataFrame, *, source: Source, decode: DecodeConfig, prepare: PrepareConfig, title: str) -> Pixels:
    """Draws one row for each image: as it was decoded, after each step that is on, and as the network sees it.

    Args:
        images: usable rows of the manifest.
        source: the raw folder.
        decode: how files become pixels; the ranges of more than 8 bits stand in `images`.
        prepare: the steps.
        title: stands above.

    Returns:
        (H, W, 3) uint8.

    Raises:
        SourceError: a file is not what ingest saw any more.
    """
    taken = [Column(step.name, step.setting) for step in steps(prepare)]
    tile_px = _tile_px(prepare)
    enlarged = f", enlarged {times} times" if (times := tile_px // max(prepare.image_size)) > 1 else ""
    network = Column("what the network sees", " x ".join(map(str, shape_of(prepare))) + enlarged)
    columns = [Column("original", "as decoded"), *taken, network]
    rows = []
    decoding = with_levels(decode, levels_of(images))
    for image_id, label, *known in images.select("id", "label", "path", "bytes", "file_digest").iter_rows():
        original, decoded = _read_image(source, image_id, *known, config=decoding, prepare=prepare)
        pictures = [original, *(picture for _, picture in steps_of(decoded, prepare))]
        pictures.append(pictures[-1])
        rows.append(Row(label, image_id, [_tile(picture, tile_px) for picture in pictures]))
    return draw_sheet(title, columns, rows, tile_px=tile_px)


def _tile_px(config: PrepareConfig) -> int:
    """A cell that prepared images fill, each pixel a square of whole pixels, as long as that makes no poster."""
    longest = max(config.image_size)
    return min(longest * math.ceil(_COMFORTABLE_PX / longest), _LARGEST_PX)


def _tile(image: Pixels, tile_px: int) -> Tile:
    """A picture and its size; a large one is shrunk at once, since all are held until the sheet is drawn."""
    return Tile(shown(image, tile_px) if max(image.shape) > tile_px else image, _size_of(image))


def _size_of(image: Pixels) -> str:
    height, width, num_channels = image.shape
    return f"{height} x {width}, {'gray' if num_channels == 1 else 'RGB'}"


def _read_image(
    source: Source, image_id: str, path: bytes, num_bytes: int, digest: str, *, config: Decoding, prepare: PrepareConfig
) -> tuple[Pixels, Pixels]:
    """The image as it is, and as `prepare` decodes it."""
    try:
        content = read_file(source, path, num_bytes)
        if digest_bytes(content) != digest:
            raise ChangedError("its bytes changed")
        return decode(content, config).pixels, decode_quickly(content, config, color=prepare.color, least=least_size(prepare))
    except (OSError, Undecodable) as error:
        raise SourceError(
            f"{image_id}: cannot be read any more, though ingest could ({error}). Run: dvc repro ingest, which lists it anew"
        ) from error
