"""A full disk, a denied permission, a source that goes away: one line, exit code 2, the old outputs whole, and on."""

import resource
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.closure import ROOT
from tests.conftest import write_striped_tree
from tests.end_to_end.conftest import ENVIRONMENT, Ended, Project

COMMANDS = {
    name: stage["cmd"].split() for name, stage in YAML(typ="safe").load((ROOT / "dvc.yaml").read_text())["stages"].items()
}

# What each stage writes, and a change of parameters after which it writes other bytes.
CASES: dict[str, tuple[list[str], dict[str, object]]] = {
    "ingest": (["data/manifest.parquet"], {"ingest.skip": ["19.png"]}),
    "split": (["data/split.parquet", "data/groups.parquet", "data/split.json"], {"split.seed": 1}),
    "statistics": (["data/statistics.json"], {"statistics.per": "pixel"}),
    "train": (["artifacts/model.keras", "artifacts/history.csv"], {"model.network.dense_units": [1024]}),
    "diagnose": (
        [
            *("reports/metrics.json", "reports/diagnosis.json", "reports/index.html"),
            *("reports/plots/confusion.csv", "reports/plots/slices.csv"),
        ],
        {"diagnose.split": "test", "diagnose.target_accuracy": 0.5},
    ),
}
FOLDERS: dict[str, tuple[str, dict[str, object]]] = {
    "prepare": ("data/prepared", {"prepare.saturate.method": "threshold"}),
    "augment": ("data/augmented", {"augment.seed": 1}),
}


@pytest.fixture(scope="module")
def project(make_ran_project: Callable[[], Project]) -> Project:
    return make_ran_project()


@pytest.fixture(autouse=True)
def all_put_back(project: Project, tmp_path: Path) -> Iterator[None]:
    made = ("data", "artifacts", "reports", ".darkroom")
    for name in made:
        shutil.copytree(project.root / name, tmp_path / name)
    yield
    assert project.run("git", "checkout", "-q", "params.yaml").exit_code == 0
    for name in made:
        shutil.rmtree(project.root / name)
        shutil.copytree(tmp_path / name, project.root / name)


