"""`darkroom predict`: what a model says of new images, one row an image."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from models.predict.prediction_table import Form

_PAGE = Path("reports/predictions.html")


def predict(
    images: Annotated[
        list[str], typer.Argument(metavar="PATH", help="Files, folders, patterns, URLs; - for a list on standard input.")
    ],
    model: Annotated[Path, typer.Option(help="The model; reference.npz beside it knows the training images.")] = Path(
        "artifacts/model.keras"
    ),
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A .csv, .parquet or .jsonl; by default CSV on standard output.")
    ] = None,
    precision: Annotated[
        float | None, typer.Option(help="Wanted of accepted answers, above 0, below 1; by default predict.precision.")
    ] = None,
    report: Annotated[bool, typer.Option("--report", help=f"Also writes {_PAGE}, the least sure first.")] = False,  # noqa: FBT002  # a flag
) -> None:
    """Predicts images: class, confidence, whether to accept it, and in what an image is unlike the training images.

    Ends with 3 where files were refused; each stands in the table with its reason.
    """
    from pipelines.environment_variables import settle

    settle()  # before any library reads it
    from pipelines.prediction.predicting import predict_files

    refused = predict_files(images, model=model, out=out, form=_form(out), precision=precision, page=_PAGE if report else None)
    if refused:
        raise typer.Exit(3)


def _form(out: Path | None) -> "Form":
    from dataprep.core.errors import DarkroomError
    from models.predict.prediction_table import FORMS

    form = "csv" if out is None else out.suffix.lower().removeprefix(".")
    for known in FORMS:
        if form == known:
            return known
    raise DarkroomError(f"--out must end in .{', .'.join(FORMS)}; got {str(out)!r}. Name another file")
