"""`darkroom verify` names every damaged file, and what it prints mends it."""

import hashlib
import os
import random
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.repair.verify import read_outputs
from pipelines.workspace.lock import LockError, only_run
from tests.end_to_end.conftest import Project


@pytest.fixture(scope="module")
def project(make_ran_project: Callable[[], Project]) -> Project:
    return make_ran_project()


@pytest.fixture(autouse=True)
def all_put_back(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(project.root)
    made = ("data", "artifacts", "reports", ".dvc", "dvc.lock", "params.yaml")
    for name in made:
        copy = shutil.copytree if Path(name).is_dir() else shutil.copy2
        copy(name, tmp_path / name)
    yield
    for name in made:
        if (tmp_path / name).is_dir():
            shutil.rmtree(name, ignore_errors=True)
            shutil.copytree(tmp_path / name, name)
        else:
            shutil.copy2(tmp_path / name, name)


def flip(path: Path, position: int) -> None:
    """Changes one bit of a file and none of its size, rights and times."""
    status = path.stat()
    content = bytearray(path.read_bytes())
    content[position] ^= 1 << position % 8
    path.chmod(0o644)
    path.write_bytes(content)
    path.chmod(status.st_mode)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def copy_of(path: Path) -> Path:
    md5 = hashlib.md5(path.read_bytes()).hexdigest()
    return Path(".dvc/cache/files/md5") / md5[:2] / md5[2:]


def verify() -> tuple[int, list[str]]:
    result = CliRunner().invoke(app, ["verify"], catch_exceptions=False)
    return result.exit_code, result.output.splitlines()


def named(lines: list[str]) -> dict[str, str]:
    """Damaged files with the command that is printed for each."""
    matches = [re.fullmatch(r"(\S+): .*\. Run: (.*)", line) for line in lines[:-1]]
    return {match[1]: match[2] for match in matches if match}


def test_all_is_whole(project: Project) -> None:
    exit_code, lines = verify()
    assert exit_code == 0
    assert len(lines) == 1
    match = re.fullmatch(r"verify: (\d+) files \((\d+) of them in DVC's cache\), [\d.]+ MB: all whole", lines[0])
    assert match is not None
    made = [path for name in ("data", "artifacts", "reports") for path in Path(name).rglob("*") if path.is_file()]
    assert int(match[1]) - int(match[2]) == len(made)


def test_a_hundred_flipped_bytes_are_named_a_hundred_times(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    outputs = read_outputs()
    monkeypatch.setattr("pipelines.repair.verify.read_outputs", lambda: outputs)  # a hundred times the same answer,
    monkeypatch.setattr("pipelines.workspace.dvc_graph.cache_folder", lambda: Path(".dvc/cache"))  # and this one too
    folders = (Path("data/prepared"), Path("data/augmented"))
    files = [Path("data/manifest.parquet"), *(path for folder in folders for path in sorted(folder.iterdir()))]
    assert len(files) >= 10
    rng = random.Random(0)
    wrong = []
    for number in range(100):
        path = rng.choice(files)
        position = rng.randrange(path.stat().st_size)
        flip(path, position)
        exit_code, lines = verify()
        if exit_code != 2 or list(named(lines)) != [str(path)]:
            wrong.append((number, path, position, lines))
        flip(path, position)
    assert wrong == []
    assert verify()[0] == 0


@pytest.mark.parametrize(
    ("name", "where"),
    [
        ("data/prepared/train-00000-*.h5", "workspace"),
        ("data/prepared/train-00000-*.h5", "both"),
        ("data/prepared/index.json", "both"),
        ("data/manifest.parquet", "workspace"),
        ("data/split.parquet", "both"),
        ("reports/index.html", "workspace"),
        ("artifacts/model.keras", "cache"),
    ],
)
def test_the_command_that_is_printed_mends(project: Project, name: str, where: str) -> None:
    path = next(Path().glob(name))
    whole, copy, lock = path.read_bytes(), copy_of(path), Path("dvc.lock").read_text()
    damaged = {"workspace": [path], "cache": [copy], "both": [path, copy]}[where]
    project.run("dvc", "status")  # DVC remembers size, time and inode of what it reads
    for one in damaged:
        flip(one, len(whole) // 2)
    if name != "data/manifest.parquet":  # ingest always runs, and writes it anew
        assert project.repro().ran() == ["ingest"]  # DVC notices nothing
    assert list(named(verify()[1])) == [str(one) for one in damaged]
    for command in dict.fromkeys(named(verify()[1]).values()):
        ended = project.run("bash", "-c", command)
        assert ended.exit_code == 0, ended.output
    assert verify()[0] == 0
    assert path.read_bytes() == copy.read_bytes() == whole
    assert Path("dvc.lock").read_text() == lock


def test_a_lost_or_damaged_list_of_a_folder(project: Project) -> None:
    lists = {path: path.read_text() for path in Path(".dvc/cache").rglob("*.dir")}
    prepared = next(path for path, text in lists.items() if "train-00001-" in text and "test-00000-" in text)
    flip(prepared, 20)
    assert named(verify()[1]) == {str(prepared): f"rm -f {prepared} && dvc commit prepare"}
    shard = next(Path("data/prepared").glob("train-00001-*.h5"))
    flip(shard, 3000)
    again = "dvc repro --force --single-item prepare"
    suspects = ("data/prepared/index.json", str(shard), str(prepared))
    assert named(verify()[1]) == dict.fromkeys(suspects, f"rm -f {prepared} && {again}")
    flip(shard, 3000)
    Path("data/prepared/index.json").write_text("{")
    prepared.chmod(0o644)
    prepared.unlink()
    assert named(verify()[1]) == {"data/prepared/index.json": again}
    assert project.run("bash", "-c", again).exit_code == 0
    assert verify()[0] == 0
    assert prepared.read_text() == lists[prepared]


def test_a_folder_that_is_gone_with_its_list_is_made_again(project: Project) -> None:
    (prepared,) = (path for path in Path(".dvc/cache").rglob("*.dir") if "test-00000-" in path.read_text())
    prepared.unlink()
    for path in Path("data/prepared").iterdir():
        path.unlink()
    assert named(verify()[1]) == {"data/prepared": "dvc repro --force --single-item prepare"}
    assert project.run("bash", "-c", "dvc repro --force --single-item prepare").exit_code == 0
    assert verify()[0] == 0


def test_a_shard_that_was_damaged_before_dvc_read_it(project: Project) -> None:
    shard = next(Path("data/prepared").glob("train-00000-*.h5"))
    whole = shard.read_bytes()
    flip(shard, 2000)
    os.utime(shard)
    assert project.run("dvc", "commit", "-f", "prepare").exit_code == 0
    exit_code, lines = verify()
    assert exit_code == 2
    assert lines[0].startswith(f"{shard}: its SHA-256 is not that in data/prepared/index.json. Run: rm -f {shard} .dvc/cache/")
    ended = project.run("bash", "-c", named(lines)[str(shard)])
    assert ended.exit_code == 0, ended.output
    assert verify()[0] == 0
    assert shard.read_bytes() == whole


def test_missing_and_foreign_files(project: Project) -> None:
    Path("data/statistics.json").unlink()
    Path("data/prepared/notes.txt").touch()
    exit_code, lines = verify()
    assert exit_code == 2
    assert (
        lines[0]
        == "data/prepared/notes.txt: the last run did not make it. Run: rm -f data/prepared/notes.txt && dvc repro prepare"
    )
    assert lines[1] == "data/statistics.json: missing. Run: dvc checkout data/statistics.json"
    assert project.run("bash", "-c", "dvc checkout data/statistics.json").exit_code == 0
    assert verify()[1][1].startswith("verify: 1 of ")
    assert lines[2].startswith("verify: 2 of ")


def test_what_is_out_of_date_is_not_damaged(project: Project) -> None:
    project.set({"train.optimizer.learning_rate": 0.5, "prepare.image_size": [9, 9]})
    assert verify()[0] == 0


def test_what_stands_at_a_url_is_passed_over(project: Project) -> None:
    lock = Path("dvc.lock").read_text()
    assert "path: data/prepared\n" in lock
    Path("dvc.lock").write_text(lock.replace("path: data/prepared\n", "path: s3://bucket/prepared\n"))
    assert [output.path for output in read_outputs()].count(Path("data/prepared")) == 0
    assert verify()[0] == 0
    Path("dvc.lock").write_text(lock)


def test_before_the_first_run_it_is_one_line(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("data", "artifacts", "reports"):
        shutil.rmtree(name)
    ended = project.run("darkroom", "verify")
    assert ended.exit_code == 2
    assert re.fullmatch(
        r"error: dvc.lock lists 22 outputs; none of them is here\. Run: dvc repro, or dvc checkout\n", ended.output
    )
    Path("dvc.lock").unlink()
    ended = project.run("darkroom", "verify")
    assert ended.output == "error: dvc.lock is missing: nothing was made in this folder yet. Run: dvc repro\n"
    Path("dvc.lock").write_text("stages: [")
    assert "error: dvc.lock cannot be read" in project.run("darkroom", "verify").output
    graph = Path("dvc.yaml").read_text()
    Path("dvc.yaml").write_text("stages: [")
    assert "error: dvc.yaml cannot be read" in project.run("darkroom", "verify").output
    Path("dvc.yaml").write_text(graph)


def test_while_a_stage_runs_it_waits_for_nothing(project: Project) -> None:
    with only_run(), pytest.raises(LockError, match="one run at a time"):
        verify()
