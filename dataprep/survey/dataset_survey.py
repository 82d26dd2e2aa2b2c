"""What a stranger's folder holds, before anything is decided: its names, its labels, and the look of a sample."""

import statistics
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from dataprep.config.base import SPLITS, SplitName
from dataprep.config.decode import Decoding
from dataprep.config.execute import ExecuteConfig
from dataprep.config.ingest import IngestConfig, LabelTableConfig
from dataprep.core.errors import SourceError, first_five
from dataprep.core.name_encoding import decode_name, encode_name
from dataprep.ingest.label_survey import survey_labels
from dataprep.ingest.label_table import label_files, read_label_table
from dataprep.source.name_endings import likely_images
from dataprep.source.path_pattern import PathFacts, compile_pattern
from dataprep.source.raw_folder import Source, list_source
from dataprep.source.unlisted_folders import UNKNOWN, check_folders
from dataprep.survey.column_proposal import propose_columns
from dataprep.survey.nested_copies import common_folder, nested_copies
from dataprep.survey.sample_looks import choose_sample, look_at_sample

_INK_PAPER, _INK_LEAST, _INK_MOST, _EVEN_BORDER, _PALE = 0.5, 0.003, 0.45, 20.0, 25.0
_COLORED = 8.0
"""Gray levels between channels, on average, from which an image is in color: JPEG alone makes some."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """What paths or a table say.

    Attributes:
        pattern: as in ingest.pattern.
        table: as in ingest.labels; None = the paths say it.
        class_files: files of each class.
        num_groups: different groups.
        given_splits: splits that are given, with their files.
        groups_straddle: some group has files in two given splits.
        warnings: what looks wrong.
    """

    pattern: str
    table: LabelTableConfig | None
    class_files: dict[str, int]
    num_groups: int = 0
    given_splits: dict[SplitName, int] = field(default_factory=dict)
    groups_straddle: bool = False
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Look:
    """What the images of a sample are like.

    Attributes:
        height, width: medians, pixels.
        shortest, longest: of all sides, 5th and 95th percentile, pixels.
        aspect_spread: 95th by 5th percentile of width / height.
        colored_fraction: of the images.
        drawing_fraction: of the images, ink on even paper.
        dark_ink: most of the drawings are dark on light.
        background: median gray level of the borders.
        paper_noise: standard deviation of the paper, gray levels, without `light_fall`.
        light_fall: median of how far the light falls over a drawing's paper, gray levels.
        images: of the sample.
    """

    height: int
    width: int
    shortest: int
    longest: int
    aspect_spread: float
    colored_fraction: float
    drawing_fraction: float
    dark_ink: bool
    background: int
    paper_noise: float
    light_fall: float
    images: int


@dataclass(frozen=True, slots=True)
class DatasetSurvey:
    """All of it.

    Attributes:
        source: the folder of the images, or its URL; one below that which was asked about, where that holds a copy of itself.
        skip: names to leave out besides those of the defaults.
        num_files: images by name.
        labelled: what names or a table say.
        look: of a sample.
    """

    source: Source
    skip: tuple[str, ...]
    num_files: int
    labelled: Labelled
    look: Look


def survey_dataset(
    source: Source, config: IngestConfig, execute: ExecuteConfig, *, pattern: str | None = None, table: Path | None = None
) -> DatasetSurvey:
    """Lists a folder and decodes a sample of it.

    Args:
        source: the raw folder.
        config: names to skip, limits, decoding.
        execute: where the sample is decoded.
        pattern: as in ingest.pattern; None = one is proposed.
        table: of labels; None = the paths say them.

    Raises:
        SourceError, ParamsError: the folder holds no images or cannot be listed, or no label is found.
    """
    found = list_source(source, config.skip).files.filter(pl.col("reason").ne_missing("skipped"))
    check_folders(found, "{label}/{name}")
    source, files, skip = _without_copies(source, _images(found, source))
    paths = files["name"].to_list()
    labelled = label_by_table(paths, table) if table is not None else label_by_paths(paths, pattern)
    decoding = Decoding(**config.decode.model_dump(), levels={})
    sample = choose_sample(files)
    looks = look_at_sample(sample, source=source, decoding=decoding, limits=config.limits, execute=execute)
    if looks.is_empty():
        raise SourceError(
            f"SOURCE must hold images; of a sample of {sample.height:,} files below {str(source)!r} none can be decoded. Look "
            "at one of them"
        )
    return DatasetSurvey(source, skip, len(paths), labelled, summarise(looks))


def label_by_paths(paths: Sequence[str], pattern: str | None) -> Labelled:
    """Reads the labels from the paths, by the pattern or by one that is proposed."""
    survey = survey_labels(paths, pattern)
    if not survey.classes:
        raise SourceError(
            f"the pattern {survey.pattern!r} must match the paths; it matches none of {len(paths):,}. Leave it out"
        )
    lost = survey.unmatched
    unmatched = [f"{len(lost):,} files do not match the pattern: {first_five(lost)}"] if lost else []
    warnings = (*survey.warnings, *unmatched)
    compiled = compile_pattern(survey.pattern)
    if "group" in compiled.groupindex:
        facts = [fact for fact in survey.facts if fact is not None]
        return Labelled(survey.pattern, None, *_counted(facts), warnings=warnings)
    splits = {split: sum(row.given_splits.get(split, 0) for row in survey.classes) for split in SPLITS}
    given = {split: count for split, count in splits.items() if count}
    return Labelled(survey.pattern, None, {row.name: row.num_files for row in survey.classes}, 0, given, warnings=warnings)


def label_by_table(paths: Sequence[str], table: Path) -> Labelled:
    """Reads the labels from the columns of a table that are proposed."""
    encoded = [encode_name(path) for path in paths]
    columns = propose_columns(table, encoded)
    found = label_files(read_label_table(columns), encoded, columns.file)
    facts = [PathFacts(*row) for row in found.facts.filter(pl.col("label").is_not_null()).rows()]
    bare = len(paths) - len(facts)
    unlabelled = [f"images without a row with a label: {bare:,}"] if bare else []
    return Labelled("{label}/{name}", columns, *_counted(facts), warnings=(*found.warnings, *unlabelled))


def _counted(facts: Sequence[PathFacts]) -> tuple[dict[str, int], int, dict[SplitName, int], bool]:
    classes: defaultdict[str, int] = defaultdict(int)
    splits: defaultdict[SplitName, int] = defaultdict(int)
    groups: defaultdict[str, set[str]] = defaultdict(set)
    for fact in facts:
        classes[fact.label] += 1
        if fact.given_split is not None:
            splits[fact.given_split] += 1
        if fact.group is not None:
            groups[fact.group].add(fact.given_split or "train")
    return (
        dict(sorted(classes.items())),
        len(groups),
        {name: splits[name] for name in SPLITS if splits[name]},
        any(len(found) > 1 for found in groups.values()),
    )


def _images(found: pl.DataFrame, source: Source) -> pl.DataFrame:
    """The files that look like images: path, bytes and name, which is the path as text."""
    files = found.filter(~pl.col("reason").is_in(list(UNKNOWN)).fill_null(value=False)).select("path", "bytes")
    names = [decode_name(path) for path in files["path"].to_list()]
    images = files.with_columns(name=pl.Series(names, dtype=pl.String)).filter(pl.col("name").is_in(likely_images(names)))
    if images.is_empty():
        raise SourceError(f"SOURCE must hold images; {str(source)!r} holds none by name. Correct the path")
    return images


def _without_copies(source: Source, files: pl.DataFrame) -> tuple[Source, pl.DataFrame, tuple[str, ...]]:
    """Leaves out folders that repeat what lies beside them; the folder that holds all files becomes the source then.

    What is to be skipped is a name, and the name of such a folder is often that of the folder above as well.
    """
    names = files["name"].to_list()
    below = common_folder(names)
    start = len(f"{below}/") if below else 0
    inner = [name[start:] for name in names]
    copies = nested_copies(inner)
    if not copies:
        return source, files, ()
    whole = source / below if isinstance(source, Path) else f"{source}/{below}"
    kept = pl.Series([not set(name.split("/")) & set(copies) for name in inner], dtype=pl.Boolean)
    moved = files.with_columns(path=pl.Series(map(encode_name, inner), dtype=pl.Binary), name=pl.Series(inner, dtype=pl.String))
    return (whole if below else source), moved.filter(kept), tuple(copies)


def summarise(looks: pl.DataFrame) -> Look:
    """Sums up a sample.

    Args:
        looks: columns of `LOOKS`, at least one row.
    """
    drawing = (
        (pl.col("paper_fraction") >= _INK_PAPER)
        & pl.col("ink_fraction").is_between(_INK_LEAST, _INK_MOST)
        & (pl.col("border_spread") <= _EVEN_BORDER)
        & (pl.col("colored") <= _PALE)
    )
    drawn = looks.filter(drawing)
    sides = pl.concat([looks["width"], looks["height"]])
    aspects = looks["width"] / looks["height"]
    of = drawn if drawn.height else looks
    colored, light = int((looks["colored"] > _COLORED).sum()), int((of["background"] >= 128).sum())
    return Look(
        height=round(statistics.median(looks["height"])),
        width=round(statistics.median(looks["width"])),
        shortest=int(sides.quantile(0.05, "nearest") or 1),
        longest=int(sides.quantile(0.95, "nearest") or 1),
        aspect_spread=float((aspects.quantile(0.95) or 1) / (aspects.quantile(0.05) or 1)),
        colored_fraction=colored / looks.height,
        drawing_fraction=drawn.height / looks.height,
        dark_ink=2 * light >= of.height,
        background=round(statistics.median(of["background"])),
        paper_noise=float(statistics.median(of["paper_noise"])),
        light_fall=float(statistics.median(of["light_fall"])),
        images=looks.height,
    )
