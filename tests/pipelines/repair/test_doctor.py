"""`darkroom doctor` on planted tears, in a folder with this project's dvc.yaml and a short dvc.lock."""

import errno
import fcntl
import hashlib
import json
import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest
from dvc.schema import COMPILED_LOCKFILE_SCHEMA
from dvc.utils.serialize import YAMLFileCorruptedError, parse_yaml
from typer.testing import CliRunner
from voluptuous import Invalid

from dataprep.core.errors import ParamsError
from dataprep.core.name_encoding import printable
from pipelines.cli import app
from pipelines.repair.damaged_or_foreign_data import DAMAGED, _replace
from pipelines.repair.doctor import fault_of, mend_troubles
from pipelines.repair.trouble import Trouble
from pipelines.workspace.at_work import HOLDERS, Holder, is_alive
from pipelines.workspace.dvc_graph import GraphError, declared_outputs, read_stages
from pipelines.workspace.dvc_lock_backup import DVC_LOCK, LOCK_COPY, keep_copy, looks_whole
from pipelines.workspace.lock import LockError, only_run
from tests.closure import ROOT, SHIPPED
from tests.stage_command import stage_command

LOCK = """schema: '2.0'
stages:
  ingest:
    cmd: python -m pipelines.stages.ingest --embedded raw --scan-cache
      .darkroom/scan.parquet --manifest data/manifest.parquet
    deps:
    - path: dataprep/ingest/build_manifest.py
      hash: md5
      md5: 191830bd3a6b5b35bca8ed28f239876c
      size: 11765
    params:
      params.yaml:
        ingest.source: raw/tiny
    outs:
    - path: data/manifest.parquet
      hash: md5
      md5: 151c16c45a9ec546f1ddfeb72e1f0421
      size: 2347
  split:
    cmd: python -m pipelines.stages.split --manifest data/manifest.parquet
    deps:
    - path: data/manifest.parquet
      hash: md5
      md5: 151c16c45a9ec546f1ddfeb72e1f0421
      size: 2347
    outs:
    - path: data/split.json
      hash: md5
      md5: 8d12ea12ea952f3201416ad29418bbd2
      size: 15940
    - path: data/split.parquet
      hash: md5
      md5: 24ab4b2433eb0abf31a7c7b5c6feaeb4
      size: 1194
"""
WHOLE = LOCK.encode()
OUTPUTS = declared_outputs(read_stages(ROOT / "dvc.yaml"))
DEAD = 2**22 + 1  # no process has such a number
CONFLICT = LOCK.replace("    outs:\n", "<<<<<<< HEAD\n    outs:\n=======\n    outs:\n>>>>>>> other\n", 1)
FOREIGN = """schema: '2.0'
stages:
  train:
    cmd: python train.py
    outs:
    - path: model.pkl
      hash: md5
      md5: 151c16c45a9ec546f1ddfeb72e1f0421
      size: 2347
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("dvc.yaml").write_text((ROOT / "dvc.yaml").read_text())
    for name in (HOLDERS.parent, Path(".dvc/cache/files/md5/ab"), Path("data/prepared")):
        name.mkdir(parents=True)
    DVC_LOCK.write_bytes(WHOLE)
    HOLDERS.write_text("{}")
    git("init", "-q")
    git("commit", "-q", "--allow-empty", "-m", "start")
    monkeypatch.setattr(
        "pipelines.repair.doctor.cache_folder", lambda: Path(".dvc/cache")
    )  # the answer of DVC, which takes a second
    return tmp_path


def git(*arguments: str) -> None:
    subprocess.run(["git", "-c", "user.name=test", "-c", "user.email=test@localhost", *arguments], check=True)


def doctor(*options: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["doctor", *options], catch_exceptions=False)
    return result.exit_code, result.output


def dvc_reads(content: bytes) -> bool:
    try:
        COMPILED_LOCKFILE_SCHEMA(parse_yaml(content.decode(), "dvc.lock"))
    except (Invalid, YAMLFileCorruptedError):
        return False
    return True


def test_what_a_run_that_was_killed_amid_its_experiments_had_kept_is_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.versions.kept_workspace.check_out", lambda: None)
    kept = Path(".darkroom/workspace")
    kept.mkdir(parents=True)
    Path("params.yaml").write_text(SHIPPED.read_text().replace("epochs: 40", "epochs: 41"))
    (kept / "params.yaml").write_text(SHIPPED.read_text())
    (kept / "dvc.lock").write_bytes(WHOLE)
    (kept / "complete").write_text("")
    with only_run(Path(".darkroom/workspace.lock")):  # it still runs
        assert doctor() == (0, "doctor: nothing is torn, foreign or left behind\n")
    left = ".darkroom/workspace: a run was killed amid its experiments and has put nothing back"
    assert doctor() == (2, f"{left}. Run: darkroom doctor --mend\n")
    exit_code, output = doctor("--mend")
    assert (exit_code, output.count("\n")) == (0, 1)
    assert "are as they were before it; what stood in params.yaml since lies in params.yaml.interrupted-1" in output
    assert Path("params.yaml").read_text() == SHIPPED.read_text()
    assert doctor() == (0, "doctor: nothing is torn, foreign or left behind\n")


def test_nothing_is_wrong_with_a_folder_at_rest() -> None:
    assert doctor() == (0, "doctor: nothing is torn, foreign or left behind\n")
    assert doctor("--quick", "--mend") == (0, "")


@pytest.mark.parametrize("offset", range(5))
def test_a_lock_that_is_cut_anywhere_is_torn_or_one_that_dvc_reads(offset: int) -> None:
    ends_of_outputs = {match.end() for match in re.finditer(rb"      size: \d+\n", WHOLE) if b"outs:" in WHOLE[: match.end()]}
    for length in range(offset, len(WHOLE), 5):
        fault = fault_of(WHOLE[:length], OUTPUTS)
        assert fault is not None or dvc_reads(WHOLE[:length]), length
        if not WHOLE[:length].endswith(b"\n"):
            assert fault is not None, length
        if looks_whole(WHOLE[:length]):
            assert length in ends_of_outputs
            assert fault is None


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "empty"),
        (b"\0" * 4096, "empty"),
        (b" \n\n", "empty"),
        (
            b"\xff\xfe\x00s",
            "torn, or no lock file of DVC ('utf-8' codec can't decode byte 0xff in position 0: invalid start byte)",
        ),
        (b"[1, 2]\n", "torn, or no lock file of DVC (it holds no stages)"),
        (b"stages: {}\n", "torn, or no lock file of DVC (schema: Field required)"),
        (b"schema: '1.0'\nstages: {}\n", "torn, or no lock file of DVC (schema: Input should be '2.0')"),
        (WHOLE[:-1], "torn: it ends in the middle of the stage split"),
        (WHOLE[: WHOLE.rindex(b"    outs:")], "torn: it ends in the middle of the stage split"),
        (CONFLICT.encode(), "it holds the marks of a merge that is not finished"),
        (FOREIGN.encode(), "of another project: dvc.yaml does not make 'model.pkl'"),
    ],
)
def test_a_lock_that_stops_dvc_is_explained_and_restored_from_the_copy(content: bytes, what: str) -> None:
    keep_copy()
    DVC_LOCK.write_bytes(content)
    assert doctor() == (2, f"dvc.lock: {what}. Run: darkroom doctor --mend\n")
    assert DVC_LOCK.read_bytes() == content
    exit_code, output = doctor("--mend")
    ending = "foreign" if content == FOREIGN.encode() else "torn"
    restored = f"restored from .darkroom/dvc.lock, the copy of the last whole one; what was there is dvc.lock.{ending}-1"
    assert (exit_code, output) == (0, f"dvc.lock: {what}: {restored}\n")
    assert DVC_LOCK.read_bytes() == WHOLE
    assert Path(f"dvc.lock.{ending}-1").read_bytes() == content
    assert doctor()[0] == 0


def test_what_is_no_lock_at_all_is_reported_by_the_parser() -> None:
    DVC_LOCK.write_text("stages: [")
    assert doctor()[1].startswith("dvc.lock: torn, or no lock file of DVC (while parsing a flow node")
    assert doctor()[1].count("\n") == 1


def test_without_a_copy_that_can_be_read_the_last_commit_s_lock_comes_back(folder: Path) -> None:
    git("add", "dvc.lock", "dvc.yaml")
    git("commit", "-qm", "with a lock")
    LOCK_COPY.parent.mkdir()
    LOCK_COPY.write_text("stages: [")
    DVC_LOCK.write_bytes(WHOLE[:100])
    Path("dvc.lock.torn-1").write_text("of another day")
    assert "restored from the last commit; what was there is dvc.lock.torn-2" in doctor("--mend")[1]
    assert DVC_LOCK.read_bytes() == WHOLE
    assert Path("dvc.lock.torn-1").read_text() == "of another day"


def test_without_any_earlier_lock_it_is_moved_away() -> None:
    DVC_LOCK.write_bytes(WHOLE[:100])
    assert "moved to dvc.lock.torn-1; there is no earlier one, and dvc repro writes it anew" in doctor("--mend")[1]
    assert not DVC_LOCK.exists()
    assert doctor("--quick") == (0, "")


def test_a_lock_of_which_some_stages_were_renamed_is_this_project_s() -> None:
    assert fault_of(LOCK.replace("  ingest:", "  collect:").encode(), OUTPUTS) is None


def test_a_copy_is_kept_of_a_whole_lock_and_of_no_other() -> None:
    keep_copy()
    assert LOCK_COPY.read_bytes() == WHOLE
    before = LOCK_COPY.stat().st_ino
    keep_copy()
    assert LOCK_COPY.stat().st_ino == before  # not written again
    for content in (b"", WHOLE[:-1], WHOLE[:300], CONFLICT.encode()):
        DVC_LOCK.write_bytes(content)
        keep_copy()
        assert LOCK_COPY.read_bytes() == WHOLE
    DVC_LOCK.unlink()
    keep_copy()
    assert LOCK_COPY.read_bytes() == WHOLE


def test_a_stage_keeps_the_copy(folder: Path) -> None:
    Path("params.yaml").write_text(SHIPPED.read_text())
    subprocess.run(
        stage_command("split"),
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
        capture_output=True,
    )
    assert LOCK_COPY.read_bytes() == WHOLE


@pytest.mark.parametrize("text", ["", '{"wri', "[]", '{"write": {"data": 5}}', '{"write": {}, "more": {}}'])
def test_a_torn_list_of_processes_is_moved_aside(text: str) -> None:
    HOLDERS.write_text(text)
    exit_code, output = doctor()
    assert exit_code == 2
    assert re.fullmatch(r"\.dvc/tmp/rwlock: DVC's list of its processes is torn \(.+\)\. Run: darkroom doctor --mend\n", output)
    assert doctor("--mend")[1].endswith(": moved to .dvc/tmp/rwlock.torn-1; DVC writes it anew\n")
    assert (HOLDERS.parent / "rwlock.torn-1").read_text() == text
    assert doctor("--quick") == (0, "")


def listed(pid: int, command: str) -> str:
    return json.dumps({"write": {"/p/data/prepared": {"pid": pid, "cmd": command}}, "read": {}})


@pytest.mark.parametrize("pid", [DEAD, os.getpid()], ids=["no such process", "another program has its number now"])
def test_dead_processes_are_taken_from_the_list(pid: int) -> None:
    HOLDERS.write_text(listed(pid, "/bin/dvc repro -q"))
    named = f".dvc/tmp/rwlock: DVC's list of its processes names dead ones: '{pid} /bin/dvc repro -q'"
    assert doctor() == (2, f"{named}. Run: darkroom doctor --mend\n")
    assert doctor("--mend") == (0, f"{named}: cleared\n")
    assert HOLDERS.read_text() == "{}"


def test_while_dvc_runs_a_stage_the_doctor_says_so_and_touches_nothing() -> None:
    """Between DVC's own lock and the one of the stage only the list of processes names it."""
    DVC_LOCK.write_bytes(WHOLE[:100])
    sleep = "import time; print(flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", sleep, "dvc", "repro"], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        HOLDERS.write_text(listed(process.pid, "/bin/dvc repro"))
        try:
            with pytest.raises(LockError, match=rf"process {process.pid} works in this folder \(/bin/dvc repro\)\. Wait until"):
                doctor("--mend")
        finally:
            process.kill()
    assert DVC_LOCK.read_bytes() == WHOLE[:100]


