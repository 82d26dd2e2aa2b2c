"""What the report shows, gathered from the outputs of the earlier steps."""

from dataclasses import dataclass

import polars as pl

from dataprep.artifacts import Place
from dataprep.config import SplitName
from dataprep.proof import SplitMetrics
from models.config import DiagnoseConfig
from models.diagnose import Diagnosis, correct_examples, mistakes_by_cell, worst_mistakes
from models.metrics import Metrics
from models.report.charts import learning_curves
from models.report.thumbnails import read_thumbnails

CORRECT_PER_CLASS = 3
LISTED_FILES = 20


@dataclass(frozen=True, slots=True)
class Example:
    """One image in the report."""

    id: str
    label: str
    predicted: str
    confidence: float
    image: str  # data address of a PNG


@dataclass(frozen=True, slots=True)
class Quarantined:
    """One file that is not in the data set."""

    id: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Unusual:
    """One issue of quality: how many images have it, and how they fare in the shown split."""

    issue: str
    num_images: int
    num_shown: int  # in the shown split
    num_mistakes: int
    example: str


@dataclass(frozen=True, slots=True)
class Content:
    """All that the page shows."""

    metrics: Metrics
    diagnosis: Diagnosis
    data: SplitMetrics
    shown_split: SplitName
    learning_curves: str  # SVG
    worst: list[Example]
    correct: list[Example]
    cells: list[Example]
    unusual: list[Unusual]
    quarantined: list[Quarantined]
    num_quarantined: int
    num_skipped: int
    num_files: int


def collect(
    predictions: pl.DataFrame,
    *,
    metrics: Metrics,
    diagnosis: Diagnosis,
    history: pl.DataFrame,
    manifest: pl.DataFrame,
    data: SplitMetrics,
    prepared: Place,
    config: DiagnoseConfig,
) -> Content:
    """Chooses the images to show and reads them.

    Args:
        predictions: the table of predictions.
        metrics: from `models.metrics.measure`.
        diagnosis: from `models.diagnose.diagnose`.
        history: one row per epoch.
        manifest: for the files that are not in the data set.
        data: counts of the split stage.
        prepared: the folder with the images.
        config: how many of each to show.
    """
    worst = worst_mistakes(predictions, config.split, config.worst_images)
    correct = correct_examples(predictions, config.split, CORRECT_PER_CLASS)
    cells = mistakes_by_cell(predictions, config.split, config.images_per_cell)
    ids = {image_id for rows in (worst, correct, cells) for image_id in rows["id"].to_list()}
    thumbnails = read_thumbnails(prepared, ids, max_px=config.thumbnail_px)
    quarantined = manifest.filter(pl.col("status") == "quarantined")
    return Content(
        metrics=metrics,
        diagnosis=diagnosis,
        data=data,
        shown_split=config.split,
        learning_curves=learning_curves(history),
        worst=_examples(worst, thumbnails),
        correct=_examples(correct, thumbnails),
        cells=_examples(cells, thumbnails),
        unusual=_unusual(manifest, predictions.filter(pl.col("split") == config.split)),
        quarantined=[Quarantined(**row) for row in quarantined.select("id", "reason", "message").head(LISTED_FILES).to_dicts()],
        num_quarantined=quarantined.height,
        num_skipped=manifest.filter(pl.col("status") == "skipped").height,
        num_files=manifest.height,
    )


def _unusual(manifest: pl.DataFrame, shown: pl.DataFrame) -> list[Unusual]:
    """Counts the issues of the images in the data set, the most frequent first."""
    flagged = manifest.select("id", issue="issues").explode("issue").drop_nulls()
    wrong = shown.select("id", mistake=pl.col("label") != pl.col("predicted"))
    counted = (
        flagged.join(wrong, on="id", how="left")
        .group_by("issue")
        .agg(pl.len(), pl.col("mistake").count().alias("shown"), pl.col("mistake").sum().alias("mistakes"), pl.col("id").min())
        .sort(["len", "issue"], descending=[True, False])
    )
    return [Unusual(*row) for row in counted.rows()]


def _examples(rows: pl.DataFrame, thumbnails: dict[str, str]) -> list[Example]:
    """Makes examples of rows of the predictions table."""
    return [
        Example(row["id"], row["label"], row["predicted"], row["confidence"], thumbnails[row["id"]])
        for row in rows.iter_rows(named=True)
    ]