def run_limited(project: Project, stage: str, max_bytes: int) -> Ended:
    """Runs a stage that may write no file larger than this; what passes the limit fails as on a full disk."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (max_bytes, max_bytes))

    done = subprocess.run(
        COMMANDS[stage],
        cwd=project.root,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        preexec_fn=limit,
    )
    return Ended(done.returncode, done.stdout)


def is_one_line(ended: Ended, words: str) -> None:
    assert ended.exit_code == 2, ended.output  # a signal would be a negative number
    assert "Traceback" not in ended.output
    errors = [line for line in ended.output.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, ended.output
    assert words in errors[0]


def strays(project: Project) -> list[Path]:
    return [path for path in project.root.rglob("*.tmp") if ".dvc" not in path.parts]


def contents(project: Project, names: list[str]) -> dict[str, bytes]:
    return {name: (project.root / name).read_bytes() for name in names}


def shards(project: Project, folder: str) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((project.root / folder).iterdir())}


@pytest.mark.parametrize("stage", CASES)
def test_a_full_disk_costs_nothing_that_was_there(project: Project, stage: str) -> None:
    outputs, change = CASES[stage]
    old = contents(project, outputs)
    project.set(change)
    assert project.run(*COMMANDS[stage]).exit_code == 0
    new = contents(project, outputs)
    assert any(new[name] != old[name] for name in outputs)
    for name, content in old.items():
        (project.root / name).write_bytes(content)
    largest = max(len(content) for content in new.values())
    limits = {0: "it would be larger than", largest - 1: "it would be larger than"}
    if stage == "train":
        limits |= {0: "temporary files must have a folder", 4096: "the database of DVC: it cannot be read or written"}
    for max_bytes, words in limits.items():
        is_one_line(run_limited(project, stage, max_bytes), words)
        assert contents(project, outputs) == old
        assert strays(project) == []
    assert project.run(*COMMANDS[stage]).exit_code == 0
    assert contents(project, outputs) == new


@pytest.mark.parametrize(("stage", "workers"), [("prepare", 1), ("prepare", 2), ("augment", 1)])
def test_a_full_disk_leaves_the_old_data_set_as_it_was(project: Project, stage: str, workers: int) -> None:
    folder, change = FOLDERS[stage]
    old = shards(project, folder)
    project.set({**change, "execute.workers": workers})
    assert project.run(*COMMANDS[stage]).exit_code == 0
    new = shards(project, folder)
    assert old != new
    largest = max(len(content) for content in new.values())
    for step in range(4):  # from nothing to all but one byte
        shutil.rmtree(project.root / folder)
        (project.root / folder).mkdir()
        for name, content in old.items():
            (project.root / folder / name).write_bytes(content)
        is_one_line(run_limited(project, stage, step * (largest - 1) // 3), "it would be larger than this system allows")
        left = shards(project, folder)
        assert old.items() <= left.items()
        finished = {name: content for name, content in left.items() if name not in old and name != "unfinished.jsonl"}
        assert finished.items() <= new.items()
        assert strays(project) == []
    assert project.run(*COMMANDS[stage]).exit_code == 0
    assert shards(project, folder) == new


def mount(path: Path, *options: str) -> None:
    done = subprocess.run(["mount", *options, path], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"this test mounts a file system, which takes root's rights: {done.stderr.strip()}")


def test_a_disk_that_really_is_full(project: Project) -> None:
    folder = project.root / "data/prepared"
    want = shards(project, "data/prepared")
    project.set({"prepare.saturate.method": "threshold"})
    room = sum(map(len, want.values())) // 2
    mount(folder, "-t", "tmpfs", "-o", f"size={room}", "none")
    try:
        is_one_line(project.run(*COMMANDS["prepare"]), "no space is left on its disk. Free some, then run the same again")
        assert {path.suffix for path in folder.iterdir()} <= {".h5", ".jsonl"}
        mount(folder, "-o", "remount,size=10m")
        assert project.run(*COMMANDS["prepare"]).exit_code == 0
        assert (folder / "index.json").exists()
    finally:
        subprocess.run(["umount", folder], check=True)


def test_a_read_only_disk_and_a_denied_permission(project: Project) -> None:
    folder = project.root / "data"
    old = contents(project, ["data/split.parquet", "data/split.json"])
    project.set({"split.seed": 1})
    mount(folder, "--bind", str(folder))
    try:
        mount(folder, "-o", "remount,ro,bind")
        words = "data/split.parquet: its file system is read-only. Make it writable, then run the same again"
        is_one_line(project.run(*COMMANDS["split"]), words)
    finally:
        subprocess.run(["umount", folder], check=True)
    assert contents(project, list(old)) == old


def test_a_denied_permission_and_dvc_goes_on_when_it_is_mended(project: Project) -> None:
    folder = project.root / "reports"
    project.set(CASES["diagnose"][1])
    if subprocess.run(["chattr", "+i", folder / "plots"], capture_output=True, check=False).returncode:
        pytest.skip("this test makes a folder immutable, which takes root's rights and chattr of e2fsprogs")
    try:
        ended = project.run("dvc", "repro")
        assert ended.exit_code != 0
        assert "Operation not permitted: " in ended.output
        assert "Traceback" not in ended.output
        assert strays(project) == []
    finally:
        subprocess.run(["chattr", "-i", folder / "plots"], check=True)
    assert project.repro().ran() == ["ingest", "diagnose"]
    project.run("git", "checkout", "-q", "params.yaml")
    project.repro()


def test_a_file_in_the_place_of_a_folder(project: Project) -> None:
    shutil.rmtree(project.root / "reports")
    (project.root / "reports").touch()
    ended = project.run(*COMMANDS["diagnose"])
    (project.root / "reports").unlink()
    (project.root / "reports").mkdir()
    is_one_line(ended, "a file stands where a folder must be. Move it away, then run the same again")


SOURCE_GOES = """
import shutil
from pathlib import Path
from dataprep.ingest import examine
from pipelines.stages import ingest
from pipelines.run.stage_runner import run

look = ingest.examine

def examine_then_lose(*args, **kwargs):
    yield from look(*args, **kwargs)
    shutil.rmtree("raw/other", ignore_errors=True)  # ingest looks twice: at what is new, then at what has another range
    if {empty}:
        Path("raw/other").mkdir()

ingest.examine = examine_then_lose
run(ingest.main)
"""


@pytest.mark.parametrize("empty", [False, True])
def test_a_source_that_goes_away_is_no_data_set_of_bad_files(project: Project, empty: bool) -> None:
    old = contents(project, ["data/manifest.parquet"])
    write_striped_tree(project.root / "raw/other", classes=2, images=4)
    project.set({"ingest.source": "raw/other"})
    ended = project.run("python", "-c", SOURCE_GOES.format(empty=empty), *COMMANDS["ingest"][3:])
    is_one_line(ended, "params.yaml: ingest.source 'raw/other' went away while it was read (")
    assert contents(project, ["data/manifest.parquet"]) == old
    shutil.rmtree(project.root / "raw/other", ignore_errors=True)


def test_a_source_that_went_away_before_prepare(project: Project) -> None:
    (project.root / "raw/tiny").rename(project.root / "raw/away")
    project.set({"prepare.saturate.method": "threshold", "execute.workers": 2})
    ended = project.run(*COMMANDS["prepare"])
    (project.root / "raw/away").rename(project.root / "raw/tiny")
    is_one_line(ended, "must be a folder that can be read; No such file or directory. Bring it back")
    assert strays(project) == []


def test_an_error_that_is_none_of_these_is_a_traceback(project: Project) -> None:
    code = "import errno; from pipelines.run.program import run_program\ndef fail(): raise OSError({}, 'x')\nrun_program(fail)"
    ended = project.run("python", "-c", code.format("errno.ECHILD"))
    assert ended.exit_code == 1
    assert "Traceback" in ended.output
    is_one_line(project.run("python", "-c", code.format("errno.EDQUOT")), "error: a file: the disk quota is used up")