@pytest.mark.parametrize("arguments", [["repro"], ["repro", "-q", "a b"], ["exp", "run", "--temp"]])
def test_a_dvc_in_a_folder_with_blanks_is_alive_until_it_ends(tmp_path: Path, arguments: list[str]) -> None:
    program = tmp_path / "my  env/dvc/__main__.py"
    program.parent.mkdir(parents=True)
    program.with_name("__init__.py").touch()
    program.write_text("import sys, time\nprint(*sys.argv, flush=True)\ntime.sleep(60)\n")
    environment = {**os.environ, "PYTHONPATH": str(program.parents[1])}
    with subprocess.Popen(
        [sys.executable, "-m", "dvc", *arguments], stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        holder = Holder(pid=process.pid, cmd=process.stdout.readline().rstrip("\n"))
        try:
            assert is_alive(holder)
            assert not is_alive(Holder(pid=process.pid, cmd="/usr/bin/dvc pull"))
        finally:
            process.kill()
    assert not is_alive(holder)


def test_while_dvc_itself_works_the_doctor_says_so() -> None:
    with (HOLDERS.parent / "lock").open("w") as lock:
        lock.write(" 4711\n")
        lock.flush()
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(
            LockError, match=r"one run at a time: process 4711 works in this folder \(dvc\)\. Wait until it ends"
        ):
            doctor()
    assert doctor()[0] == 0  # such a file stays, and locks nothing


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS])
def test_the_doctor_looks_where_the_file_system_knows_no_locks_and_asks_for_one_as_nfs_wants_it(
    monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    (HOLDERS.parent / "lock").write_text(" 4711\n")
    modes = []

    def refuse(handle: int, _: int) -> None:
        modes.append(fcntl.fcntl(handle, fcntl.F_GETFL) & os.O_ACCMODE)
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)
    assert doctor("--quick") == (0, "")
    assert modes == [os.O_RDWR, os.O_RDWR]
    assert (HOLDERS.parent / "lock").read_text() == " 4711\n"


