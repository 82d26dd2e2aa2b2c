from pathlib import Path

import pytest

from dataprep.core.errors import SourceError
from pipelines.workspace.raw_folder import locate_raw_folder, project_of_copy


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "project/.dvc/tmp/exps/tmpabc"
    folder.mkdir(parents=True)
    (tmp_path / "project/raw/scans").mkdir(parents=True)
    monkeypatch.chdir(folder)
    return folder


def test_a_relative_source_that_git_does_not_carry_is_explained_in_a_temporary_copy(copy: Path, tmp_path: Path) -> None:
    with pytest.raises(SourceError) as error:
        locate_raw_folder("raw/scans", Path("raw"))
    assert str(error.value) == (
        "params.yaml: ingest.source 'raw/scans' is not in the temporary copy of the project for this run "
        "(.dvc/tmp/exps/tmpabc): it holds only what Git tracks. Write the whole path, "
        f"{str(tmp_path / 'project/raw/scans')!r}, or run the experiment without --temp and --queue"
    )


def test_what_is_there_is_located_as_ever(copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = str(tmp_path / "project/raw/scans")
    assert locate_raw_folder(whole, Path("raw")) == Path(whole)
    assert locate_raw_folder("s3://bucket/scans", Path("raw")) == "s3://bucket/scans"
    (copy / "tracked").mkdir()
    assert locate_raw_folder("tracked", Path("raw")) == Path("tracked")
    monkeypatch.chdir(tmp_path)
    assert locate_raw_folder("raw/nowhere", Path("raw")) == Path("raw/nowhere")  # whose absence `scan` reports


def test_only_a_temporary_copy_of_dvc_is_one() -> None:
    assert project_of_copy(Path("/p/.dvc/tmp/exps/standalone")) == Path("/p")
    assert project_of_copy(Path("/p/.dvc/tmp/exps/tmp1/data")) == Path("/p")
    for folder in ("/p", "/p/.dvc/tmp", "/p/.dvc/tmp/exps", "/exps/tmp1"):
        assert project_of_copy(Path(folder)) is None
