from pathlib import Path

import pytest

from dataprep.core.errors import DarkroomError
from pipelines.project.code_record import (
    CodeRecord,
    changed_stages,
    check_code,
    encode_record,
    hash_code,
    installed_record,
    read_record,
)

RECORD = installed_record()


def written(folder: Path, record: CodeRecord) -> Path:
    path = folder / "darkroom-version.yaml"
    path.write_text(encode_record(record), encoding="utf-8")
    return path


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    assert read_record(written(tmp_path, RECORD)) == RECORD
    assert read_record(tmp_path / "none.yaml") is None


def test_a_hash_of_code_is_that_of_its_files_wherever_they_lie(tmp_path: Path) -> None:
    for root in ("a", "b"):
        (tmp_path / root / "package/core").mkdir(parents=True)
        (tmp_path / root / "package/core/one.py").write_text("1")
        (tmp_path / root / "package/two.py").write_text("2")
    places = ["package/core", "package/two.py"]
    before = hash_code(tmp_path / "a", places)
    assert before == hash_code(tmp_path / "b", places[::-1])
    (tmp_path / "a/package/core/__pycache__").mkdir()
    (tmp_path / "a/package/core/__pycache__/one.pyc").write_text("compiled")
    (tmp_path / "a/package/other.py").write_text("no dependency")
    assert before == hash_code(tmp_path / "a", places)
    (tmp_path / "a/package/core/one.py").write_text("1 ")
    (tmp_path / "b/package/two.py").rename(tmp_path / "b/package/three.py")
    assert before != hash_code(tmp_path / "a", places)
    assert before != hash_code(tmp_path / "b", places)


def test_a_stage_runs_by_the_code_that_is_recorded_alone(tmp_path: Path) -> None:
    check_code(path=written(tmp_path, RECORD))
    check_code(path=written(tmp_path, RECORD.model_copy(update={"version": "0.0.9"})))  # of the same code
    other = {**RECORD.stages, "train": "0" * 16, "split": "1" * 16}
    old = CodeRecord(version="0.0.9", graph=RECORD.graph, stages=other)
    assert changed_stages(old, RECORD) == ["split", "train"]
    for stage in (None, "train"):
        with pytest.raises(
            DarkroomError,
            match=r"of 0\.0\.9, and darkroom \S+ is installed, which changed the code of split, train\. ",
        ):
            check_code(stage, written(tmp_path, old))
    check_code("evaluate", written(tmp_path, old))
    with pytest.raises(DarkroomError, match="which changed the graph"):
        check_code(path=written(tmp_path, RECORD.model_copy(update={"graph": "0"})))


@pytest.mark.parametrize("text", ["", "version: 1\n", "version: a\ngraph: b\nstages: [c]\n"])
def test_a_record_that_is_none_is_one_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "darkroom-version.yaml"
    path.write_text(text)
    with pytest.raises(DarkroomError, match=r"darkroom-version.yaml must hold version, graph and stages; .* darkroom upgrade$"):
        read_record(path)