def test_while_a_stage_runs_the_doctor_says_so() -> None:
    with only_run(), pytest.raises(LockError, match=f"process {os.getpid()} on {socket.gethostname()} works in this folder"):
        doctor("--mend", "--quick")


def test_hard_links_that_a_dead_dvc_left_as_locks_are_removed() -> None:
    claim = (HOLDERS.parent / ("0123456789abcdef" * 2 + ".lock")).resolve()
    for name in ("lock", "rwlock.lock"):
        claim.write_text(str(claim))
        os.link(claim, HOLDERS.parent / name)
        what = f".dvc/tmp/{name}: a lock of DVC whose process is dead"
        assert doctor() == (2, f"{what}. Run: darkroom doctor --mend\n")
        assert doctor("--mend") == (0, f"{what}: removed\n")
        assert os.listdir(HOLDERS.parent) == ["rwlock"]


OLD = time.time() - 25 * 3600
IN_CACHE = ".dvc/cache/files/md5/ab/.abcdefghij-_ABCDEFGHIJ.tmp"


def plant(*names: str, modified: float = OLD) -> None:
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()
        os.utime(name, (modified, modified))


def test_temporary_files_of_killed_runs_are_named_and_removed_and_nothing_else(folder: Path) -> None:
    strays = [
        "data/.split.parquet.0123456789abcdef.tmp",
        "data/prepared/.index.json.0123456789abcdef.tmp",
        "data/split.parquet.abcdefghij-_ABCDEFGHIJ.tmp",
        IN_CACHE,
        ".params.yaml.0123456789abcdef.tmp",
        "dvc.lock.abcdefghij-_ABCDEFGHIJ.tmp",
    ]
    others = [
        *("data/notes.tmp", "data/prepared/.mine.tmp", ".dvc/cache/files/md5/ab/cdef", "mine/.a.0123456789abcdef.tmp"),
        *("x.2024-01-01_12-00-00-ab.tmp", ".notes.0123456789abcdef.tmp"),
    ]
    young = ["data/.split.json.0123456789abcdef.tmp", ".dvc/cache/files/md5/cd/.abcdefghij-_ABCDEFGHIJ.tmp"]
    plant(*strays, *others)
    plant(*young, modified=time.time() - 3600)
    exit_code, output = doctor()
    assert exit_code == 2
    assert "data: temporary files of killed runs: '.split.parquet.0123456789abcdef.tmp', 'split.parquet.abc" in output
    assert doctor("--mend")[0] == 0
    assert [name for name in strays if Path(name).exists()] == []
    assert all(Path(name).exists() for name in others + young)
    assert doctor()[0] == 0


