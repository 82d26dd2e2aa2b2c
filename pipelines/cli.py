"""The `darkroom` command: what is not a stage of the graph."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from dataprep.config.base import SPLITS
from dataprep.core.artifacts import locate, read_document
from dataprep.core.errors import ArtifactError, DarkroomError, SourceError, closest, first_five, on_one_line, shortened
from pipelines.command import run_program, track
from pipelines.graph import cache_folder, option_value, out_of_date, output_path
from pipelines.lock import LockError, only_run
from pipelines.params import PARAMS_FILE, read_params
from pipelines.recipes import DEFAULTS, apply_recipe, read_header, recipe_names, restore_defaults

if TYPE_CHECKING:
    from dataprep.decode.image import Pixels  # which loads OpenCV, and a help page needs none

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, no_args_is_help=True)
preview = typer.Typer(no_args_is_help=True, help="Draws what a step does to a few images.")
app.add_typer(preview, name="preview")


@app.callback()
def darkroom() -> None:
    """From a folder of raw images to an error report. `dvc repro` does the work; this command helps around it."""


@app.command()
def show() -> None:
    """Shows the scores, the verdict and where the report is."""
    from models.diagnose.metrics import Metrics
    from models.diagnose.verdict import Diagnosis  # scikit-learn takes a second, which a help page should not
    from pipelines.at_work import holder_now

    holder = holder_now()
    try:
        metrics = read_document(output_path("diagnose", "metrics.json"), Metrics, stage="diagnose")
        diagnosis = read_document(output_path("diagnose", "diagnosis.json"), Diagnosis, stage="diagnose")
    except ArtifactError as error:
        if holder is None:
            raise
        raise LockError(f"there are no scores to show yet: {holder}") from error
    table = Table("split", "images", "accuracy", "95% interval", "macro F1", "log loss")
    for split in SPLITS:
        scores = metrics.of_split(split)
        low, high = scores.accuracy_interval
        table.add_row(
            split,
            f"{scores.images:,}",
            f"{scores.accuracy:.4f}",
            f"{low:.4f} - {high:.4f}",
            f"{scores.macro_f1:.4f}",
            f"{scores.log_loss:.4f}",
        )
    Console().print(table)
    for split in SPLITS:
        scores = metrics.of_split(split)
        if scores.worth < scores.images:
            print(f"{scores.images:,} {split} images, {scores.worth:,} independent (groups and copies go together)")
    baselines = " / ".join(f"{split} {metrics.of_split(split).majority_accuracy:.4f}" for split in SPLITS)
    print(f"answering {metrics.majority_class!r} for every image: {baselines}")
    print(f"{diagnosis.headline}\n{diagnosis.evidence}\nnext: {diagnosis.next_experiment}")
    if note := _age(holder):
        print(f"note: these figures are of an earlier run; {note}")
    print(f"report: {output_path('diagnose', 'index.html')}")


@app.command()
def labels(
    folder: Annotated[str, typer.Argument(metavar="SOURCE", help="A folder of images, or its URL.")],
    pattern: Annotated[str | None, typer.Option(help="As in ingest.pattern; without it one is proposed.")] = None,
) -> None:
    """Shows what the paths of a folder say: classes, groups, splits, and what looks wrong. Reads no pixels."""
    import polars as pl  # which takes longer than a help page should

    from dataprep.core.file_names import decode_name
    from dataprep.ingest.labels import survey_labels
    from dataprep.source.name_endings import likely_images
    from dataprep.source.other_files import counted_endings
    from dataprep.source.pattern_proposal import propose_pattern
    from dataprep.source.raw_folder import list_source, locate_folder
    from dataprep.source.unknown_folders import UNKNOWN, check_folders, folder_warnings

    source = locate_folder(folder)
    listed = list_source(source, read_params().ingest.skip if PARAMS_FILE.exists() else ())
    found = listed.files.filter(pl.col("reason").ne_missing("skipped"))
    names = found.filter(~pl.col("reason").is_in(list(UNKNOWN)).fill_null(value=False))["path"].to_list()
    every = [decode_name(path) for path in names]
    paths = likely_images(every)
    if not paths:
        check_folders(found, pattern or "{label}/{name}")
    survey = survey_labels(paths, pattern or propose_pattern(paths))
    matched = sum(row.num_files for row in survey.classes)
    if not matched:
        raise SourceError(
            f"the pattern {survey.pattern!r} must match the paths below {str(source)!r}; it matches none of {len(paths):,}, "
            f"for example {first_five(map(_shown, survey.unmatched[:2]))}. Leave --pattern out, and one is proposed"
        )
    given = [split for split in SPLITS if any(split in row.given_splits for row in survey.classes)]
    table = Table("class", "files", "groups", *given)
    for row in survey.classes:
        splits = [f"{row.given_splits.get(split, 0):,}" for split in given]
        table.add_row(_shown(row.name), f"{row.num_files:,}", f"{row.num_groups:,}" if row.num_groups else "-", *splits)
    _plain_console().print(table)
    skipped = listed.files.height - found.height
    by_name = f"; {skipped:,} are skipped by name" if skipped else ""
    print(f"{matched:,} of {len(paths):,} files match the {'given' if pattern else 'proposed'} pattern{by_name}")
    others = sorted({*every} - {*paths})
    if others:
        print(
            f"{len(others):,} more have no image's ending ({counted_endings(others)}), for example "
            f"{first_five(map(_shown, others[:2]))}; ingest skips those whose content is no image either"
        )
    if survey.unmatched:
        print(f"do not match: {first_five(map(_shown, survey.unmatched))}")
    class_names = {_shown(row.name) for row in survey.classes}
    for warning in [*folder_warnings(found, listed.empty_folders, survey.pattern, class_names), *survey.warnings]:
        print(f"warning: {warning.encode('utf-8', 'backslashreplace').decode()}")
    # Single quotes: in YAML, nothing within them has another meaning.
    quoted = survey.pattern.replace("'", "''")
    whole = source.resolve() if isinstance(source, Path) else source
    print(f"\nFor params.yaml:\ningest:\n  source: {whole}\n  pattern: '{quoted}'")


@app.command()
def files(
    status: Annotated[str | None, typer.Option(help="ok, quarantined or skipped.")] = None,
    reason: Annotated[str | None, typer.Option(help="For example undecodable; the table of ingest names them.")] = None,
    issue: Annotated[str | None, typer.Option(help="For example dark; the table of ingest names them.")] = None,
    duplicates: Annotated[bool, typer.Option("--duplicates", help="Exact copies: the same pixels in several files.")] = False,  # noqa: FBT002  # a flag
    near_duplicates: Annotated[bool, typer.Option("--near-duplicates", help="Clusters of near duplicates.")] = False,  # noqa: FBT002
) -> None:
    """Lists files of the manifest with what is known of them; by default those that are not used."""
    import polars as pl

    from dataprep.ingest.quality import ISSUES
    from dataprep.store.manifest import REASONS, STATUSES, find_copies, read_manifest

    _check_known("--status", status, STATUSES)
    _check_known("--reason", reason, REASONS)
    _check_known("--issue", issue, ISSUES)
    rows = read_manifest(output_path("ingest", "manifest.parquet"))
    firsts = dict(find_copies(rows).select("id", "first").rows()) if duplicates else {}
    chosen: list[pl.Expr] = []
    if status:
        chosen.append(pl.col("status") == status)
    if reason:
        chosen.append(pl.col("reason") == reason)
    if issue:
        chosen.append(pl.col("issues").list.contains(issue))
    if near_duplicates:
        chosen.append(pl.col("near_duplicate").is_not_null())
    if duplicates:
        chosen.append(pl.col("id").is_in(list(firsts)))
    chosen = chosen or [pl.col("status") != "ok"]
    listed = rows.filter(*chosen).with_columns(first=pl.col("id").replace_strict(firsts, default=None, return_dtype=pl.String))
    order = [name for name, asked in (("first", duplicates), ("near_duplicate", near_duplicates)) if asked]
    listed = listed.sort(*order, "id")
    for row in listed.iter_rows(named=True):
        notes = [f"{row['status']}: {row['reason']}" if row["reason"] else row["status"], row["message"]]
        notes += [", ".join(row["issues"] or []), row["near_duplicate"] and f"near duplicate of {row['near_duplicate']}"]
        notes.append(row["first"] and f"same picture as {row['first']}")
        print("\t".join(on_one_line(text) for text in [row["id"], *filter(None, notes)]))
    print(f"{listed.height:,} of {rows.height:,} files")


@preview.command(name="prepare")
def preview_prepare(
    output: Annotated[Path, typer.Option(dir_okay=False, help="The PNG to write.")] = Path("reports/preview-prepare.png"),
    images: Annotated[int, typer.Option(min=1, max=100, help="How many, spread over the classes.")] = 6,
    seed: Annotated[int, typer.Option(min=0, help="Another number chooses other images.")] = 0,
) -> None:
    """Draws a few images beside what each step of prepare makes of them, with params.yaml as it is now."""
    from dataprep.draw.prepare_preview import choose_images, draw_steps
    from dataprep.source.raw_folder import locate_source
    from dataprep.store.manifest import read_manifest, usable

    params = read_params()
    rows = usable(read_manifest(output_path("ingest", "manifest.parquet")))
    shown = f"{min(images, rows.height):,} of {rows.height:,} images"
    sheet = draw_steps(
        choose_images(rows, images, seed),
        source=locate_source(params.ingest.source, Path(option_value("prepare", "--embedded"))),
        decode=params.ingest.decode,
        prepare=params.prepare,
        title=f"prepare: {shown}, seed {seed}; sizes are height x width",
    )
    _write_sheet(output, sheet)
    print(f"preview: {shown} -> {output}")


@preview.command(name="augment")
def preview_augment(
    output: Annotated[Path, typer.Option(dir_okay=False, help="The PNG to write.")] = Path("reports/preview-augment.png"),
    images: Annotated[int, typer.Option(min=1, max=100, help="How many train images, spread over the classes.")] = 6,
    seed: Annotated[int, typer.Option(min=0, help="Another number chooses other images.")] = 0,
    menu: Annotated[bool, typer.Option("--all", help="Operations that are off as well.")] = False,  # noqa: FBT002  # a flag
) -> None:
    """Draws a few train images under each operation of augment and under all, with params.yaml as it is now."""
    from dataprep.draw.augment_preview import draw_variations
    from dataprep.store.shards import read_index

    config = read_params().augment
    prepared = locate(option_value("prepare", "--prepared"))
    num_train = sum(entry.num_images for entry in read_index(prepared, stage="prepare").of_split("train"))
    shown = f"{min(images, num_train):,} of {num_train:,} train images"
    title = f"augment: {shown}, seed {seed}"
    sheet = draw_variations(prepared, config, num_images=images, seed=seed, menu=menu, title=title)
    _write_sheet(output, sheet)
    print(f"preview: {shown} -> {output}")


@app.command()
def verify() -> None:
    """Reads again all that the last run made, and DVC's copies of it; names what is damaged and what mends it."""
    from pipelines.verify import files_of, find_damage, hash_files, read_outputs

    outputs, cache = read_outputs(), cache_folder()
    with only_run():  # what a stage is just writing is not damaged
        paths = files_of(outputs, cache)
        hashed = {entry.path: entry for entry in track(hash_files(paths), title="verify", total=len(paths), count=lambda _: 1)}
        found = list(find_damage(outputs, cache, hashed))
    for damage in found:
        print(damage)
    if found:
        print(f"verify: {len(found):,} of {len({*paths, *(damage.path for damage in found)}):,} files damaged")
        raise typer.Exit(2)
    copies = sum(path.is_relative_to(cache) for path in paths)
    num_bytes = sum(entry.num_bytes for entry in hashed.values())
    print(f"verify: {len(paths):,} files ({copies:,} of them in DVC's cache), {num_bytes / 1e6:,.1f} MB: all whole")


