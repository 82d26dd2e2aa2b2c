"""What the report shows, gathered from the outputs of the earlier steps."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from dataprep.augment.balance import shown_per_class
from dataprep.config.augment import AugmentConfig
from dataprep.config.base import SPLITS, SplitName
from dataprep.core.artifacts import Place
from dataprep.draw.augment_preview import draw_variations
from dataprep.ingest.look_alike_classes import look_alike_warnings
from dataprep.store.manifest import usable
from dataprep.store.split_report import SplitMetrics
from models.config.diagnose import DiagnoseConfig
from models.diagnose.diagnosis import Diagnosis
from models.diagnose.facts import Facts
from models.diagnose.metrics import Metrics
from models.diagnose.slices import Slice
from models.evaluate.calibration import Calibration
from models.evaluate.examples import correct_examples, opened_examples, worst_mistakes
from models.evaluate.robustness import Robustness
from models.report.charts import learning_curves
from models.report.feature_map import draw_map
from models.report.gallery import Asked, Gallery, build_gallery
from models.report.heat import heat_addresses
from models.report.nearest import nearest_train_images
from models.report.pictures import sheet_address
from models.report.raw_links import raw_file_link
from models.train.network_sheet import ChangedSetting, NetworkSheet

CORRECT_ON_CARDS = 60
NEAR = 4
NEAR_OF = 300
"""Images whose nearest train images are looked for, so many of each."""
IMAGES_OF_FINDING = 8
SUSPECTS = 100
SUSPECTS_ON_CARDS = 24
AUGMENTATION_BYTES = 900_000
LISTED_FILES = 20
LISTED_SLICES = 12
SHEET_IMAGES = 5
FITTING_PX = 1600
CLUSTERS = 6
PER_CLUSTER = 4
PER_ISSUE = 6


@dataclass(frozen=True, slots=True)
class Quarantined:
    """One file that is not in the data set; the link to it is None where the page can have none."""

    id: str
    reason: str
    message: str
    link: str | None


@dataclass(frozen=True, slots=True)
class Corrected:
    """One image of which a person decided something; the given label is that of its path, where another one is right."""

    id: str
    correction: str
    given_label: str | None
    label: str | None


@dataclass(frozen=True, slots=True)
class Unusual:
    """One issue of quality: how many images have it, and how they fare in the shown split."""

    issue: str
    num_images: int
    num_shown: int  # in the shown split
    num_mistakes: int
    example: str
    shown: list[str]  # ids of images that the page may show, at most `PER_ISSUE`


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
    gallery: Gallery
    worst: list[str]  # ids, as the next three
    correct: list[str]
    suspects: list[str]
    num_suspects: dict[SplitName, int]
    of_findings: dict[str, list[str]]
    unusual: list[Unusual]
    quarantined: list[Quarantined]
    num_quarantined: int
    num_skipped: int
    num_files: int
    robustness: Robustness
    calibration: Calibration
    slices: list[Slice]
    num_slices: int
    corrected: list[Corrected]
    num_corrected: int
    corrections: list[tuple[str, str, str]]  # id, mark and label of all that a person decided: a new export keeps them
    balance: list[Balance]
    sheet: str  # data address of a PNG
    varies: bool  # whether any of it happens
    sheet_fits: bool  # on a page, shrunk a little
    look_alikes: list[str]  # at most one line
    network: NetworkSheet
    changed_settings: list[ChangedSetting]
    duplicates: list[list[str]]  # ids of images that show the same, side by side
    num_duplicates: int  # such clusters in train and the shown split
    raw: str | None  # the raw folder as the page links to it
    raw_exceptions: dict[str, str]  # by id, links to raw files of another name


_LABEL_OF_MARK = pl.when(pl.col("correction") == "wrong_label").then("label").otherwise(pl.lit("")).alias("mark_label")
"""The third column of ingest.corrections."""


@dataclass(frozen=True, slots=True)
class Sources:
    """What the report shows beside the judgement.

    Attributes:
        history: one row per epoch.
        manifest: for the files that are not in the data set.
        data: counts of the split stage.
        prepared: the folder with the images.
        features: of all images: id, and one column per feature; none of some networks.
        saliency: the table of saliency maps.
        network: what is said of it.
        default_settings: the sections of params.yaml that made it, as they are shipped.
        raw: the raw folder as the page links to it; None where it cannot.
    """

    history: pl.DataFrame
    manifest: pl.DataFrame
    data: SplitMetrics
    prepared: Place
    features: pl.DataFrame
    saliency: pl.DataFrame
    network: NetworkSheet
    default_settings: Mapping[str, Mapping[str, Any]]
    raw: str | None


def collect(predictions: pl.DataFrame, facts: Facts, diagnosis: Diagnosis, sources: Sources, config: DiagnoseConfig) -> Content:
    """Chooses the images to show and reads them.

    Args:
        predictions: the table of predictions.
        facts: from `models.diagnose.facts.gather`.
        diagnosis: from `models.diagnose.diagnosis.diagnose`.
        sources: the images and the tables.
        config: how many of each to show.
    """
    metrics, settings, robustness = facts.metrics, facts.settings, facts.evidence.robustness
    sheet = draw_variations(
        sources.prepared,
        settings.augment,
        num_images=SHEET_IMAGES,
        seed=config.seed,
        all_operations=False,
        title="train images",
    )
    worst = worst_mistakes(predictions, config.split, config.worst_images)["id"].to_list()
    examples = opened_examples(
        predictions, config.split, worst_images=config.worst_images, images_per_cell=config.images_per_cell
    )
    correct = correct_examples(predictions, config.split)["id"].to_list()
    may_show = set(predictions.filter(pl.col("split").is_in(["train", config.split]))["id"])
    of_findings = {
        finding.id: [image_id for image_id in finding.images if image_id in may_show][:IMAGES_OF_FINDING]
        for finding in diagnosis.findings
    }
    named = [image_id for ids in of_findings.values() for image_id in ids]
    suspects = facts.evidence.suspects.filter(pl.col("id").is_in(may_show)).head(SUSPECTS)
    doubtful = suspects["id"].to_list()
    clusters = _duplicates(sources.manifest, may_show)
    unusual = _unusual(sources.manifest, predictions.filter(pl.col("split") == config.split), may_show)
    of_data = [image_id for ids in [*clusters[:CLUSTERS], *(own.shown for own in unusual)] for image_id in ids]
    opened = list(dict.fromkeys([*worst, *named, *doubtful, *examples, *of_data]))
    gallery = build_gallery(
        predictions,
        _groups(sources.manifest),
        Asked(
            opened=opened,
            on_cards=[*worst, *named, *doubtful[:SUSPECTS_ON_CARDS], *of_data, *correct[:CORRECT_ON_CARDS]],
            near=_neighbours(predictions, sources.features, opened[:NEAR_OF]),
            places=draw_map(
                sources.features.filter(pl.col("id").is_in(predictions.filter(split=config.split)["id"].implode()))
            ),
            heat=heat_addresses(sources.saliency),
            suggested=dict(suspects.select("id", "suggested").iter_rows()),
        ),
        prepared=sources.prepared,
        card_px=config.thumbnail_px,
    )
    quarantined = sources.manifest.filter(pl.col("status") == "quarantined")
    corrected = sources.manifest.filter(pl.col("correction").is_not_null()).select("id", "correction", "given_label", "label")
    return Content(
        metrics=metrics,
        diagnosis=diagnosis,
        data=sources.data,
        detail=facts.pictures.detail.sentence,
        shown_split=config.split,
        learning_curves=learning_curves(sources.history, int(settings.kept_epoch(sources.history)["epoch"])),
        gallery=gallery,
        worst=worst,
        correct=correct,
        suspects=doubtful,
        num_suspects={split: facts.evidence.suspects.filter(split=split).height for split in SPLITS},
        of_findings=of_findings,
        unusual=unusual,
        quarantined=[
            Quarantined(image_id, reason, message, raw_file_link(sources.raw, path))
            for image_id, reason, message, path in quarantined.select("id", "reason", "message", "path")
            .head(LISTED_FILES)
            .iter_rows()
        ],
        num_quarantined=quarantined.height,
        num_skipped=sources.manifest.filter(pl.col("status") == "skipped").height,
        num_files=sources.manifest.height,
        robustness=robustness,
        calibration=facts.evidence.calibration,
        slices=facts.evidence.slices[:LISTED_SLICES],
        num_slices=len(facts.evidence.slices),
        corrected=[Corrected(**row) for row in corrected.head(LISTED_FILES).iter_rows(named=True)],
        num_corrected=corrected.height,
        corrections=corrected.select("id", "correction", _LABEL_OF_MARK).rows(),
        balance=_balance(sources.data, settings.augment),
        sheet=sheet_address(sheet, most_bytes=AUGMENTATION_BYTES),
        varies=settings.augment.varies,
        sheet_fits=sheet.shape[1] <= FITTING_PX,
        look_alikes=look_alike_warnings(row.class_name for row in sources.data.classes),
        network=sources.network,
        changed_settings=sources.network.changed_settings(sources.default_settings),
        duplicates=clusters[:CLUSTERS],
        num_duplicates=len(clusters),
        raw=sources.raw,
        raw_exceptions=_raw_exceptions(sources.manifest, gallery, sources.raw),
    )


def _duplicates(manifest: pl.DataFrame, may_show: set[str]) -> list[list[str]]:
    """Clusters of images that show the same, at most `PER_CLUSTER` ids of each: those of several labels first, then by size."""
    twin = pl.when(pl.col("digest").is_duplicated()).then("digest")
    clusters = (
        usable(manifest)
        .filter(pl.col("id").is_in(may_show))
        .select("id", "label", cluster=pl.coalesce("near_duplicate", twin))
        .drop_nulls("cluster")
        .sort("id")
        .group_by("cluster", maintain_order=True)
        .agg("id", pl.col("label").n_unique().alias("labels"))
        .filter(pl.col("id").list.len() > 1)
        .sort("labels", pl.col("id").list.len(), descending=True, maintain_order=True)
    )
    return [ids[:PER_CLUSTER] for ids in clusters["id"].to_list()]


def _raw_exceptions(manifest: pl.DataFrame, gallery: Gallery, folder: str | None) -> dict[str, str]:
    """The raw files whose names are not the images' ids, which are printable, with their links."""
    shown = manifest.filter(pl.col("id").is_in([image.id for image in gallery.images])).select("id", "path")
    links = ((image_id, path, raw_file_link(folder, path)) for image_id, path in shown.iter_rows())
    return {image_id: link for image_id, path, link in links if link is not None and path != image_id.encode()}


