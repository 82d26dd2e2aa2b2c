"""What `augment` does to a few train images, operation by operation and all together, as one page of pictures."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dataprep.augment.apply import apply_variation
from dataprep.augment.drawn_parameters import (
    Strength,
    Variation,
    active_operations,
    alone,
    check_suited,
    sample_variation,
    section_of,
    suited_operations,
)
from dataprep.augment.mixing import mix_images, mixed_alone, sample_mixing
from dataprep.config.augment import MIXINGS, OPERATIONS, AugmentConfig
from dataprep.core.artifacts import Place
from dataprep.core.rng import rng_for, stable_hashes
from dataprep.decode.image import Pixels
from dataprep.draw.contact_sheet import Column, Row, Tile, draw_sheet
from dataprep.draw.prepare_preview import choose_images
from dataprep.store.shards import ShardReader, read_index

_COMFORTABLE_PX = 96
_TOGETHER = 3  # columns of all operations together
_MANY = 3  # operations whose names do not fit below a picture
_STRENGTHS: tuple[Strength, ...] = ("weakest", "strongest", "random")


@dataclass(frozen=True, slots=True)
class _Shown:
    """One column: its heading, N images (N, H, W, C), and what stands below each."""

    column: Column
    images: Pixels
    captions: Sequence[str]


def draw_variations(
    prepared: Place, config: AugmentConfig, *, num_images: int, seed: int, all_operations: bool, title: str
) -> Pixels:
    """Draws one row for each image: as prepared, under each operation at its weakest, strongest and at random, and varied.

    Args:
        prepared: the folder of the shards; train images are shown.
        config: the section.
        num_images: how many, spread over the classes.
        seed: another number chooses other images.
        all_operations: whether operations that are off are shown as well.
        title: stands above.

    Returns:
        (H, W, 3) uint8.

    Raises:
        ArtifactError: the images are not there, or not such as the operations want.
    """
    rows, images = _read_images(prepared, num_images, seed)
    check_suited(config, images.shape[3])
    keys = stable_hashes(rows["id"].to_list())
    names = suited_operations(images.shape[3]) if all_operations else list(active_operations(config))
    labels = rows["label"].rank("dense").to_numpy().astype(np.int64)
    columns = [_Shown(Column("as prepared", " x ".join(map(str, images.shape[1:]))), images, [""] * len(images))]
    columns += [shown for name in names for shown in _of_operation(name, images, keys, config)]
    columns += list(_together(images, keys, config))
    columns += list(_mixed(images, labels, config))
    longest = max(images.shape[1:3])
    tile_px = longest * -(-_COMFORTABLE_PX // longest) if longest < _COMFORTABLE_PX else _COMFORTABLE_PX
    lines = [
        Row(label, image_id, [Tile(shown.images[number], shown.captions[number]) for shown in columns])
        for number, (image_id, label) in enumerate(rows.select("id", "label").iter_rows())
    ]
    return draw_sheet(title, [shown.column for shown in columns], lines, tile_px=tile_px)


def _read_images(prepared: Place, num_images: int, seed: int) -> tuple[pl.DataFrame, Pixels]:
    """Train images spread over the classes: rows of id and label, and their pixels (N, H, W, C)."""
    index = read_index(prepared, stage="prepare")
    found = []
    for number, entry in enumerate(index.of_split("train")):
        with ShardReader(prepared, entry, index.layout, stage="prepare") as shard:
            names = [index.class_names[label] for label in shard.labels().tolist()]
            found.append(pl.DataFrame({"id": shard.ids(), "label": names, "shard": number, "row": range(len(shard))}))
    chosen = choose_images(pl.concat(found), num_images, seed)
    images = np.empty((chosen.height, *index.shape), dtype=np.uint8)
    for place, (number, row) in enumerate(chosen.select("shard", "row").iter_rows()):
        with ShardReader(prepared, index.of_split("train")[number], index.layout, stage="prepare") as shard:
            shard.read_into(images[place : place + 1], row)
    return chosen, images


def _of_operation(name: str, images: Pixels, keys: NDArray[np.uint64], config: AugmentConfig) -> Iterator[_Shown]:
    ranges = OPERATIONS[name].ranges()
    words = name.replace("_", " ")
    for strength in _STRENGTHS if ranges else _STRENGTHS[-1:]:
        settings = alone(config, name, strength)
        variation = sample_variation(keys, settings, epoch=1)
        fields = dict.fromkeys(ranges.values())
        if strength == "random":
            probability = section_of(config, name).probability
            spans = [f"{_plain(getattr(section_of(config, name), field))}" for field in fields]
            setting = " ".join([*spans, f"p {probability:g}" if probability else "off"])
            drawn = [variation[name].values[parameter] for parameter in ranges]
            captions = [", ".join(f"{values[row]:.2g}" for values in drawn) for row in range(len(images))]
        else:
            setting = " ".join([f"{strength}:", *[f"{getattr(section_of(settings, name), field)[0]:g}" for field in fields]])
            captions = [""] * len(images)
        yield _Shown(Column(words, setting), apply_variation(images, variation, settings), captions)


def _together(images: Pixels, keys: NDArray[np.uint64], config: AugmentConfig) -> Iterator[_Shown]:
    for epoch in range(1, _TOGETHER + 1):
        variation = sample_variation(keys, config, epoch=epoch)
        captions = [_happened(variation, row) for row in range(len(images))]
        yield _Shown(Column("all together", f"epoch {epoch}"), apply_variation(images, variation, config), captions)


def _mixed(images: Pixels, labels: NDArray[np.int64], config: AugmentConfig) -> Iterator[_Shown]:
    for name in MIXINGS:
        section = getattr(config, name)
        if section.probability > 0:
            mixing = sample_mixing(labels, mixed_alone(config, name), rng_for(config.seed, "sheet"))
            captions = [f"{weight:.2f}" if weight < 1 else "" for weight in mixing.weights]
            yield _Shown(Column(name, f"p {section.probability:g}"), mix_images(images, mixing, config.superpose), captions)


def _happened(variation: Variation, row: int) -> str:
    """The operations that happened to an image, or how many where they are many."""
    names = [name.replace("_", " ") for name, drawn in variation.items() if drawn.happens[row]]
    return ", ".join(names) if len(names) < _MANY else f"{len(names)} operations"


def _plain(ends: tuple[float, float]) -> str:
    return f"{ends[0]:g} to {ends[1]:g}"
