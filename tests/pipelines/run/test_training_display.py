"""What a training shows on a terminal and elsewhere. It is driven here as Keras drives it, without Keras' own `fit`."""

import io
import re
import time
from collections.abc import Callable

import pytest
from rich.console import Console

from models.train.progress import EpochProgress
from pipelines.run.training_display import TrainingDisplay, training_display

ROW = {"accuracy": 0.96, "loss": 0.1234, "val_accuracy": 0.9, "val_loss": 0.25}  # in the order of Keras
LINE = r"epoch {}/3: loss 0\.1234, accuracy 0\.9600, val_loss 0\.2500, val_accuracy 0\.9000, [\d,]+ images/s, \d s"


COLOR = r"\x1b\[[0-9;]*(?:3\d|9[0-7])[0-9;]*m"
"""A color of any number of bits: rich keeps the codes of a style that another console of this process has shown."""


@pytest.fixture
def make_console(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Console]:
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")

    def make(*, terminal: bool, width: int = 100) -> Console:
        return Console(file=io.StringIO(), force_terminal=terminal, width=width, markup=False, emoji=False, highlight=False)

    return make


def watch_epochs(display: TrainingDisplay, num_epochs: int = 2) -> None:
    """Epochs of 4 batches of 100 images, of at most 3 epochs."""
    callback = EpochProgress(display, num_epochs=3, num_batches=4, num_images=400)
    for epoch in range(num_epochs):
        callback.on_epoch_begin(epoch)
        for batch in range(4):
            callback.on_train_batch_end(batch, {"accuracy": 0.96, "loss": 0.1234})
            display.bars.refresh()  # which a thread does now and then
        callback.on_epoch_end(epoch, ROW)


def shown(console: Console, drive: Callable[[TrainingDisplay], None]) -> str:
    display = TrainingDisplay(console)
    with display.bars:
        drive(display)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def plain(text: str) -> list[str]:
    """What stood on the terminal, one after the other, without the codes that move the cursor and give colours."""
    return [line for line in re.split(r"[\r\n]+", re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)) if line.strip()]


def test_where_no_terminal_looks_an_epoch_is_one_line(make_console: Callable[..., Console]) -> None:
    lines = shown(make_console(terminal=False, width=20), watch_epochs).splitlines()
    assert len(lines) == 2
    for number, line in enumerate(lines, start=1):
        assert re.fullmatch(LINE.format(number), line)


def test_a_terminal_shows_a_bar_with_loss_accuracy_speed_and_the_time_left(make_console: Callable[..., Console]) -> None:
    lines = plain(shown(make_console(terminal=True), watch_epochs))
    pattern = r"epoch 2/3 [━╸╺ ]+ loss 0\.1234, accuracy 0\.9600 [\d,]+ images/s \d:\d\d:\d\d left\s*"
    assert any(re.fullmatch(pattern, line) for line in lines), lines
    assert [line for line in lines if re.fullmatch(LINE.format(1), line.strip())]


def test_the_time_left_is_that_of_all_epochs(make_console: Callable[..., Console], monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = iter(range(0, 10_000, 60))
    monkeypatch.setattr(time, "monotonic", lambda: 0.0)
    display = TrainingDisplay(make_console(terminal=True))
    display.epoch_began(3, 4, 10)  # the epochs before were trained by a run that was killed
    monkeypatch.setattr(time, "monotonic", lambda: float(next(seconds)))
    next(seconds)
    display.batch_ended(5, 1.0, {})
    assert display.bars.tasks[0].fields["left"] == "0:03:00 left"  # 5 of 20 batches in a minute
    assert (display.bars.tasks[0].completed, display.bars.tasks[0].total) == (25, 40)


@pytest.mark.parametrize(
    ("width", "words"),
    [(16, []), (40, ["left"]), (60, ["loss 0.1234, accuracy 0.9600", "left"]), (85, ["accuracy", "images/s", "left"])],
)
def test_a_narrow_terminal_shows_what_it_has_room_for(
    make_console: Callable[..., Console], width: int, words: list[str]
) -> None:
    console = make_console(terminal=True, width=width)
    display = TrainingDisplay(console)
    display.epoch_began(12, 40, 10)
    display.batch_ended(5, 123_456.0, {"loss": 0.1234, "accuracy": 0.96})
    (row,) = console.render_lines(display.bars.get_renderable())
    text = "".join(segment.text for segment in row)
    assert all(word in text for word in ["epoch 12/40", "━", *words]), text
    assert "…" not in text


def test_no_color_is_respected(make_console: Callable[..., Console], monkeypatch: pytest.MonkeyPatch) -> None:
    assert re.search(COLOR, shown(make_console(terminal=True), watch_epochs))
    monkeypatch.setenv("NO_COLOR", "1")
    assert not re.search(COLOR, shown(make_console(terminal=True), watch_epochs))


def test_a_terminal_that_cannot_move_its_cursor_gets_lines_alone(
    make_console: Callable[..., Console], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "dumb")
    assert len(shown(make_console(terminal=True), watch_epochs).splitlines()) == 2


def test_features_and_rounds_of_trees_are_shown(make_console: Callable[..., Console]) -> None:
    def drive(display: TrainingDisplay) -> None:
        for batch in (1, 2):
            display.features_computed(batch, 2)
            display.bars.refresh()
        for number in range(1, 51):
            display.round_ended(number, 200, {"val_loss": 0.5, "val_accuracy": 0.75})
        display.bars.refresh()

    assert shown(make_console(terminal=False), drive).splitlines() == [
        "features: computed once, of 2 batches of images",
        "round 25/200: val_loss 0.5000, val_accuracy 0.7500",
        "round 50/200: val_loss 0.5000, val_accuracy 0.7500",
    ]
    lines = plain(shown(make_console(terminal=True), drive))
    assert any(line.startswith("features 1/2 ") for line in lines)
    assert any(line.startswith("round 50/200 ") for line in lines)


def test_a_file_is_no_terminal_whatever_the_environment_says(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    with training_display() as display:
        watch_epochs(display, num_epochs=3)
    assert len(capsys.readouterr().out.splitlines()) == 3
