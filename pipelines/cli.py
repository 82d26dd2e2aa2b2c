"""The `darkroom` command: what is not a stage of the graph."""

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from dataprep.artifacts import read_document
from dataprep.config import SPLITS
from pipelines.command import run_app
from pipelines.graph import out_of_date, output_path
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
    run_app(app)