def test_a_quick_look_leaves_the_cache_alone() -> None:
    plant(IN_CACHE)
    assert doctor("--quick", "--mend") == (0, "")
    assert Path(IN_CACHE).exists()


@pytest.mark.parametrize("link", ["data", "data/prepared", "data/prepared/inner", ".dvc/cache", ".dvc/cache/files"])
def test_no_temporary_file_behind_a_link_is_removed(folder: Path, link: str) -> None:
    elsewhere = folder.with_name(f"{folder.name}-elsewhere")
    for inner in ("", "prepared", "md5/ab"):
        plant(str(elsewhere / inner / ".a.0123456789abcdef.tmp"))
    if Path(link).exists():
        Path(link).rename("moved")
    Path(link).symlink_to(elsewhere)
    assert doctor("--mend")[0] == 0
    assert len(list(elsewhere.rglob("*.tmp"))) == 3


def test_outside_a_project_it_says_so_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    with pytest.raises(GraphError, match=r"dvc.yaml must be in the current folder; it is not"):
        doctor()
    assert os.listdir() == []


def copy_in_cache(content: bytes, claimed: bytes) -> Path:
    md5 = hashlib.md5(claimed).hexdigest()
    path = Path(".dvc/cache/files/md5") / md5[:2] / md5[2:]
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    path.chmod(0o444)
    return path


