import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest

from dataprep.config.decode import Decoding
from dataprep.config.execute import ExecuteConfig
from dataprep.decode.image import Decoded
from dataprep.decode.image import decode as decode_as_ever
from dataprep.store.shards import ShardIndex
from models.predict.isolated_preparation import FileToRead, ReadTask, prepare_files, prepare_guarded
from models.predict.prediction import PreparedImage, Refusal
from models.predict.preparation import Preparation
from pipelines.parameters.params import Params
from tests.conftest import random_image, write_png
from tests.web_server import web_server


@pytest.fixture
def index(params: Params) -> ShardIndex:
    decode = Decoding(**params.ingest.decode.model_dump(), levels={})
    return ShardIndex(shape=(16, 16, 1), class_names=["a", "b"], decode=decode, prepare=params.prepare.pixels, shards=[])


def to_read(path: Path, *, num_bytes: int | None = None) -> FileToRead:
    size = path.stat().st_size if num_bytes is None else num_bytes
    return FileToRead(path.name, path.parent, path.name.encode(), size)


def test_each_file_is_prepared_or_refused_in_its_place(index: ShardIndex, params: Params, tmp_path: Path) -> None:
    good = write_png(tmp_path / "good.png", random_image(1))
    (tmp_path / "bad.png").write_bytes(b"hello")
    files = [
        to_read(tmp_path / "bad.png"),
        to_read(good),
        to_read(good, num_bytes=10),
        to_read(good, num_bytes=2**40),
        FileToRead("gone", tmp_path, b"gone.png", 5),
        FileToRead("linked", tmp_path, b"x", 0, Refusal("link", "a link")),
    ]
    images = prepare_files(ReadTask(files, index, params.ingest.limits, figures=True))
    assert [own.refused.reason if own.refused else None for own in images] == [
        "not_an_image",
        None,
        "changed",
        "too_many_bytes",
        "changed",
        "link",
    ]
    expected = Preparation(index, params.ingest.limits).of_content("good", good.read_bytes())
    assert images[1].pixels is not None
    assert expected.pixels is not None
    assert np.array_equal(images[1].pixels, expected.pixels)
    assert images[1].figures is not None
    assert images[0].figures is None


def test_a_url_of_a_file_is_read(index: ShardIndex, params: Params, tmp_path: Path) -> None:
    write_png(tmp_path / "good.png", random_image(1))
    urls = [f"file://{tmp_path}/good.png", f"file://{tmp_path}/none.png"]
    read, gone = prepare_files(
        ReadTask([FileToRead(url, url, b"", 0) for url in urls], index, params.ingest.limits, figures=False)
    )
    assert read.pixels is not None
    assert gone.refused is not None
    assert gone.refused.reason == "unreadable"


def test_a_url_on_the_web_is_read_or_refused_with_a_reason(index: ShardIndex, params: Params, tmp_path: Path) -> None:
    good = write_png(tmp_path / "good.png", random_image(1)).read_bytes()
    limits = params.ingest.limits.model_copy(update={"seconds": 1.0, "max_bytes": 10_000_000})
    names = ["good.png", "moved/good.png", "gone.png", "endless/x.png", "slow/good.png", "page.png", "good.png?x=1"]
    with web_server({"good.png": good, "good.png?x=1": good, "page.png": b"<!doctype html>"}) as address:
        urls = [f"{address}/{name}" for name in names] + ["http://127.0.0.1:1/x.png"]
        images = prepare_files(ReadTask([FileToRead(url, url, b"", 0) for url in urls], index, limits, figures=False))
    reasons = [own.refused.reason if own.refused else None for own in images]
    assert reasons == [None, None, "unreadable", "too_many_bytes", "too_slow", "not_an_image", None, "unreadable"]
    gone, closed = images[2].refused, images[-1].refused
    assert gone is not None
    assert closed is not None
    assert gone.message == f"FileNotFoundError: {urls[2]}"
    assert "127.0.0.1:1" in closed.message
    assert "\n" not in closed.message


def test_a_file_that_takes_too_long_costs_itself(
    index: ShardIndex, params: Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def decode(content: bytes, decoding: Decoding) -> Decoded:
        if content == b"slow":
            time.sleep(5)
        return decode_as_ever(content, decoding)

    monkeypatch.setattr("models.predict.preparation.decode", decode)
    good = write_png(tmp_path / "good.png", random_image(1))
    (tmp_path / "slow.png").write_bytes(b"slow")
    limits = params.ingest.limits.model_copy(update={"seconds": 0.2})
    files = [to_read(good), to_read(tmp_path / "slow.png"), to_read(good)]
    images = prepare_files(ReadTask(files, index, limits, figures=False))
    assert [own.refused.reason if own.refused else None for own in images] == [None, "too_slow", None]


def prepare_or_die(task: ReadTask) -> list[PreparedImage]:
    """As a decoder that brings its process down."""
    if any(file.path == b"killer.png" for file in task.files):
        os.kill(os.getpid(), signal.SIGSEGV)
    return prepare_files(task)


@pytest.mark.processes
def test_a_file_that_kills_its_worker_costs_itself(
    index: ShardIndex, params: Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.predict.isolated_preparation.prepare_files", prepare_or_die)
    paths = [write_png(tmp_path / f"{name}.png", random_image(1)) for name in ("a", "killer", "b")]
    execute = ExecuteConfig(backend="local", workers=1, address=None)
    chunks = prepare_guarded([to_read(path) for path in paths], index, params.ingest.limits, execute, figures=False)
    images = [image for chunk in chunks for image in chunk]
    assert [own.name for own in images] == ["a.png", "killer.png", "b.png"]
    assert [own.refused.reason if own.refused else None for own in images] == [None, "worker_died", None]
