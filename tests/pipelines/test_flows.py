"""The flow under a temporary Prefect server, with DVC played by a function: its words are those of DVC 3."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import cloudpickle
import psutil
import pytest
from prefect.blocks.system import Secret
from prefect.client.orchestration import get_client
from prefect.client.schemas import State
from prefect.settings import (
    PREFECT_API_URL,
    PREFECT_HOME,
    PREFECT_SERVER_ALLOW_EPHEMERAL_MODE,
    get_current_settings,
    temporary_settings,
)
from prefect.states import Completed, Pending, Running
from prefect.testing.utilities import prefect_test_harness
from pydantic import SecretStr

from dataprep.core.artifacts import write_document
from models.compare.drift import Drift
from pipelines import flows
from pipelines.flows import outcome_of, reason_of
from pipelines.schedule import prefect_settings
from pipelines.schedule.killed_runs import LEDGER, Entry, enter
from pipelines.schedule.prefect_artifacts import WEBHOOK, end_killed_runs, end_lost_runs, tell
from pipelines.schedule.prefect_preconditions import ServerError
from pipelines.versions.compare_with_published import Run
from pipelines.workspace.dvc_graph import Finished
from tests.closure import ROOT, SHIPPED

RAN = "Running stage 'train':\n> python -m pipelines.stages.train\ntrain: 9 images\nUpdating lock file 'dvc.lock'\n"
CACHED = "Stage 'train' is cached - skipping run, checking out outputs\nUpdating lock file 'dvc.lock'\n"
UNCHANGED = "Stage 'train' didn't change, skipping\nData and pipelines are up to date.\n"
FAILED = "Running stage 'split':\nerror: class 'b' has 2 images\nERROR: failed to reproduce 'split': exited with 2\n"


@pytest.mark.parametrize(("output", "outcome"), [(RAN, "ran"), (CACHED, "cached"), (UNCHANGED, "unchanged")])
def test_the_outcome_is_read_from_dvc_s_words(output: str, outcome: str) -> None:
    assert outcome_of(output) == outcome


def test_the_reason_is_the_stage_s_own_line() -> None:
    assert reason_of(FAILED) == "class 'b' has 2 images"
    assert reason_of("a line\n") == "a line"


def test_a_reason_of_several_lines_is_shown_whole() -> None:
    assert (
        reason_of("ERROR: failed to reproduce 'prepare': one\n  two\n\nthree\n")
        == "failed to reproduce 'prepare': one two three"
    )


def test_beside_another_dvc_the_reason_names_it_and_not_dvc_s_hint_to_remove_its_list() -> None:
    busy = """Stage 'split' didn't change, skipping
ERROR: failed to reproduce 'prepare': '/p/data/prepared' is busy, it is being blocked by:
  (PID 1590): /bin/dvc repro

