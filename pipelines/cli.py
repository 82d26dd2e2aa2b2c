"""The `darkroom` command: what is not a stage of the graph."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from dataprep.artifacts import read_document
from dataprep.config import SPLITS
from dataprep.errors import first_five
from pipelines.command import run_program
from pipelines.graph import out_of_date, output_path
from pipelines.params import PARAMS_FILE, read_params
from pipelines.recipes import apply_recipe, recipe_titles

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, no_args_is_help=True)


@app.callback()
def darkroom() -> None:
    """From a folder of raw images to an error report. `dvc repro` does the work; this command helps around it."""


@app.command()
def show() -> None:
    """Shows the scores, the verdict and where the report is."""
    from models.diagnose import Diagnosis  # scikit-learn takes a second, which a help page should not
    from models.metrics import Metrics

    metrics = read_document(output_path("diagnose", "metrics.json"), Metrics, stage="diagnose")
    diagnosis = read_document(output_path("diagnose", "diagnosis.json"), Diagnosis, stage="diagnose")
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
    print(f"{diagnosis.headline}\n{diagnosis.evidence}\nnext: {diagnosis.next_experiment}")
    stale = out_of_date()
    if stale:
        print(f"note: these figures are of an earlier run; out of date: {', '.join(stale)}. Run: dvc repro")
    print(f"report: {output_path('diagnose', 'index.html')}")


@app.command()
def labels(
    source: Annotated[Path, typer.Argument(help="A folder of images.")],
    pattern: Annotated[str | None, typer.Option(help="As in ingest.pattern; without it one is proposed.")] = None,
) -> None:
    """Shows what the paths of a folder say: classes, groups, splits, and what looks wrong. Reads no pixels."""
    import polars as pl

    from dataprep.labels import propose_pattern, survey_labels  # polars takes longer than a help page should
    from dataprep.source import printable, scan

    skip = read_params().ingest.skip if PARAMS_FILE.exists() else ()
    found = scan(source.expanduser(), skip)
    paths = [printable(path) for path in found.filter(pl.col("reason").ne_missing("skipped"))["path"].to_list()]
    survey = survey_labels(paths, pattern or propose_pattern(paths))
    given = [split for split in SPLITS if any(split in row.given_splits for row in survey.classes)]
    table = Table("class", "files", "groups", *given)
    for row in survey.classes:
        splits = [f"{row.given_splits.get(split, 0):,}" for split in given]
        table.add_row(row.name, f"{row.num_files:,}", f"{row.num_groups:,}" if row.num_groups else "-", *splits)
    Console(markup=False, emoji=False, highlight=False).print(table)
    matched = sum(row.num_files for row in survey.classes)
    skipped = f"; {found.height - len(paths):,} are skipped" if found.height > len(paths) else ""
    print(f"pattern {survey.pattern!r}{'' if pattern else ' (proposed)'}: {matched:,} of {len(paths):,} files match{skipped}")
    if survey.unmatched:
        print(f"do not match: {first_five(survey.unmatched)}")
    for warning in survey.warnings:
        print(f"warning: {warning}")


@app.command()
def recipe(name: Annotated[str, typer.Argument(help="A file in recipes/, without its ending.")]) -> None:
    """Writes a known experiment into params.yaml; run `dvc repro` afterwards."""
    changes = apply_recipe(name)
    for change in changes:
        print(change)
    print(
        f"recipe {name}: {len(changes)} values changed in params.yaml; recipes/{name}.yaml says where its images come from. "
        "Next: dvc repro"
    )


@app.command()
def recipes() -> None:
    """Lists the known experiments."""
    titles = recipe_titles()
    for name, title in titles.items():
        print(f"{name:<{max(map(len, titles))}}  {title}")


def main() -> None:
    run_program(app)
