import threading
import webbrowser
from types import SimpleNamespace

import pytest

from pipelines.prediction import model_server


@pytest.mark.parametrize("opens_browser", [True, False])
def test_the_browser_is_opened_unless_told_otherwise(
    opens_browser: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", opened.append)

    class AtOnce:
        def __init__(self, target: object, args: tuple[str, ...], daemon: bool) -> None:
            self.start = lambda: target(*args)  # type: ignore[operator]

    monkeypatch.setattr(threading, "Thread", AtOnce)
    model_server._show("http://127.0.0.1:8000", opens_browser=opens_browser)
    assert opened == ["http://127.0.0.1:8000/"] * opens_browser
    assert "http://127.0.0.1:8000/" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("note", "precision", "threshold", "said"),
    [
        ("no reference", 0.99, None, "Images are not compared with the training images, and none is accepted"),
        (None, 0.99, None, "No answer is accepted: the validation images are too few"),
        (None, 0.99, 0.8, None),
        (None, None, None, None),
    ],
)
def test_the_page_says_why_no_answer_is_accepted(
    note: str | None, precision: float | None, threshold: float | None, said: str | None
) -> None:
    found = model_server._note(SimpleNamespace(note=note, precision=precision, threshold=threshold))  # type: ignore[arg-type]
    assert (found or "").startswith(said or "")
    assert (found is None) == (said is None)
