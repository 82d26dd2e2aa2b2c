"""What `darkroom verify` says of a dvc.lock or a list that somebody doctored: it proposes to remove nothing of others."""

import hashlib
import json
import os
import subprocess
from pathlib import Path

import pytest

from pipelines.repair.verify import Damage, files_of, find_damage, hash_files, read_outputs
from pipelines.workspace.dvc_graph import GraphError

CACHE = Path(".dvc/cache")
MD5 = "0" * 32


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "project"
    (root / "data/prepared").mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/precious").write_text("precious")
    monkeypatch.chdir(root)
    Path("dvc.yaml").write_text(
        "stages:\n  split: {cmd: a, outs: [data/split.parquet]}\n  prepare: {cmd: b, outs: [data/prepared: {persist: true}]}\n"
    )
    Path("data/split.parquet").write_text("rows")
    return root


def md5_of(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def cached(content: bytes, ending: str = "") -> str:
    """Puts a file into the cache; returns its hash as dvc.lock has it."""
    md5 = md5_of(content) + ending
    path = CACHE / "files/md5" / md5[:2] / md5[2:]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return md5


def lock(*outputs: tuple[str, object, object]) -> None:
    stages: dict[str, dict[str, list[object]]] = {}
    for stage, path, md5 in outputs:
        stages.setdefault(stage, {"outs": []})["outs"].append({"path": path, "md5": md5})
    Path("dvc.lock").write_text(json.dumps({"stages": stages}))


def found() -> list[Damage]:
    outputs = read_outputs()
    hashed = {entry.path: entry for entry in hash_files(files_of(outputs, CACHE))}
    return list(find_damage(outputs, CACHE, hashed))


@pytest.mark.parametrize(
    "path",
    [
        *(
            "/etc/passwd",
            "../outside/precious",
            "..",
            ".",
            "",
            "data/../../outside",
            "data/./split.parquet",
            "data//x",
            "data/",
        ),
        *("a\0b", 5, None, ["data"], "\x1b[2J/../x"),
    ],
)
def test_an_output_outside_of_the_project_makes_the_lock_a_foreign_one(path: object) -> None:
    lock(("split", "data/split.parquet", md5_of(b"rows")), ("prepare", path, MD5))
    with pytest.raises(GraphError) as refused:
        found()
    if isinstance(path, str):
        assert str(refused.value) == (
            f"dvc.lock: the output of stage prepare must be a path within this folder; it is {path!r}. DVC did not write this "
            "here. Restore dvc.lock: git checkout dvc.lock, then run: dvc repro"
        )
    assert "rm " not in str(refused.value)
    assert str(refused.value).isprintable()


@pytest.mark.parametrize("path", ["raw", ".git", "params.yaml", "dvc.yaml", "data", "data/prepared", "data/prepared/a.h5"])
@pytest.mark.parametrize("ending", ["", ".dir"])
def test_an_output_that_dvc_yaml_does_not_declare_makes_the_lock_a_foreign_one(path: str, ending: str) -> None:
    """`data/prepared` is one, but of another stage."""
    Path("raw").mkdir()
    lock(("split", "data/split.parquet", md5_of(b"rows")), ("split", path, MD5 + ending))
    with pytest.raises(GraphError) as refused:
        found()
    assert str(refused.value) == (
        f"dvc.lock: the outputs of stage split must stand in dvc.yaml; '{path}' does not. dvc.lock is foreign, or dvc.yaml was "
        "edited since. Restore one of them with git checkout, or run: dvc repro split"
    )


@pytest.mark.parametrize("md5", ["", "0" * 31, "../../../../etc/passwd", f"{MD5}.exe", MD5.upper().replace("0", "A"), 5, None])
def test_a_hash_that_is_none_makes_the_lock_a_foreign_one(md5: object) -> None:
    lock(("split", "data/split.parquet", md5))
    with pytest.raises(GraphError, match=r"^dvc\.lock: the output of stage split must have an MD5 in hex; it has .* Restore"):
        found()


@pytest.mark.parametrize("name", ["../../../outside/precious", "/etc/passwd", "..", "", "a/../../b", "a\0b", 7])
def test_a_list_that_leads_out_of_its_folder_is_a_foreign_one(name: object) -> None:
    content = json.dumps([{"md5": MD5, "relpath": name}]).encode()
    lock(("prepare", "data/prepared", cached(content, ".dir")))
    with pytest.raises(
        GraphError, match=r"a file of data/prepared must be a path within this folder; it is .* Restore dvc\.lock"
    ):
        found()


@pytest.mark.parametrize("content", [b"", b"{", b"5", b'["a"]', b'[{"relpath": "a"}]', b"\xff", b"[" * 100_000])
def test_a_list_that_is_no_list_is_a_foreign_one(content: bytes) -> None:
    lock(("prepare", "data/prepared", cached(content, ".dir")))
    with pytest.raises(GraphError, match=r"must be a list of files as DVC writes it \(.*Restore dvc\.lock: git checkout"):
        found()


@pytest.mark.parametrize("link", ["data", "data/prepared", "data/prepared/inner"])
def test_a_link_that_leads_out_of_the_project_is_named_and_what_it_leads_to_is_left_alone(link: str, tmp_path: Path) -> None:
    content = json.dumps([{"md5": MD5, "relpath": "inner/precious"}]).encode()
    lock(("prepare", "data/prepared", cached(content, ".dir")))
    Path(link).parent.mkdir(exist_ok=True)
    if Path(link).is_dir():
        Path(link).rename("away")
    (tmp_path / "outside/prepared").mkdir()
    Path(link).symlink_to(tmp_path / "outside")
    with pytest.raises(
        GraphError, match=r"must lie in this folder; a link leads to .*/outside.*\. Put a folder of its own there"
    ):
        found()


def test_a_file_that_is_a_link_to_the_cache_elsewhere_is_no_foreign_one(tmp_path: Path) -> None:
    Path("data/split.parquet").unlink()
    Path("data/split.parquet").symlink_to(tmp_path / "outside/precious")
    lock(("split", "data/split.parquet", md5_of(b"precious")))
    assert found() == []
    lock(("split", "data/split.parquet", MD5))
    assert [str(damage) for damage in found()] == [
        "data/split.parquet: damaged. Run: rm -f data/split.parquet && dvc repro split"
    ]


@pytest.mark.parametrize(("names", "what"), [([], "missing"), (["a.h5"], "damaged")])
def test_of_a_folder_whose_list_is_gone_nothing_is_removed(names: list[str], what: str) -> None:
    for name in names:
        Path("data/prepared", name).write_text("")
    lock(("prepare", "data/prepared", f"{MD5}.dir"), ("split", "data/split.parquet", md5_of(b"rows")))
    assert [str(damage) for damage in found()] == [f"data/prepared: {what}. Run: dvc repro --force --single-item prepare"]


@pytest.mark.parametrize(
    "name", ["a\nb", "a\x1b[2Jb", "a b", "-rf", "a'b", "$(touch x)", "é", os.fsdecode(b"\xff"), "a\u202eb"]
)
def test_a_name_is_printed_on_one_line_and_the_command_removes_that_file_alone(name: str) -> None:
    Path("data/prepared", name).write_text("")
    Path("data/prepared/other").write_text("")
    lock(("prepare", "data/prepared", cached(json.dumps([{"md5": md5_of(b""), "relpath": "other"}]).encode(), ".dir")))
    (damage,) = found()
    assert str(damage).isprintable()
    command = damage.command.removesuffix(" && dvc repro prepare")
    assert command.startswith("rm -f ")
    subprocess.run(["bash", "-c", command], check=True)
    assert os.listdir("data/prepared") == ["other"]
    assert sorted(os.listdir()) == [".dvc", "data", "dvc.lock", "dvc.yaml"]


@pytest.mark.parametrize(
    "content",
    [b"", b"stages: [", b"stages: 5", b"\xff\xfe", b"stages: {split: 5}", b"[" * 600, b"stages: {split: {outs: [{path: a}]}}"],
)
def test_a_lock_that_cannot_be_read_is_one_line(content: bytes) -> None:
    Path("dvc.lock").write_bytes(content)
    with pytest.raises(GraphError, match=r"^dvc\.lock cannot be read \(.*\)\. Restore it: darkroom doctor --mend") as refused:
        read_outputs()
    assert "\n" not in str(refused.value)


def test_a_pipe_in_the_place_of_the_lock_or_an_output_is_not_waited_for() -> None:
    lock(("split", "data/split.parquet", MD5))
    Path("data/other").write_text("")
    Path("data/split.parquet").unlink()
    os.mkfifo("data/split.parquet")
    assert [damage.path for damage in found()] == [Path("data/split.parquet")]
    Path("dvc.lock").unlink()
    os.mkfifo("dvc.lock")
    with pytest.raises(Exception, match=r"dvc\.lock must be a file; it is a named pipe"):
        read_outputs()