If there are no processes with such PIDs, you can manually remove '/p/.dvc/tmp/rwlock' and try again.
"""
    assert reason_of(busy) == "one run at a time: process 1590 works in this folder (/bin/dvc repro). Wait until it ends"


def test_the_flow_can_be_handed_to_the_process_that_a_schedule_starts() -> None:
    assert cloudpickle.loads(cloudpickle.dumps(flows.rebuild)).name == "rebuild"


@pytest.fixture(scope="module")
def server() -> Iterator[None]:
    with prefect_test_harness(server_startup_timeout=120):
        yield


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., list[str]]:
    """Replaces DVC and what follows the stages; returns the list of what is then asked for."""

    def replace(results: dict[str, Finished], stale: list[str] | None = None) -> list[str]:
        asked: list[str] = []

        def dvc(*arguments: str, on_line: Callable[[str], None]) -> Finished:
            assert arguments[:2] == ("repro", "--single-item")
            asked.append(" ".join(arguments[2:]))
            on_line("a line of output")
            return results[arguments[-1]]

        def finish(run: Run, line: str, *_: object, **__: object) -> State:
            asked.append("finish")
            return Completed(message=line)

        def out_of_date() -> list[str]:
            asked.append("status")
            return list(results) if stale is None else stale

        monkeypatch.setattr(flows, "dvc", dvc)
        monkeypatch.setattr(flows, "stage_order", lambda targets: [name for name in results if not targets or name in targets])
        monkeypatch.setattr(flows, "out_of_date", out_of_date)
        monkeypatch.setattr(flows, "need_publishable", lambda _: None)
        monkeypatch.setattr(flows, "mend_troubles", lambda **_: [])
        monkeypatch.setattr(flows, "save_experiment", lambda name: f"kept {name}")
        monkeypatch.setattr(flows, "_finish", finish)
        shutil.copy(ROOT / "dvc.yaml", tmp_path)
        shutil.copy(SHIPPED, tmp_path)
        monkeypatch.chdir(tmp_path)
        return asked

    return replace


@pytest.mark.usefixtures("server")
def test_every_stage_is_a_task_in_order_and_the_outcome_is_shown(play: Callable[..., list[str]]) -> None:
    asked = play({"ingest": Finished(0, RAN), "train": Finished(0, CACHED), "diagnose": Finished(0, UNCHANGED)})
    state = flows.rebuild(return_state=True)
    assert asked == ["ingest", "status", "train", "diagnose", "finish"]
    assert state.is_completed()
    assert state.message == "ingest ran, train cached, diagnose unchanged"


@pytest.mark.usefixtures("server")
def test_what_dvc_would_skip_is_not_asked_for(play: Callable[..., list[str]]) -> None:
    asked = play({"ingest": Finished(0, RAN), "split": Finished(0, RAN), "train": Finished(0, RAN)}, stale=[])
    state = flows.rebuild(return_state=True, trigger="schedule")
    assert asked == ["ingest", "status", "finish"]
    assert state.message == "schedule: ingest ran, split unchanged, train unchanged"


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize("reason", ["", "drift: 12 new images differ in brightness"])
def test_where_only_drift_is_a_reason_the_rest_runs_or_does_not(
    play: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch, reason: str
) -> None:
    asked = play({"ingest": Finished(0, RAN), "prepare": Finished(0, RAN), "train": Finished(0, RAN)})
    drift = Drift(new=12, unlike=1, looked_at=12, shifts=[])
    monkeypatch.setattr(Run, "reason_to_rebuild", reason)
    monkeypatch.setattr(Run, "drift", drift)
    state = flows.rebuild(return_state=True, trigger="source changed", only_on_drift=True)
    assert state.is_completed()
    if reason:
        assert asked == ["ingest", "status", "prepare", "train", "finish"]
        assert state.message == f"source changed: {reason}: ingest ran, prepare ran, train ran"
    else:
        assert asked == ["ingest", "status", "prepare"]
        assert str(state.message).startswith(
            "source changed: ingest ran, prepare ran; no rebuild: 12 new images look like those"
        )


@pytest.mark.usefixtures("server")
def test_targets_are_forced_and_kept_as_an_experiment(play: Callable[..., list[str]]) -> None:
    asked = play({"ingest": Finished(0, RAN), "split": Finished(0, RAN), "train": Finished(0, RAN)})
    state = flows.rebuild(["ingest", "split"], force=True, experiment="mine", return_state=True)
    assert asked == ["--force ingest", "--force split"]  # and nothing is published
    assert state.message == "ingest ran, split ran; kept mine"


@pytest.mark.usefixtures("server")
def test_the_first_failure_stops_the_flow_and_says_why(play: Callable[..., list[str]]) -> None:
    asked = play({"ingest": Finished(0, RAN), "split": Finished(255, FAILED), "prepare": Finished(0, RAN)})
    state = flows.rebuild(return_state=True)
    assert asked == ["ingest", "status", "split"]
    assert state.is_failed()
    assert state.message == "split: class 'b' has 2 images"


@pytest.mark.usefixtures("server")
def test_a_run_that_was_killed_gets_an_end_and_so_do_its_tasks(play: Callable[..., list[str]]) -> None:
    play({"ingest": Finished(0, RAN)})
    api = str(get_current_settings().api.url or "")
    with get_client(sync_client=True) as client:
        run = client.create_flow_run(flows.rebuild, state=Running())
        created = client.create_task_run(flows.run_stage, run.id, dynamic_key="0", state=Running())
        with subprocess.Popen(["sleep", "60"]) as process:
            began = psutil.Process(process.pid).create_time()
            entry = Entry(run=str(run.id), server=api, host=socket.gethostname(), pid=process.pid, began=began)
            LEDGER.mkdir(parents=True)
            write_document(LEDGER / f"{run.id}.json", entry)
            assert end_killed_runs(api) == []  # it is at work
            process.kill()
        assert end_killed_runs("http://another.server/api") == []
        assert flows.rebuild(return_state=True).is_completed()
        assert str(client.read_flow_run(run.id).state_name) == "Crashed"
        assert str(client.read_task_run(created.id).state_name) == "Crashed"
    assert not (LEDGER / f"{run.id}.json").exists()


@pytest.mark.usefixtures("server")
def test_a_run_that_was_killed_before_it_entered_itself_is_found_by_its_tag_or_by_its_deployment(
    play: Callable[..., list[str]],
) -> None:
    play({"ingest": Finished(0, RAN)})
    with get_client(sync_client=True) as client:
        tagged = client.create_flow_run(flows.rebuild, state=Running(), tags=["process-4711-1.00"])
        LEDGER.mkdir(parents=True)
        gone = Entry(run="process-4711-1.00", server="", host=socket.gethostname(), pid=4711, began=1.0)
        write_document(LEDGER / f"{gone.run}.json", gone)
        (line,) = end_killed_runs("")
        assert line.endswith(" was killed (process 4711); it is now Crashed and no longer Running")
        assert str(client.read_flow_run(tagged.id).state_name) == "Crashed"

        deployment = client.create_deployment(client.create_flow(flows.rebuild), "mine")
        lost = client.create_flow_run_from_deployment(deployment, state=Pending())
        at_work = client.create_flow_run_from_deployment(deployment, state=Running())
        enter(str(at_work.id), "")
        (line,) = end_lost_runs("mine")
        assert f"run {lost.name} was killed (its process is not known)" in line
        names = [str(client.read_flow_run(run.id).state_name) for run in (lost, at_work)]
        assert names == ["Crashed", "Running"]


@pytest.fixture
def webhook() -> Iterator[list[dict[str, str]]]:
    """The news that a web server gets, whose address is Prefect's secret."""
    got: list[dict[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as own:
        threading.Thread(target=own.serve_forever, daemon=True).start()
        Secret(value=SecretStr(f"http://127.0.0.1:{own.server_port}/")).save(WEBHOOK, overwrite=True)
        yield got
        own.shutdown()
    with get_client(sync_client=True) as client:
        client.delete_block_document(client.read_block_document_by_name(WEBHOOK, "secret").id)


@pytest.mark.usefixtures("server")
def test_a_failure_is_told_to_the_address_of_the_secret(play: Callable[..., list[str]], webhook: list[dict[str, str]]) -> None:
    play({"ingest": Finished(0, RAN), "split": Finished(255, FAILED)})
    flows.rebuild(return_state=True)
    (news,) = webhook
    assert re.fullmatch(r"Darkroom: run [\w-]+ ended as Failed\nsplit: class 'b' has 2 images", news["text"])


@pytest.mark.usefixtures("server")
def test_a_webhook_that_does_not_answer_fails_no_run(
    play: Callable[..., list[str]], webhook: list[dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    Secret(value=SecretStr("http://127.0.0.1:9/")).save(WEBHOOK, overwrite=True)
    tell("subject", "body", said.append)
    assert said[0].startswith("news could not be sent to the address in secret darkroom-webhook (ConnectError: ")
    assert "127.0.0.1:9" not in said[0]  # the address is a secret
    assert webhook == []


@pytest.fixture
def answering() -> Iterator[Callable[[int, bytes], str]]:
    """Starts a server that gives one answer to everything; returns its address."""
    servers: list[HTTPServer] = []

    def start(status: int, body: bytes) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(status)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        servers.append(HTTPServer(("127.0.0.1", 0), Handler))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].server_port}/api"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def refusal(url: str) -> str:
    with temporary_settings({PREFECT_API_URL: url}), pytest.raises(ServerError) as error:
        prefect_settings.need_server()
    line = str(error.value)
    start = "PREFECT_API_URL must be the address of a Prefect API that answers, such as http://127.0.0.1:4200/api; "
    start += f"{url!r} is not ("
    assert line.startswith(start)
    assert "\n" not in line
    return line.removeprefix(start).partition("). Start it (prefect server start), correct the address, or unset it")[0]


def test_a_server_that_is_well_is_taken(answering: Callable[[int, bytes], str]) -> None:
    with temporary_settings({PREFECT_API_URL: answering(200, b"true")}):
        prefect_settings.need_server()


def test_a_server_that_is_dead_or_another_one_is_one_line(answering: Callable[[int, bytes], str]) -> None:
    assert refusal(answering(200, b"<html>Hello</html>")) == "<html>Hello</html>"
    assert refusal(answering(404, b"no")) == "its answer is 404"
    assert refusal(answering(200, b"true").replace("http:", "https:")).startswith("ConnectError: [SSL")
    assert refusal("nonsense").startswith("UnsupportedProtocol: ")
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    assert refusal(f"http://127.0.0.1:{port}/api").startswith("ConnectError: ")


def test_a_server_that_never_answers_costs_less_than_ten_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prefect_settings, "_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        start = time.monotonic()
        assert refusal(f"http://127.0.0.1:{silent.getsockname()[1]}/api") in ("no answer in 0.3 s", "ReadTimeout: timed out")
    assert time.monotonic() - start < 5


def test_without_any_server_it_is_one_line(tmp_path: Path) -> None:
    with (
        temporary_settings({PREFECT_SERVER_ALLOW_EPHEMERAL_MODE: False}, restore_defaults={PREFECT_API_URL}),
        pytest.raises(
            ServerError, match=r"^PREFECT_API_URL must name a server where PREFECT_SERVER_ALLOW_EPHEMERAL_MODE is false"
        ),
    ):
        prefect_settings.need_server()
    (tmp_path / "file").touch()
    with (
        temporary_settings(
            {PREFECT_SERVER_ALLOW_EPHEMERAL_MODE: True, PREFECT_HOME: tmp_path / "file"}, restore_defaults={PREFECT_API_URL}
        ),
        pytest.raises(
            ServerError, match=r"^PREFECT_HOME must be a folder that can be written; .*/file cannot be \(File exists\)"
        ),
    ):
        prefect_settings.need_server()


@pytest.mark.parametrize(
    ("variables", "profiles", "what"),
    [
        ({"PREFECT_API_REQUEST_TIMEOUT": "soon"}, "", "request_timeout"),
        ({}, "active = [", "TOMLDecodeError: Invalid value"),
        ({}, 'active = "a"\n[profiles.a]\nPREFECT_API_REQUEST_TIMEOUT = "soon"\n', "request_timeout"),
    ],
)
def test_settings_that_prefect_cannot_read_are_one_line(
    tmp_path: Path, variables: dict[str, str], profiles: str, what: str
) -> None:
    (tmp_path / "profiles.toml").write_text(profiles)
    ended = subprocess.run(
        [sys.executable, "-m", "pipelines.flows"],
        cwd=ROOT,
        env={**os.environ, "PREFECT_HOME": str(tmp_path), **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 2
    assert re.fullmatch(r"error: Prefect cannot read its settings \(.*\)\. Correct the PREFECT_\* variables .*\n", ended.stderr)
    assert what in ended.stderr
