"""The work of `darkroom predict`: guarded processes prepare files while the network loads; predictions become rows."""

import heapq
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

import polars as pl

from dataprep.core.artifacts import write_bytes, write_text
from dataprep.core.errors import first_five
from dataprep.source.name_endings import IMAGE_ENDINGS, ending_of
from dataprep.store.manifest import SKIPPED
from models.predict.isolated_preparation import prepare_guarded
from models.predict.prediction import Prediction, PreparedImage
from models.predict.prediction_table import Form, encode_rows, prediction_frame
from models.predict.predictor import Predictor
from models.predict.recipe import read_preparation
from pipelines.parameters.params import read_params
from pipelines.prediction.input_files import find_images
from pipelines.run.stage_runner import need_docstrings, need_temporary_folder, track

SHOWN = 240
"""Images on the page, at most."""


@dataclass(slots=True)
class Tally:
    """What is counted while predictions pass, and the least sure of them."""

    accepted: int = 0
    unlike: int = 0
    predicted: int = 0
    others: int = 0
    refused: list[Prediction] = field(default_factory=list)
    least_sure: list[tuple[float, int, Prediction]] = field(default_factory=list)

    def add(self, own: Prediction) -> None:
        if own.refused:
            self.refused.append(own)
            return
        self.predicted += 1
        self.accepted += own.accepted is True
        self.unlike += bool(own.unlike)
        heapq.heappush(self.least_sure, (-(own.confidence or 0.0), -self.predicted, own))
        if len(self.least_sure) > SHOWN:
            heapq.heappop(self.least_sure)  # the surest


def predict_files(
    images: Sequence[str], *, model: Path, out: Path | None, form: Form, precision: float | None, page: Path | None
) -> int:
    """Predicts files and writes the table; returns how many were refused.

    Args:
        images: as they were named on the command line.
        model: the model file.
        out: the table; None = standard output.
        form: of the table.
        precision: wanted of accepted answers; None = `predict.precision`.
        page: where a page of the least sure images goes; None = no page.

    Raises:
        DarkroomError: the model cannot be used, or there is nothing to predict.
    """
    params = read_params()
    index = read_preparation(model)
    files = find_images(images, params.ingest.skip)
    need_temporary_folder()
    need_docstrings()
    chunks = prepare_guarded(files, index, params.ingest.limits, params.execute, figures=True)
    wanted = params.predict.precision if precision is None else precision
    with ThreadPoolExecutor(1) as beside:  # the first files are read while TensorFlow is imported
        first = beside.submit(next, chunks)
        predictor = Predictor.load(model, precision=wanted, limits=params.ingest.limits)
        parts: Iterator[list[PreparedImage]] = chain([first.result()], chunks)
    tally = Tally()
    frames = _frames(predictor, track(parts, title="predict", total=len(files), count=len), tally)
    if out is None:
        for piece in encode_rows(frames, form):
            sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
    else:
        write_bytes(out, encode_rows(frames, form))
    if page is not None:
        from models.report.predictions_page import render_predictions

        shown = [own for _, _, own in sorted(tally.least_sure, key=lambda entry: entry[:2], reverse=True)]
        page.parent.mkdir(parents=True, exist_ok=True)
        write_text(page, render_predictions(shown, tally.refused, num_predicted=tally.predicted, note=predictor.note))
    for line in _lines(tally, predictor, out, page):
        print(line, file=sys.stderr)
    return len(tally.refused)


def _frames(predictor: Predictor, parts: Iterator[list[PreparedImage]], tally: Tally) -> Iterator[pl.DataFrame]:
    for part in parts:
        images = [image for image in part if not is_other_file(image)]
        tally.others += len(part) - len(images)
        found = predictor.classify(images)
        for own in found:
            tally.add(own)
        yield prediction_frame(found)


def is_other_file(image: PreparedImage) -> bool:
    """Whether a file is not meant as an image, by its name and content, as ingest skips `README` and `.csv`."""
    if image.refused is None:
        return False
    no_image = image.refused.reason in ("not_an_image", "empty") and ending_of(image.name) not in IMAGE_ENDINGS
    return no_image or image.refused.reason in SKIPPED


def _lines(tally: Tally, predictor: Predictor, out: Path | None, page: Path | None) -> Iterator[str]:
    if predictor.note:
        yield f"warning: {predictor.note}"
    counts = f"predict: {_counted(tally.predicted + len(tally.refused), 'image')} -> {tally.predicted:,} predicted"
    if predictor.reference is not None:
        counts += f", {tally.accepted:,} accepted, {tally.unlike:,} unlike the training images"
    where = f"; {out}" if out else ""
    yield f"{counts}; {len(tally.refused):,} refused{where}"
    if predictor.reference is not None and predictor.precision is not None:
        yield (
            f"accepted: confidence from {predictor.threshold:.4f} on, for a precision of {predictor.precision:g} on validation"
            if predictor.threshold is not None
            else f"accepted: none, since no confidence is certain to give a precision of {predictor.precision:g} on validation"
        )
    if tally.others:
        yield f"left out: {_counted(tally.others, 'file')}, by name and content no image"
    if tally.refused:
        reasons = (f"{own.name}: {own.refused.reason}" for own in tally.refused if own.refused)
        yield f"refused: {first_five(reasons)}"
    if page is not None:
        yield f"page: {page}"


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