@app.command()
def doctor(
    mend: Annotated[bool, typer.Option("--mend", help="Mends what can be mended; what it replaces is kept.")] = False,  # noqa: FBT002  # a flag
    quick: Annotated[bool, typer.Option("--quick", help="Only what stops the next run; silent if nothing is.")] = False,  # noqa: FBT002
) -> None:
    """Finds what a kill, a merge or a copied folder left that stops DVC, explains it, and mends it if asked."""
    from pipelines.doctor import explain_troubles, mend_troubles

    lines = mend_troubles(deep=not quick) if mend else explain_troubles(deep=not quick)
    for line in lines:
        print(line)
    if not lines and not quick:
        print("doctor: nothing is torn, foreign or left behind")
    raise typer.Exit(2 if lines and not mend else 0)


@app.command()
def recipe(
    name: Annotated[str | None, typer.Argument(help="A file in recipes/, without its ending.")] = None,
    source: Annotated[str | None, typer.Option(metavar="SOURCE", help="Your folder of these images, or its URL.")] = None,
    reset: Annotated[bool, typer.Option("--reset", help="Restores the default parameters.")] = False,  # noqa: FBT002  # a flag
) -> None:
    """Writes a known experiment into params.yaml: the default parameters and what the recipe changes."""
    if reset and (name is not None or source is not None):
        raise DarkroomError("--reset must stand alone; it restores params.yaml as the project ships it. Leave out the rest")
    if reset:
        changes = restore_defaults()
        _print_changes(changes or [])
        print(f"recipe --reset: params.yaml is {DEFAULTS}{_counted(changes)}. Next: dvc repro")
        return
    if name is None:
        raise DarkroomError(f"recipe must have a name or --reset; got neither. Use one of: {', '.join(recipe_names())}")
    changes = apply_recipe(name, source)
    _print_changes(changes)
    where = "" if source else f"; its images: {read_header(name).source}"
    print(f"recipe {name}: params.yaml written{_counted(changes)}{where}\nNext: dvc repro")


