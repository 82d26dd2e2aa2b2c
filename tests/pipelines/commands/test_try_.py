import threading
import webbrowser

import pytest

from pipelines import model_server


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
