"""All images of the page, each once, with what is known of it: galleries, cells, the map and neighbours refer to these."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from dataprep.core.artifacts import Place
from models.evaluate.predictions import class_names_of
from models.report.pictures import PER_SHEET, SHEET_COLUMNS, draw_tile_sheets, read_pictures, within
from models.train.probability_columns import PROBABILITY

SHEET_BYTES = 3_000_000
WHOLE_BYTES = 2_500_000
CARD_BYTES = 1_200_000
HEAT_BYTES = 400_000
NAME_BYTES = 600_000
"""The most of each in the page, which stays below 10 MB with these, whatever the data set."""

TOP = 3
"""Probabilities that are shown of an image."""
MOST_WHOLE = 600
"""Images that are encoded at the stored size, before the bytes are counted."""


@dataclass(frozen=True, slots=True)
class ShownImage:
    """One image of the page."""

    id: str
    split: str
    label: str
    predicted: str
    truth: float  # probability of the true class
    top: list[tuple[str, float]]  # the most probable classes, at most `TOP`
    group: str | None
    suggested: str | None  # another label, where this one is doubtful

    @property
    def confidence(self) -> float:
        return self.top[0][1]

    @property
    def is_mistake(self) -> bool:
        return self.label != self.predicted


@dataclass(frozen=True, slots=True)
class Gallery:
    """Images and their pictures.

    Attributes:
        class_names: in the order of their labels.
        images: the most important first; their tiles stand in the sheets in this order.
        tile_px: (height, width) of a tile.
        stored_px: (height, width) of a stored image.
        columns: of a sheet.
        per_sheet: tiles.
        sheets: data addresses.
        cards: data addresses by id, of those that are shown without a script.
        whole: data addresses by id, at the stored size; empty where tiles have it.
        near: the nearest train images by id.
        places: on the map, by id.
        heat: saliency maps by id, data addresses.
    """

    class_names: list[str]
    images: list[ShownImage]
    tile_px: tuple[int, int]
    stored_px: tuple[int, int]
    columns: int
    per_sheet: int
    sheets: list[str]
    cards: dict[str, str]
    whole: dict[str, str]
    near: dict[str, list[str]]
    places: dict[str, tuple[int, int]]
    heat: dict[str, str]

    def find(self, image_id: str) -> ShownImage | None:
        return next((image for image in self.images if image.id == image_id), None)

    def of_ids(self, ids: Iterable[str]) -> list[ShownImage]:
        """Those of some ids that are there, in their order."""
        by_id = {image.id: image for image in self.images}
        return [by_id[image_id] for image_id in ids if image_id in by_id]


@dataclass(frozen=True, slots=True)
class Asked:
    """What the page is to show, ids the most important first.

    Attributes:
        opened: images that a person opens: mistakes, right answers, suspects.
        on_cards: of these, those shown without a script.
        near: the nearest train images of some.
        places: on the map.
        heat: saliency maps, data addresses.
        suggested: other labels.
    """

    opened: Sequence[str]
    on_cards: Sequence[str]
    near: Mapping[str, Sequence[str]]
    places: Mapping[str, tuple[int, int]]
    heat: Mapping[str, str]
    suggested: Mapping[str, str]


def build_gallery(
    predictions: pl.DataFrame, groups: Mapping[str, str], asked: Asked, *, prepared: Place, card_px: int
) -> Gallery:
    """Reads the images that are asked for, as far as the page has room for them.

    Args:
        predictions: the table of predictions.
        groups: by id; an image without one is in none.
        asked: the images.
        prepared: the folder of the shards.
        card_px: height and width of a card at most.
    """
    opened = list(dict.fromkeys(asked.opened))
    neighbours = (other for image_id in opened for other in asked.near.get(image_id, ()))
    ids = _with_short_names([*dict.fromkeys([*opened, *neighbours, *asked.places])])
    pictures = read_pictures(prepared, ids, cards=asked.on_cards, whole=opened[:MOST_WHOLE], card_px=card_px)
    sheets = draw_tile_sheets([pictures.tiles[image_id] for image_id in ids], most_bytes=SHEET_BYTES)
    kept = ids[: len(sheets) * PER_SHEET]
    shown = set(kept)
    height, width = pictures.tiles[kept[0]].shape[:2] if kept else (1, 1)
    return Gallery(
        class_names=class_names_of(predictions),
        images=_describe(predictions, kept, groups, asked.suggested),
        tile_px=(height, width),
        stored_px=pictures.stored_px,
        columns=SHEET_COLUMNS,
        per_sheet=PER_SHEET,
        sheets=sheets,
        cards=within(_of(pictures.cards, [*dict.fromkeys(asked.on_cards)], shown), CARD_BYTES),
        whole=within(_of(pictures.whole, kept, shown), WHOLE_BYTES),
        near={
            image_id: [other for other in asked.near[image_id] if other in shown] for image_id in kept if image_id in asked.near
        },
        places={image_id: place for image_id, place in asked.places.items() if image_id in shown},
        heat=within(_of(asked.heat, kept, shown), HEAT_BYTES),
    )


def _of(addresses: Mapping[str, str], ids: Iterable[str], shown: set[str]) -> list[tuple[str, str]]:
    return [(image_id, addresses[image_id]) for image_id in ids if image_id in shown and image_id in addresses]


def _with_short_names(ids: Sequence[str]) -> list[str]:
    """The first of some ids, as many as have `NAME_BYTES` together: a path may have thousands of letters."""
    sizes = np.cumsum([len(image_id.encode("utf-8", "surrogatepass")) for image_id in ids])
    return list(ids[: int(np.searchsorted(sizes, NAME_BYTES, side="right"))])


def _describe(
    predictions: pl.DataFrame, ids: Sequence[str], groups: Mapping[str, str], suggested: Mapping[str, str]
) -> list[ShownImage]:
    rows = pl.DataFrame({"id": ids}, schema={"id": pl.String}).join(predictions, on="id", how="left", maintain_order="left")
    names = np.array(class_names_of(predictions), dtype=object)
    probabilities = rows.select([f"{PROBABILITY}{name}" for name in names]).to_numpy()
    order = np.argsort(-probabilities, axis=1, kind="stable")[:, :TOP]
    best = np.take_along_axis(probabilities, order, axis=1).astype(np.float64).round(4)
    truths = np.exp(-rows["loss"].to_numpy().astype(np.float64)).round(4)
    return [
        ShownImage(
            id=image_id,
            split=split,
            label=label,
            predicted=predicted,
            truth=float(truths[row]),
            top=list(zip(names[order[row]].tolist(), best[row].tolist(), strict=True)),
            group=groups.get(image_id),
            suggested=suggested.get(image_id),
        )
        for row, (image_id, split, label, predicted) in enumerate(rows.select("id", "split", "label", "predicted").iter_rows())
    ]
