"""The page of a comparison: one file that needs no network and runs no script."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from models.compare.answer_changes import Comparison
from models.report.page import page_environment, policy_hash, read_style

MOST_IMAGES = 60
"""Of each kind on the page."""


@dataclass(frozen=True, slots=True)
class Changed:
    """One image that changed; no picture where the prepared images are not at hand."""

    id: str
    label: str
    before: str
    after: str
    confidence_before: float
    confidence_after: float
    image: str | None  # data address of a PNG


def shown_ids(comparison: Comparison) -> set[str]:
    """The images that the page shows."""
    return {image_id for rows in (comparison.gained, comparison.lost) for image_id in rows["id"].head(MOST_IMAGES)}


def render(comparison: Comparison, names: tuple[str, str], thumbnails: Mapping[str, str]) -> str:
    """Renders the page as HTML.

    Args:
        comparison: of two runs.
        names: what the first and the second run are called.
        thumbnails: data addresses of PNG files, by id; of those that are at hand.
    """
    style = read_style()
    return (
        page_environment(Path(__file__).parent)
        .get_template("template.html")
        .render(
            comparison=comparison,
            names=names,
            headline=headline(comparison, names),
            parts=[
                ("From right to wrong", comparison.lost.height, _changed(comparison.lost, thumbnails)),
                ("From wrong to right", comparison.gained.height, _changed(comparison.gained, thumbnails)),
            ],
            left_out=left_out(comparison),
            style=style,
            style_hash=policy_hash(style),
        )
    )


def headline(comparison: Comparison, names: tuple[str, str]) -> str:
    """One sentence on the split that is shown."""
    found = comparison.differences.get(comparison.split)
    if found is None:
        return f"No {comparison.split} image stands in both runs."
    where = f"on {found.images:,} {comparison.split} images that both have"
    match found.verdict:
        case "helped":
            return f"{names[1]} is better than {names[0]} {where}: {_points(found.difference, found.interval)}."
        case "harmed":
            return f"{names[1]} is worse than {names[0]} {where}: {_points(found.difference, found.interval)}."
        case "no difference":
            return f"No difference is certain {where}: {_points(found.difference, found.interval)}."


def left_out(comparison: Comparison) -> list[str]:
    """What was not compared, one sentence each."""
    sentences = []
    for counts, which in ((comparison.only_before, "first"), (comparison.only_after, "second")):
        if counts:
            verb = "stands" if sum(counts.values()) == 1 else "stand"
            listed = " and ".join(_images(count, split) for split, count in counts.items())
            sentences.append(f"{listed} {verb} only in the {which} run.")
    if comparison.moved:
        verbs = ("stands", "is") if comparison.moved == 1 else ("stand", "are")
        sentences.append(f"{_images(comparison.moved)} {verbs[0]} in another split and {verbs[1]} not compared.")
    if comparison.relabelled:
        verbs = ("has", "is") if comparison.relabelled == 1 else ("have", "are")
        sentences.append(f"{_images(comparison.relabelled)} {verbs[0]} another label and {verbs[1]} not compared.")
    return sentences


def _points(difference: float, interval: tuple[float, float]) -> str:
    return f"{100 * difference:+.1f} points ({100 * interval[0]:+.1f} to {100 * interval[1]:+.1f})"


def _images(count: int, split: str = "") -> str:
    return f"{count:,} {f'{split} ' if split else ''}image{'' if count == 1 else 's'}"


def _changed(rows: pl.DataFrame, thumbnails: Mapping[str, str]) -> list[Changed]:
    return [Changed(**row, image=thumbnails.get(row["id"])) for row in rows.head(MOST_IMAGES).iter_rows(named=True)]