def _balance(data: SplitMetrics, augment: AugmentConfig) -> list[Balance]:
    counts = [row.train.images for row in data.classes]
    shown = shown_per_class(np.array(counts), augment).tolist()
    return [Balance(row.class_name, count, times) for row, count, times in zip(data.classes, counts, shown, strict=True)]


def _unusual(manifest: pl.DataFrame, shown: pl.DataFrame, may_show: set[str]) -> list[Unusual]:
    """Counts the issues of the images in the data set, the most frequent first."""
    flagged = manifest.select("id", issue="issues").explode("issue").drop_nulls()
    wrong = shown.select("id", mistake=pl.col("label") != pl.col("predicted"))
    examples = pl.col("id").filter(pl.col("id").is_in(may_show)).sort().head(PER_ISSUE).alias("examples")
    counted = (
        flagged.join(wrong, on="id", how="left")
        .group_by("issue")
        .agg(
            pl.len(),
            pl.col("mistake").count().alias("shown"),
            pl.col("mistake").sum().alias("mistakes"),
            pl.col("id").min(),
            examples,
        )
        .sort(["len", "issue"], descending=[True, False])
    )
    return [Unusual(*row) for row in counted.rows()]


def _neighbours(predictions: pl.DataFrame, features: pl.DataFrame, ids: list[str]) -> dict[str, list[str]]:
    wanted = features.filter(pl.col("id").is_in(ids))
    train = features.filter(pl.col("id").is_in(predictions.filter(split="train")["id"].implode()))
    return nearest_train_images(wanted, train, NEAR)


def _groups(manifest: pl.DataFrame) -> dict[str, str]:
    """The groups of images by id, of those that have one."""
    return dict(manifest.select("id", "group").drop_nulls().iter_rows())
