import hashlib
import os
import subprocess
from pathlib import Path

import polars as pl
import pytest

from dataprep.store.split_table import encode_split
from pipelines.workspace import earlier_splits
from pipelines.workspace.earlier_splits import keep, read_earlier
from pipelines.workspace.lock import LockError

SPLIT, KEPT = Path("data/split.parquet"), Path(".darkroom/splits")


def table(split: str) -> bytes:
    return bytes(encode_split(pl.DataFrame({"id": ["a"], "split": [split], "cluster": ["a"], "rule": ["dealt"]})))


def commit(content: bytes) -> None:
    md5 = hashlib.md5(content).hexdigest()
    Path("dvc.lock").write_text(
        f"stages:\n  split:\n    outs:\n    - path: data/split.parquet\n      hash: md5\n      md5: {md5}\n"
    )
    author = ["-c", "user.name=t", "-c", "user.email=t@t"]
    for command in (["init", "-q"], ["add", "dvc.lock"], [*author, "commit", "-qm", "x"]):
        subprocess.run(["git", *command], check=True)


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(earlier_splits, "cache_folder", lambda: Path("cache"))


def test_without_git_the_last_one_made_is_compared_with() -> None:
    assert read_earlier(SPLIT, KEPT) is None
    for number, name in enumerate(["train", "test", "validation", "excluded"]):
        keep(table(name), KEPT)
        os.utime(KEPT / f"{hashlib.md5(table(name)).hexdigest()}.parquet", (number, number))
    rows, name = read_earlier(SPLIT, KEPT) or (None, "")
    assert rows is not None
    assert rows["split"].to_list() == ["excluded"]
    assert name == "the last run in this folder"
    assert len(list(KEPT.iterdir())) <= 4


def test_the_committed_one_comes_first_from_what_was_kept_or_from_the_cache() -> None:
    commit(table("train"))
    keep(table("test"), KEPT)
    found = read_earlier(SPLIT, KEPT)
    assert found is not None
    assert found[1] == "the last run in this folder"  # the committed one is nowhere on this machine
    md5 = hashlib.md5(table("train")).hexdigest()
    cached = Path("cache/files/md5", md5[:2], md5[2:])
    cached.parent.mkdir(parents=True)
    cached.write_bytes(table("train"))
    found = read_earlier(SPLIT, KEPT)
    assert found is not None
    assert (found[0]["split"].to_list(), found[1]) == (["train"], "the last commit")
    cached.write_bytes(b"damaged")
    found = read_earlier(SPLIT, KEPT)
    assert found is not None
    assert found[1] == "the last run in this folder"


def test_beside_another_dvc_nothing_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    def busy() -> Path:
        raise LockError("DVC cannot look at the graph now: another DVC command works in this folder")

    commit(table("train"))
    monkeypatch.setattr(earlier_splits, "cache_folder", busy)
    assert read_earlier(SPLIT, KEPT) is None
