"""`darkroom compare`: which images one run gets right and another wrong, and what of it is more than chance."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    import polars as pl

    from models.compare.answer_changes import Comparison
    from pipelines.workspace.earlier_runs import EarlierRun

_THUMBNAIL_PX = 96


def compare(
    first: Annotated[str, typer.Argument(metavar="REV_A", help="A revision of Git, an experiment of DVC, or a folder.")],
    second: Annotated[str, typer.Argument(metavar="REV_B", help="Likewise; this folder if not given.")] = ".",
    split: Annotated[
        Literal["train", "validation", "test"], typer.Option(help="Whose images and slices are listed.")
    ] = "validation",
    out: Annotated[Path, typer.Option(help="The page.")] = Path("reports/compare.html"),
) -> None:
    """Compares two runs image by image: what went from right to wrong and back, and which slices moved."""
    from dataprep.core.artifacts import write_text
    from models.compare.answer_changes import compare as compare_answers
    from models.compare.page import headline, left_out, render, shown_ids
    from pipelines.workspace.dvc_graph import output_path
    from pipelines.workspace.earlier_runs import find_run

    predictions, assigned = output_path("evaluate", "predictions.parquet"), output_path("split", "split.parquet")
    manifest = output_path("ingest", "manifest.parquet")
    runs = [find_run(name, [predictions, assigned, manifest]) for name in (first, second)]
    before, after = (_answers(run, predictions, assigned) for run in runs)
    compared = compare_answers(before, after, _groups(runs, manifest), split)
    out.parent.mkdir(parents=True, exist_ok=True)
    thumbnails = _thumbnails(shown_ids(compared), [second, first, "."])
    write_text(out, render(compared, (_called(first), _called(second)), thumbnails))
    for line in _lines(compared):
        print(line)
    for sentence in left_out(compared):
        print(f"compare: {sentence}")
    print(f"compare: {headline(compared, (_called(first), _called(second)))}")
    print(f"page: {out}")


def _called(name: str) -> str:
    return "this folder" if name == "." else name


def _answers(run: "EarlierRun", predictions: Path, split: Path) -> "pl.DataFrame":
    from dataprep.core.errors import ArtifactError
    from models.compare.run_answers import read_answers

    places = run.need(predictions), run.need(split)
    try:
        return read_answers(*places)
    except ArtifactError as error:
        raise ArtifactError(f"{run.name}: its {predictions} and {split} cannot be compared ({error})") from error


def _groups(runs: "list[EarlierRun]", manifest: Path) -> "pl.DataFrame | None":
    """Groups and origins by the newest manifest that is at hand and can be read."""
    from dataprep.core.errors import ArtifactError
    from dataprep.store.manifest import read_manifest

    for run in reversed(runs):
        if manifest in run.files:
            try:
                return read_manifest(run.files[manifest], ["id", "group", "origin"])
            except ArtifactError:  # of an earlier format version: groups are left out
                continue
    return None


def _thumbnails(ids: set[str], names: list[str]) -> dict[str, str]:
    """Pictures of the images that a folder has prepared; none where no folder has them all."""
    from dataprep.core.errors import ArtifactError
    from models.report.pictures import read_pictures
    from pipelines.workspace.dvc_graph import option_value

    prepared = Path(option_value("evaluate", "--prepared"))
    for folder in dict.fromkeys(Path(name) for name in names):
        if (folder / prepared).is_dir():
            try:
                return read_pictures(folder / prepared, ids, cards=ids, whole=(), card_px=_THUMBNAIL_PX).cards
            except ArtifactError:  # of other images
                continue
    return {}


def _lines(compared: "Comparison") -> list[str]:
    """The accuracies, and the slices that moved."""
    splits = [
        f"{name}: {own.before:.4f} -> {own.after:.4f}, {100 * own.difference:+.1f} points ({100 * own.interval[0]:+.1f} to "
        f"{100 * own.interval[1]:+.1f}); {own.images:,} images, {own.lost:,} from right to wrong, {own.gained:,} from wrong to "
        f"right; McNemar p = {own.p_value:.3g}"
        for name, own in compared.differences.items()
    ]
    moved = [
        f"moved: {own.kind} {own.name!r}, recall {own.difference.before:.4f} -> {own.difference.after:.4f}, "
        f"p = {own.p_value:.3g} corrected for {len(compared.slices):,} slice{'' if len(compared.slices) == 1 else 's'}"
        for own in compared.slices
        if own.moved
    ]
    return [*splits, *moved]
