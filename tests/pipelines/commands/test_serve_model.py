import socket
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dataprep.core.errors import ArtifactError, DarkroomError
from pipelines.cli import app
from pipelines.prediction import model_server
from pipelines.prediction.model_server import Listening
from tests.pipelines.commands.help_pages import first_line_of_help


def test_a_model_that_is_missing_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # no project: a model may stand alone
    with pytest.raises(ArtifactError, match=r"^gone\.keras is missing"):
        CliRunner().invoke(app, ["serve-model", "--model", "gone.keras"], catch_exceptions=False)


def test_a_port_that_is_taken_is_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(DarkroomError, match=rf"^--host 127\.0\.0\.1 --port {port} cannot be listened on"):
            model_server._bound(Listening("127.0.0.1", port))
    with pytest.raises(DarkroomError, match=r"^--host no\.such\.host\.invalid "):
        model_server._bound(Listening("no.such.host.invalid", 0))


def test_an_answer_does_not_wait_for_an_acknowledgement() -> None:
    with model_server._bound(Listening("127.0.0.1", 0)) as bound, socket.create_connection(bound.getsockname()):
        accepted, _ = bound.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_help_says_in_its_first_line_what_the_verb_of_a_like_name_is_for() -> None:
    assert "darkroom serve`" in first_line_of_help("serve-model")


@pytest.mark.parametrize("verb", ["serve-model", "try"])
def test_it_listens_on_loopback_unless_told_otherwise(verb: str, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[Listening] = []
    monkeypatch.setattr(model_server, "serve_model", lambda model, listening, limits: heard.append(listening))
    monkeypatch.setattr(model_server, "try_model", lambda model, listening, *, opens_browser: heard.append(listening))
    assert CliRunner().invoke(app, [verb], catch_exceptions=False).exit_code == 0
    assert heard[0].host == "127.0.0.1"


def test_limits_reach_the_service(monkeypatch: pytest.MonkeyPatch) -> None:
    heard = []
    monkeypatch.setattr(model_server, "serve_model", lambda model, listening, limits: heard.append((listening, limits)))
    options = [
        "--max-images",
        "3",
        "--max-megabytes",
        "5",
        "--max-megapixels",
        "2",
        "--host",
        "0.0.0.0",
        "--allow-host",
        "digits",
    ]
    CliRunner().invoke(app, ["serve-model", *options], catch_exceptions=False)
    listening, limits = heard[0]
    assert listening == Listening("0.0.0.0", 8000, ("digits",))
    assert (limits.images, limits.image_bytes, limits.request_bytes, limits.pixels) == (3, 5_000_000, 5_000_000, 2_000_000)