@app.command()
def recipes() -> None:
    """Lists the known experiments: their data, and the score and the time that were measured."""
    table = Table("recipe", "data", "score", "time")
    for name in recipe_names():
        header = read_header(name)
        table.add_row(name, header.data, header.score, header.time)
    _plain_console().print(table)
    print("Apply one: darkroom recipe NAME [--source FOLDER]")


def _print_changes(changes: Sequence[str]) -> None:
    for change in changes:
        print(change)


def _counted(changes: Sequence[str] | None) -> str:
    return "" if changes is None else f", {len(changes)} values changed"


def _age(holder: str | None) -> str | None:
    """Why figures are of an earlier run; None where they are of the last."""
    if holder is not None:
        return holder
    try:
        stale = out_of_date()
    except LockError as error:  # between two stages, DVC alone is at work
        return str(error)
    return f"out of date: {', '.join(stale)}. Run: dvc repro" if stale else None


def _check_known(option: str, value: str | None, known: Sequence[str]) -> None:
    if value is None or value in known:
        return
    close = closest(value, known)
    fix = f"Did you mean {close}?" if close else "Correct it"
    raise DarkroomError(f"{option} must be one of {', '.join(known)}; got {shortened(value)}. {fix}")


def _write_sheet(output: Path, sheet: "Pixels") -> None:
    from dataprep.draw.contact_sheet import write_png

    try:
        write_png(output, sheet)
    except OSError as error:
        raise DarkroomError(f"--output {str(output)!r} cannot be written ({error.strerror}). Name another place") from error


def _shown(name: str) -> str:
    """A name of the file system as text that a terminal takes."""
    from dataprep.core.file_names import encode_name, printable

    return printable(encode_name(name))


def _plain_console() -> Console:
    """Prints other people's names as they are."""
    return Console(markup=False, emoji=False, highlight=False)


def main() -> None:
    run_program(app)
