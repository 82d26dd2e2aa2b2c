"""`darkroom diagnose`: a page about the predictions of somebody else's model."""

from pathlib import Path
from typing import Annotated

import typer


def diagnose(
    predictions: Annotated[
        Path, typer.Argument(metavar="PREDICTIONS", help="A .parquet or .csv; docs/external_predictions.md has its columns.")
    ],
    images: Annotated[Path | None, typer.Option(help="The folder below which the paths lie, to show images.")] = None,
    out: Annotated[Path, typer.Option(help="The folder of the page.")] = Path("reports/external"),
    target: Annotated[float | None, typer.Option(help="Accuracy, 0-1; by default diagnose.target_accuracy.")] = None,
) -> None:
    """Writes a page about the predictions of somebody else's model: scores, confusions, calibration, doubtful labels."""
    from dataprep.core.errors import DarkroomError
    from pipelines.parameters.params import read_params

    params = read_params()
    wanted = params.diagnose.target_accuracy if target is None else target
    if not 0 <= wanted <= 1:
        raise DarkroomError(f"--target must be a fraction from 0 to 1; got {wanted:g}. Correct it")
    if images is not None and not images.is_dir():
        raise DarkroomError(f"--images must be a folder; {str(images)!r} is none. Correct it")

    from dataprep.config.decode import Decoding
    from dataprep.core.artifacts import write_text
    from models.diagnose.external_judgement import judge_external
    from models.diagnose.external_predictions import read_external_predictions
    from models.report.external_page import choose_images, read_cards, render_external

    rows = read_external_predictions(predictions)
    judgement = judge_external(rows, target_accuracy=wanted, seed=params.diagnose.seed)
    shown = choose_images(rows, judgement)
    decoding = Decoding(**params.ingest.decode.model_dump(), levels={})
    cards = {} if images is None else read_cards(images, shown.paths, decoding)
    page = out / "index.html"
    page.parent.mkdir(parents=True, exist_ok=True)
    write_text(page, render_external(rows, judgement, shown, cards))
    print(judgement.verdict, *judgement.remarks, sep="\n")
    if images is not None and len(cards) < len(shown.paths):
        print(f"warning: {len(shown.paths) - len(cards):,} of {len(shown.paths):,} images to show cannot be read in {images}")
    print(f"page: {page}")