def test_a_copy_in_the_cache_that_is_not_what_its_name_says_comes_back_from_the_output_or_is_moved() -> None:
    copy_in_cache(b"whole", b"whole")
    known, lost = copy_in_cache(b"damaged", b"a shard"), copy_in_cache(b"damaged too", b"an old shard")
    Path("data/prepared/train.h5").write_bytes(b"a shard")
    what = "the copy in DVC's cache is not what its name says"
    assert doctor() == (2, "".join(f"{path}: {what}. Run: darkroom doctor --mend\n" for path in sorted([known, lost])))
    assert doctor("--quick") == (0, "")  # which reads no cache
    exit_code, output = doctor("--mend")
    assert exit_code == 0
    names = {path: path.parent.name + path.name for path in (known, lost)}
    kept = {path: Path(".darkroom/damaged") / name for path, name in names.items()}
    assert f"{known}: {what}: copied anew from data/prepared/train.h5; what was there is {kept[known]}\n" in output
    assert f"{lost}: {what}: moved to {kept[lost]}; dvc repro makes it anew where it is needed" in output
    assert known.read_bytes() == b"a shard"
    assert not lost.exists()
    assert (kept[known].read_bytes(), kept[lost].read_bytes()) == (b"damaged", b"damaged too")
    assert doctor()[0] == 0


def plant_data(*paths: bytes, source: str = "scans", locked: str = "scans", changed: bool = True) -> None:
    """Writes params.yaml, a manifest that lists paths, and the dvc.lock of a run that made it, or another one if `changed`."""
    text = SHIPPED.read_text()
    Path("params.yaml").write_text(text.replace("source: embedded:digits", f"source: {source}"))
    rows = pl.DataFrame({"id": [printable(path) for path in paths], "path": paths})
    rows.write_parquet("data/manifest.parquet")
    lock = LOCK.replace("raw/tiny", locked)
    if not changed:
        md5 = hashlib.md5(Path("data/manifest.parquet").read_bytes()).hexdigest()
        lock = lock.replace("151c16c45a9ec546f1ddfeb72e1f0421", md5)
    DVC_LOCK.write_text(lock)
    Path("data/prepared/index.json").touch()


def plant_raw(*paths: bytes) -> None:
    for path in paths:
        file = Path("scans", os.fsdecode(path))
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()


