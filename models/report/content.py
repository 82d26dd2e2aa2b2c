"""What the report shows, gathered from the outputs of the earlier steps."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from dataprep.augment.balance import shown_per_class
from dataprep.config.augment import AugmentConfig
from dataprep.config.base import SplitName
from dataprep.core.artifacts import Place
from dataprep.draw.augment_preview import draw_variations
from dataprep.ingest.look_alike_classes import look_alike_warnings
from dataprep.store.split_report import SplitMetrics
from models.config.diagnose import DiagnoseConfig
from models.diagnose.diagnosis import Diagnosis
from models.diagnose.examples import correct_examples, mistakes_by_cell, worst_mistakes
from models.diagnose.facts import Facts
from models.diagnose.metrics import Metrics
from models.evaluate.robustness import Robustness
from models.report.charts import learning_curves
from models.report.thumbnails import png_address, read_thumbnails

CORRECT_PER_CLASS = 3
LISTED_FILES = 20
SHEET_IMAGES = 5
FITTING_PX = 1600


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
class Balance:
    """Train images of one class, and how many of them, varied or copied, the network sees in an epoch."""

    class_name: str
    num_images: int
    num_shown: int


@dataclass(frozen=True, slots=True)
class Content:
    """All that the page shows."""

    metrics: Metrics
    diagnosis: Diagnosis
    data: SplitMetrics
    detail: str  # what is stored of an image
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
    robustness: Robustness
    balance: list[Balance]
    sheet: str  # data address of a PNG
    varies: bool  # whether any of it happens
    sheet_fits: bool  # on a page, shrunk a little
    look_alikes: list[str]  # at most one line


def collect(
    predictions: pl.DataFrame,
    *,
    facts: Facts,
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
        facts: from `models.diagnose.facts.gather`.
        diagnosis: from `models.diagnose.diagnosis.diagnose`.
        history: one row per epoch.
        manifest: for the files that are not in the data set.
        data: counts of the split stage.
        prepared: the folder with the images.
        config: how many of each to show.
    """
    metrics, settings, robustness = facts.metrics, facts.settings, facts.evidence.robustness
    worst = worst_mistakes(predictions, config.split, config.worst_images)
    correct = correct_examples(predictions, config.split, CORRECT_PER_CLASS)
    cells = mistakes_by_cell(predictions, config.split, config.images_per_cell)
    ids = {image_id for rows in (worst, correct, cells) for image_id in rows["id"].to_list()}
    thumbnails = read_thumbnails(prepared, ids, max_px=config.thumbnail_px)
    sheet = draw_variations(
        prepared, settings.augment, num_images=SHEET_IMAGES, seed=config.seed, all_operations=False, title="train images"
    )
    quarantined = manifest.filter(pl.col("status") == "quarantined")
    return Content(
        metrics=metrics,
        diagnosis=diagnosis,
        data=data,
        detail=facts.pictures.detail.sentence,
        shown_split=config.split,
        learning_curves=learning_curves(history, int(settings.kept_epoch(history)["epoch"])),
        worst=_examples(worst, thumbnails),
        correct=_examples(correct, thumbnails),
        cells=_examples(cells, thumbnails),
        unusual=_unusual(manifest, predictions.filter(pl.col("split") == config.split)),
        quarantined=[Quarantined(**row) for row in quarantined.select("id", "reason", "message").head(LISTED_FILES).to_dicts()],
        num_quarantined=quarantined.height,
        num_skipped=manifest.filter(pl.col("status") == "skipped").height,
        num_files=manifest.height,
        robustness=robustness,
        balance=_balance(data, settings.augment),
        sheet=png_address(sheet, max_px=max(sheet.shape)),
        varies=settings.augment.varies,
        sheet_fits=sheet.shape[1] <= FITTING_PX,
        look_alikes=look_alike_warnings(row.class_name for row in data.classes),
    )


def _balance(data: SplitMetrics, augment: AugmentConfig) -> list[Balance]:
    counts = [row.train.images for row in data.classes]
    shown = shown_per_class(np.array(counts), augment).tolist()
    return [Balance(row.class_name, count, times) for row, count, times in zip(data.classes, counts, shown, strict=True)]


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
