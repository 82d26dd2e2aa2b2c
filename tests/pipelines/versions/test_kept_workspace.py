"""The workspace is put back after an error, an interruption, a request to end and a kill."""

import os
import shutil
import signal
from pathlib import Path

import pytest

from dataprep.core.errors import DarkroomError
from pipelines.repair.verify import Output, missing_copies
from pipelines.versions.kept_workspace import KEPT, LOCK, check_out, need_copies, put_back_after_a_kill, workspace_kept
from pipelines.workspace.dvc_graph import Finished
from pipelines.workspace.lock import LockError, only_run

BEFORE = {"params.yaml": "seed: 0\n", "dvc.lock": "stages: {}\n", ".darkroom/splits/a.parquet": "old"}


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name, text in BEFORE.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(text)
    return tmp_path


def change() -> None:
    for name in ("params.yaml", "dvc.lock"):
        Path(name).write_text("other")
    Path(".darkroom/splits/a.parquet").unlink()
    Path(".darkroom/splits/b.parquet").write_text("of an experiment")


def contents() -> dict[str, str]:
    paths = [Path("params.yaml"), Path("dvc.lock"), *Path(".darkroom/splits").iterdir()]
    return {str(path): path.read_text() for path in paths if path.is_file()}


@pytest.mark.parametrize("error", [KeyboardInterrupt, DarkroomError("a stage failed")])
def test_the_workspace_is_put_back_whatever_happens(error: BaseException | type[BaseException]) -> None:
    seen = []

    def fail() -> None:
        with workspace_kept(lambda: seen.append(contents()["dvc.lock"])):
            change()
            raise error

    with pytest.raises(type(error) if isinstance(error, BaseException) else error):
        fail()
    assert contents() == BEFORE
    assert seen == [BEFORE["dvc.lock"]]  # fetched once, after dvc.lock was back
    assert not KEPT.exists()


def test_a_request_to_end_is_an_interruption_as_long_as_the_workspace_is_kept() -> None:
    handler = signal.getsignal(signal.SIGTERM)

    def be_ended() -> None:
        with workspace_kept(lambda: None):
            change()
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(KeyboardInterrupt):
        be_ended()
    assert contents() == BEFORE
    assert signal.getsignal(signal.SIGTERM) is handler


def test_what_a_killed_process_left_is_put_back_first_and_a_later_edit_is_kept_beside(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with workspace_kept(lambda: None):
        change()
        shutil.copytree(KEPT, "killed")  # as it lay there at that moment
    shutil.copytree("killed", KEPT)
    change()
    put_back_after_a_kill(lambda: None)
    assert contents() == BEFORE
    assert Path("params.yaml.interrupted-1").read_text() == "other"
    assert "lies in params.yaml.interrupted-1" in capsys.readouterr().out
    put_back_after_a_kill(lambda: None)
    assert capsys.readouterr().out == ""


def test_what_a_killed_process_had_started_ends_first() -> None:
    with workspace_kept(lambda: None):
        change()
        shutil.copytree(KEPT, "killed")
    shutil.copytree("killed", KEPT)
    change()
    with only_run(), pytest.raises(LockError, match="what it had started is still at work: process"):
        put_back_after_a_kill(lambda: None)
    assert contents()["params.yaml"] == "other"


def test_a_copy_that_was_not_finished_is_not_put_back() -> None:
    with workspace_kept(lambda: None):
        shutil.copytree(KEPT, "killed")
    (Path("killed") / "complete").unlink()
    shutil.copytree("killed", KEPT)
    Path("params.yaml").write_text("edited since")
    put_back_after_a_kill(lambda: None)
    assert Path("params.yaml").read_text() == "edited since"


def test_until_all_is_back_the_copy_stays() -> None:
    def fail() -> None:
        with workspace_kept(_not_now):
            change()

    with pytest.raises(DarkroomError, match="not now"):
        fail()
    assert KEPT.is_dir()
    put_back_after_a_kill(lambda: None)
    assert contents() == BEFORE


def test_a_file_that_was_not_there_is_gone_again() -> None:
    Path("dvc.lock").unlink()
    with workspace_kept(lambda: None):
        Path("dvc.lock").write_text("made")
    assert not Path("dvc.lock").exists()


def test_two_at_once_are_refused() -> None:
    with only_run(LOCK), pytest.raises(LockError, match="one run at a time"), workspace_kept(lambda: None):
        pass
    assert contents() == BEFORE


def test_stages_that_never_ran_are_not_fetched_and_a_failure_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, ...]] = []

    def fail(*arguments: str) -> Finished:
        asked.append(arguments)
        return Finished(1, "ERROR: no space\n")

    monkeypatch.setattr("pipelines.versions.kept_workspace.dvc", fail)
    plant_outputs(tmp_path, monkeypatch)
    with pytest.raises(DarkroomError, match=r"ended with 'ERROR: no space'\. Run: dvc checkout --force$"):
        check_out()
    assert asked == [("checkout", "--force", "split")]
    (tmp_path / "files/md5/ab/cd").unlink()
    check_out()
    Path("dvc.lock").unlink()
    check_out()
    assert len(asked) == 1


def plant_outputs(cache: Path, monkeypatch: pytest.MonkeyPatch) -> list[Output]:
    """Outputs of two stages; DVC's cache has a copy of the first alone."""
    copy = cache / "files/md5/ab/cd"
    copy.parent.mkdir(parents=True)
    copy.write_text("content")
    outputs = [Output("split", Path("data/split.parquet"), "abcd"), Output("train", Path("artifacts/model.keras"), "abce")]
    monkeypatch.setattr("pipelines.versions.kept_workspace.read_outputs", lambda: outputs)
    monkeypatch.setattr("pipelines.versions.kept_workspace.cache_folder", lambda: cache)
    return outputs


def test_what_could_not_be_put_back_is_named_before_anything_is_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outputs = plant_outputs(tmp_path, monkeypatch)
    assert list(missing_copies(outputs, tmp_path)) == [(Path("artifacts/model.keras"), "train")]
    with pytest.raises(DarkroomError, match=r"must hold artifacts/model\.keras, .*\. Run: dvc commit train$"):
        need_copies()


def _not_now() -> None:
    raise DarkroomError("not now")
