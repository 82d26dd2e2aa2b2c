"""What a model file says of the machine that trained it is read after the file was checked, and bounded."""

import json
import os
import zipfile
from pathlib import Path

import pytest

from dataprep.core.errors import ArtifactError
from models.train.keras_environment import Environment, threads_of
from models.train.model_file import VERSION

CPU = {"instruction_set": "avx2", "device": "CPU"}


def write_model(path: Path, metadata: bytes, packing: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", packing) as archive:
        for name, content in (("config.json", b"{}"), ("metadata.json", metadata), ("model.weights.h5", b"")):
            archive.writestr(name, content)
    return path


def of_environment(environment: object) -> bytes:
    return json.dumps({"darkroom": {"version": VERSION, "environment": environment}}).encode()


@pytest.mark.parametrize("threads", [1, 2, 1024])
def test_the_threads_of_the_training_are_read(threads: int, tmp_path: Path) -> None:
    environment = Environment(threads=threads, instruction_set="avx2", device="CPU")
    assert threads_of(write_model(tmp_path / "model.keras", of_environment(environment.model_dump()))) == threads


def test_a_model_that_names_no_environment_has_no_number_of_threads(tmp_path: Path) -> None:
    metadata = json.dumps({"darkroom": {"version": VERSION}}).encode()
    assert threads_of(write_model(tmp_path / "model.keras", metadata)) == 0


@pytest.mark.parametrize("threads", [-3, 0, 1025, 10**9, 10**400, 2.5, "2", True, None, [2]], ids=repr)
def test_a_number_of_threads_that_cannot_be_is_one_line(threads: object, tmp_path: Path) -> None:
    path = write_model(tmp_path / "model.keras", of_environment({"threads": threads, **CPU}))
    with pytest.raises(
        ArtifactError, match=r"must say in metadata.json, under 'darkroom.environment', the threads \(1 to 1,024\)"
    ) as error:
        threads_of(path)
    assert str(error.value).endswith("Run: dvc repro train")
    assert "\n" not in str(error.value)
    assert len(str(error.value).replace(str(path), "")) < 400


@pytest.mark.parametrize("environment", [7, [], "CPU", {}, {"threads": 2}, {"threads": 2, **CPU, "more": 1}], ids=repr)
def test_an_environment_of_another_form_is_one_line(environment: object, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"under 'darkroom.environment', .*; got "):
        threads_of(write_model(tmp_path / "model.keras", of_environment(environment)))


def test_a_pipe_in_the_place_of_a_model_is_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    os.mkfifo(path)
    keep = os.open(path, os.O_RDWR)  # without it, a reader that waits would never end
    try:
        with pytest.raises(ArtifactError, match="pipe"):
            threads_of(path)
    finally:
        os.close(keep)


def test_metadata_that_would_fill_the_memory_is_not_unpacked(tmp_path: Path) -> None:
    path = write_model(tmp_path / "model.keras", b" " * 2**22, zipfile.ZIP_DEFLATED)
    with pytest.raises(ArtifactError, match=r"must be stored as it is; its [\d,]+ bytes are packed and claim to be 4,"):
        threads_of(path)


def test_a_model_file_that_is_missing_or_none_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    with pytest.raises(ArtifactError, match=r"is missing"):
        threads_of(path)
    path.write_text("no model")
    with pytest.raises(ArtifactError, match=r"cannot be loaded as a Keras model \(BadZipFile"):
        threads_of(path)