def test_data_of_another_project_is_named_and_kept() -> None:
    plant_raw(b"a/1.png")
    plant_data(b"a/1.png", b"a/2.png")
    assert doctor()[0] == 0  # one of them is there
    plant_data(b"b/1.png", b"b/2.png")
    what = "data/manifest.parquet: of another project: of 2 files that it lists none is in scans"
    assert doctor() == (2, f"{what}. Run: darkroom doctor --mend\n")
    moved = "moved to data/manifest.parquet.foreign-1, data/prepared.foreign-1; dvc repro makes this project's"
    assert doctor("--mend") == (0, f"{what}: {moved}\n")
    assert Path("data/prepared.foreign-1/index.json").exists()
    assert doctor()[0] == 0


def test_files_whose_names_are_no_utf8_are_found_in_the_raw_folder() -> None:
    names = ["caf\u00e9/1.png".encode("latin-1"), b"a/\nb.png", b"a/~0123abcd"]
    plant_raw(*names)
    plant_data(*names)
    assert doctor()[0] == 0


@pytest.mark.parametrize(
    ("locked", "changed"), [("before", True), ("before", False), ("scans", False)], ids=["both", "source", "raw folder"]
)
def test_where_the_source_or_the_raw_folder_may_have_been_changed_no_data_are_moved(locked: str, changed: bool) -> None:
    plant_raw(b"a/1.png")
    plant_data(b"b/1.png", locked=locked, changed=changed)
    line = (
        "data/manifest.parquet: of 1 files that it lists none is in scans: ingest.source or that folder was changed since, or "
        "data is of another project. To make it anew, run: dvc repro\n"
    )
    assert doctor() == (2, line)
    assert doctor("--mend") == (0, line)
    assert sorted(os.listdir("data")) == ["manifest.parquet", "prepared"]


@pytest.mark.parametrize("is_there", [True, False])
def test_a_raw_folder_that_is_empty_or_missing_is_asked_after_and_no_data_are_moved(is_there: bool) -> None:
    plant_data(b"a/1.png")
    if is_there:
        Path("scans").mkdir()
    line = "scans: the raw folder is missing or empty: is it mounted? Mount it, or correct ingest.source\n"
    assert doctor() == (2, line)
    assert doctor("--mend") == (0, line)
    assert doctor("--quick") == (0, "")
    assert sorted(os.listdir("data")) == ["manifest.parquet", "prepared"]


def test_each_line_is_printed_when_its_trouble_is_mended(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    printed: list[str] = []

    def fail() -> str:
        assert printed == ["a: torn: cleared"]
        raise PermissionError(errno.EACCES, "Permission denied", "b")

    troubles = [Trouble(Path("a"), "torn", lambda: "cleared"), Trouble(Path("b"), "torn", fail)]
    monkeypatch.setattr("pipelines.repair.doctor.find_troubles", lambda *_, **__: troubles)
    with pytest.raises(PermissionError):
        printed.extend(mend_troubles(deep=False))


def test_a_second_damaged_copy_does_not_overwrite_the_first(folder: Path) -> None:
    copy = Path("cache/files/md5/ab/cdef")
    copy.parent.mkdir(parents=True)
    for content in (b"first", b"second", b"third"):
        copy.write_bytes(content)
        _replace(copy, None)
    assert sorted(path.read_bytes() for path in DAMAGED.iterdir()) == [b"first", b"second", b"third"]


@pytest.mark.parametrize("arguments", [["--quick", "--mend"], []])
def test_params_that_dvc_cannot_read_are_one_line_in_our_words(arguments: list[str]) -> None:
    """`make repro` calls doctor first, so DVC's parser never meets a pattern without quotes; what is torn is mended first."""
    params = SHIPPED.read_text()
    Path("params.yaml").write_text(params.replace("pattern: '{label}/{name}'", "pattern: {label}/{name}"))
    assert Path("params.yaml").read_text() != params
    LOCK_COPY.parent.mkdir(exist_ok=True)
    LOCK_COPY.write_bytes(WHOLE)
    DVC_LOCK.write_bytes(WHOLE[:-30])
    with pytest.raises(ParamsError, match=r"^params.yaml is not valid YAML \(line \d+, column \d+"):
        CliRunner().invoke(app, ["doctor", *arguments], catch_exceptions=False)
    assert (DVC_LOCK.read_bytes() == WHOLE) == ("--mend" in arguments)
