"""What a training shows: one line an epoch, and under the lines a bar where a terminal looks."""

import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta

from rich.console import Console
from rich.progress import BarColumn, TaskID, TextColumn
from rich.progress import Progress as Bars

from models.train.progress import Progress

_ROUNDS_PER_LINE = 25

_SCORES = ("loss", "accuracy", "val_loss", "val_accuracy")
"""In the order of the history; Keras has them in that of the alphabet."""

_FIELDS = {"scores": 60, "rate": 85, "left": 40}
"""What stands beside the bar, and the columns that a terminal must have for it."""


class TrainingDisplay(Progress):
    """Prints on a console; the bar is there while `bars` is started."""

    def __init__(self, console: Console) -> None:
        """Shows nothing yet.

        Args:
            console: where to. One that is no terminal, or one that cannot move its cursor, gets no bar.
        """
        self._console = console
        fields = [TextColumn(f"{{task.fields[{name}]}}") for name, width in _FIELDS.items() if console.width >= width]
        columns = (TextColumn("{task.description}"), BarColumn(bar_width=None), *fields)
        self.bars = Bars(*columns, console=console, transient=True, expand=True, disable=not console.is_interactive)
        self._task: TaskID | None = None
        self._part, self._began, self._first, self._done = "", 0.0, 0, 0
        self._epoch, self._num_epochs, self._num_batches = 0, 0, 0

    def epoch_began(self, epoch: int, num_epochs: int, num_batches: int) -> None:
        self._epoch, self._num_epochs, self._num_batches = epoch, num_epochs, num_batches
        self._show_epoch(0)

    def batch_ended(self, batch: int, images_per_second: float, scores: Mapping[str, float]) -> None:
        self._show_epoch(batch, scores=_listed(scores), rate=f"{images_per_second:,.0f} images/s")

    def epoch_ended(self, row: Mapping[str, float], images_per_second: float, seconds: float) -> None:
        said = f"{_listed(row)}, {images_per_second:,.0f} images/s, {seconds:,.0f} s"
        self.line(f"epoch {self._epoch}/{self._num_epochs}: {said}")

    def features_computed(self, batch: int, num_batches: int) -> None:
        self._show("features", batch, num_batches, number=f"{batch:,}/{num_batches:,}")
        if batch == num_batches:
            self.line(f"features: computed once, of {num_batches:,} batches of images")

    def round_ended(self, number: int, num_rounds: int, scores: Mapping[str, float]) -> None:
        self._show("round", number, num_rounds, number=f"{number}/{num_rounds}", scores=_listed(scores))
        if number % _ROUNDS_PER_LINE == 0:
            self.line(f"round {number}/{num_rounds}: {_listed(scores)}")

    def fold_began(self, fold: int, num_folds: int, num_images: int) -> None:
        self.line(f"label fold {fold}/{num_folds}: a training without {num_images:,} images")

    def line(self, text: str) -> None:
        """Prints one line, however long it is."""
        self._console.print(text, soft_wrap=True)

    def _show_epoch(self, batch: int, scores: str = "", rate: str = "") -> None:
        done, total = (self._epoch - 1) * self._num_batches + batch, self._num_epochs * self._num_batches
        self._show("epoch", done, total, number=f"{self._epoch}/{self._num_epochs}", scores=scores, rate=rate)

    def _show(self, part: str, done: int, total: int, *, number: str, scores: str = "", rate: str = "") -> None:
        """Moves the bar; it begins anew with another part, and where a part begins again."""
        if self.bars.disable:
            return
        if part != self._part or done < self._done:
            self._part, self._began, self._first = part, time.monotonic(), done
            if self._task is not None:
                self.bars.remove_task(self._task)
            self._task = self.bars.add_task(f"{part} {number}", total=total, scores="", rate="", left="")
        self._done = done
        shown = {"description": f"{part} {number}", "scores": scores, "rate": rate, "left": self._left(total)}
        self.bars.update(self._task, completed=done, **shown)  # type: ignore[arg-type]  # set above

    def _left(self, total: int) -> str:
        """The time until the last epoch at this speed, validation included; early stopping may come before."""
        if self._done == self._first:
            return ""
        seconds = (time.monotonic() - self._began) / (self._done - self._first) * (total - self._done)
        return f"{timedelta(seconds=round(seconds))} left"


@contextmanager
def training_display() -> Iterator[TrainingDisplay]:
    """Shows a training on standard output while the block lasts."""
    is_terminal = None if sys.stdout.isatty() else False  # FORCE_COLOR makes a terminal of a file; a bar would fill a log
    display = TrainingDisplay(Console(force_terminal=is_terminal, markup=False, emoji=False, highlight=False))
    with display.bars:
        yield display


def _listed(scores: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {scores[name]:.4f}" for name in _SCORES if name in scores)
