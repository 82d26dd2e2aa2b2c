"""A folder elsewhere is the same data set as that folder here."""

import functools
import http.server
import os
import pickle
import re
import shutil
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import fsspec
import numpy as np
import polars as pl
import pytest
from fsspec.implementations.local import LocalFileSystem
from fsspec.implementations.memory import MemoryFile, MemoryFileSystem
from fsspec.registry import known_implementations
from upath import UPath

from dataprep.config.execute import ExecuteConfig
from dataprep.core.artifacts import Place, locate, read_bytes, write_bytes
from dataprep.core.errors import ArtifactError, ChangedError, ParamsError, SourceError
from dataprep.decode.image import digest_bytes
from dataprep.prepare import packing as prepare
from dataprep.prepare.packing import prepare_images
from dataprep.source import remote_folder as remote
from dataprep.source.raw_folder import Source, locate_folder, read_file, scan
from dataprep.store.manifest import read_manifest, write_manifest
from dataprep.store.shards import ShardEntry, ShardReader, check_shards, read_index
from dataprep.store.statistics import measure_train
from pipelines.parameters.params import read_params
from tests.closure import SHIPPED
from tests.conftest import local, random_image, striped, write_png
from tests.dataprep.ingest.ingesting import INGEST, by_id, run, run_in_workers, with_values
from tests.dataprep.ingest.test_scan_cache import Ingesting

INFO = LocalFileSystem.info
KEYS = (
    "class0/n.png",
    "class0//n.png",
    "/class0/n.png",
    "class0/./n.png",
    "class0/../n.png",
    "class0/n.png/",
    "class1/a//b///c.png",
)
PARAMS = read_params(SHIPPED)


@pytest.fixture
def folder(make_tree: Callable[..., Path]) -> Path:
    """Images, names that need escapes in a URL, and files that are no images."""
    source = make_tree()
    for name in (
        "class0/a b.png",
        "class0/50%.png",
        "class0/a%20b.png",
        "class1/é#1.png",
        "class1/deep/er/1.png",
        ".git/1.png",
    ):
        write_png(source / name, random_image(len(name)))
    (source / "class2/empty.png").touch()
    (source / "class2/text.png").write_text("no image")
    return source


@pytest.fixture
def serve() -> Iterator[Callable[[Path], str]]:
    """Makes a web server of a folder, on this machine alone; gives its address."""
    servers: list[http.server.ThreadingHTTPServer] = []

    def start(folder: Path) -> str:
        handler = functools.partial(Silent, directory=str(folder))
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}/"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


class Silent(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


def in_memory(folder: Path, name: str = "bucket/raw") -> str:
    """A copy in the memory of this process, which stands for an object store: it lists all at once and has no folders."""
    memory = fsspec.filesystem("memory")
    if memory.exists(f"/{name}"):
        memory.rm(f"/{name}", recursive=True)
    for path in folder.rglob("*"):
        if path.is_file():
            memory.pipe_file(f"/{name}/{path.relative_to(folder)}", path.read_bytes())
    return f"memory://{name}"


def as_zip(folder: Path) -> str:
    archive = folder.with_suffix(".zip")
    with zipfile.ZipFile(archive, "w") as file:
        for path in sorted(folder.rglob("*")):
            file.write(path, path.relative_to(folder))
    return f"zip://::file://{archive}"


@pytest.fixture
def elsewhere(request: pytest.FixtureRequest, folder: Path, serve: Callable[[Path], str]) -> str:
    """The folder once more, under a URL of the kind that the test asks for."""
    urls: dict[str, Callable[[], str]] = {
        "memory": lambda: in_memory(folder),
        "file": lambda: f"file://{folder}",
        "zip": lambda: as_zip(folder),
        "http": lambda: serve(folder),
        "simplecache": lambda: f"simplecache::{in_memory(folder)}",
    }
    return urls[request.param]()


def prepared(manifest: pl.DataFrame, source: Source, output: Place, workers: int = 1) -> dict[str, bytes]:
    """The files that prepare makes, by name; every third image to each split."""
    images = manifest.filter(pl.col("status") == "ok").with_row_index("row")
    splits = pl.col("row").mod(3).replace_strict({0: "train", 1: "validation", 2: "test"}, return_dtype=pl.String)
    execute = ExecuteConfig.model_validate({**PARAMS.execute.model_dump(), "workers": workers})
    filled = prepare_images(
        images.with_columns(split=splits), output, source=source, decode=INGEST.decode, prepare=PARAMS.prepare, execute=execute
    )
    assert sum(shard.entry.num_images for shard in filled) == images.height
    return {path.name: read_bytes(path) for path in output.iterdir()}


@pytest.mark.parametrize("elsewhere", ["memory", "file", "zip", "http", "simplecache"], indirect=True)
def test_manifest_and_shards_do_not_depend_on_where_the_images_were(elsewhere: str, folder: Path, tmp_path: Path) -> None:
    here = run(folder)
    there = run(elsewhere)
    assert there.equals(here)
    assert prepared(there, elsewhere, tmp_path / "there") == prepared(here, folder, tmp_path / "here")


@pytest.mark.processes
def test_workers_open_the_file_system_for_themselves(folder: Path, serve: Callable[[Path], str], tmp_path: Path) -> None:
    here = run(folder)
    shards = prepared(here, folder, tmp_path / "here")
    for number, url in enumerate((f"file://{folder}", serve(folder), as_zip(folder))):
        assert run_in_workers(url, execute=local(2)).equals(here)
        assert prepared(here, url, tmp_path / str(number), workers=2) == shards


@pytest.mark.processes
@pytest.mark.parametrize("elsewhere", ["file", "zip", "http"], indirect=True)
def test_a_second_run_opens_what_changed_and_nothing_else(elsewhere: str, folder: Path, tmp_path: Path) -> None:
    ingesting = Ingesting(elsewhere, tmp_path / "scan.parquet")
    first = ingesting.run()
    assert len(ingesting.opened) == 24 + 7
    assert ingesting.run().equals(first)
    assert ingesting.opened == []
    changed = folder / "class0/00.png"
    other = write_png(tmp_path / "other.png", 255 - striped(0, 0)).read_bytes()
    size = changed.stat().st_size
    changed.write_bytes(other[:size].ljust(size, b"\0"))  # as large as it was
    os.utime(changed, ns=(0, 10**18))
    if elsewhere.startswith("zip"):
        as_zip(folder)
        fsspec.filesystem("zip", fo=str(folder.with_suffix(".zip"))).clear_instance_cache()  # as a new process would see it
    ingesting.run()
    assert ingesting.opened == [b"class0/00.png"]


@pytest.mark.processes
def test_a_file_without_details_is_read_each_time(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ingesting = Ingesting(f"file://{folder}", tmp_path / "scan.parquet")
    ls = LocalFileSystem.ls

    def terse(self: LocalFileSystem, *args: object, **kwargs: object) -> list[dict[str, object]]:
        return [{key: details[key] for key in ("name", "size", "type")} for details in ls(self, *args, **kwargs)]

    monkeypatch.setattr(LocalFileSystem, "ls", terse)
    ingesting.run()
    ingesting.run()
    assert len(ingesting.opened) == 24 + 7


def test_links_and_odd_entries_and_names_that_are_no_text_are_listed(tmp_path: Path) -> None:
    write_png(tmp_path / "raw/a/1.png", random_image(0))
    (tmp_path / "raw/a/loop").symlink_to(tmp_path / "raw")
    (tmp_path / "raw/a/dead.png").symlink_to("nowhere")
    (tmp_path / "raw/a/x.png").mkdir()
    os.mkfifo(tmp_path / "raw/a/pipe.png")
    shutil.copy(tmp_path / "raw/a/1.png", tmp_path / "raw/a" / os.fsdecode(b"\xff.png"))
    here, there = scan(tmp_path / "raw"), scan(f"file://{tmp_path}/raw")
    assert there.select("path", "reason").equals(here.select("path", "reason"))
    assert set(there["reason"]) == {None, "link", "link_to_folder", "not_a_file"}
    size = (tmp_path / "raw/a/1.png").stat().st_size
    assert read_file(f"file://{tmp_path}/raw", b"a/\xff.png", size) == (tmp_path / "raw/a/1.png").read_bytes()


def test_links_that_lead_nowhere_or_without_an_ending_have_the_reasons_that_they_have_here(tmp_path: Path) -> None:
    write_png(tmp_path / "raw/a/1.png", random_image(0))
    for name in ("labels.csv", "notes.md", "7.png", "cats"):
        (tmp_path / "raw" / name).symlink_to(tmp_path / "nowhere" / name)
    (tmp_path / "raw/README").symlink_to("a/1.png")
    (tmp_path / "raw/class.v2").symlink_to("a")
    here, there = scan(tmp_path / "raw"), scan(f"file://{tmp_path}/raw")
    assert there.select("path", "reason").equals(here.select("path", "reason"))
    reasons = dict(there.select("path", "reason").rows())
    assert (reasons[b"notes.md"], reasons[b"cats"]) == ("link", "link_to_folder")
    assert (reasons[b"README"], reasons[b"class.v2"]) == ("link", "link_to_folder")


def test_a_link_may_be_a_class_where_the_file_system_does_not_say_where_it_leads(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("class.v2", "class0/again.png"):
        (folder / name).symlink_to("class0/00.png")

    def info(self: LocalFileSystem, path: object, **_: object) -> object:
        if str(path).endswith(("class.v2", "again.png")):  # while a folder is listed it is no text
            raise PermissionError(13, "Permission denied")
        return INFO(self, path)

    monkeypatch.setattr(LocalFileSystem, "info", info)
    reasons = dict(scan(f"file://{folder}").select("path", "reason").rows())
    assert (reasons[b"class.v2"], reasons[b"class0/again.png"]) == ("link_to_folder", "link")


def test_keys_of_an_object_store_are_read_by_their_exact_names_or_listed_as_unusable(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = in_memory(folder)
    memory = fsspec.filesystem("memory")
    contents = {key: write_png(tmp_path / "one.png", random_image(seed)).read_bytes() for seed, key in enumerate(KEYS)}
    for key, content in contents.items():
        monkeypatch.setitem(memory.store, f"/bucket/raw/{key}", MemoryFile(memory, f"/bucket/raw/{key}", content))
    write_manifest(tmp_path / "manifest.parquet", run(url, with_values(INGEST, skip=(), pattern="{label}/**/{name}")))
    manifest = read_manifest(tmp_path / "manifest.parquet")
    rows = {row["path"]: row for row in manifest.iter_rows(named=True)}
    for key in ("class0//n.png", "class0/n.png", "class1/a//b///c.png"):
        row = rows[key.encode()]
        assert (row["status"], row["reason"]) == ("ok", None)
        assert row["file_digest"] == digest_bytes(contents[key])
        assert read_file(url, key.encode(), row["bytes"]) == contents[key]
    unusable = manifest.filter(reason="unusable_name")
    assert unusable["path"].to_list() == [
        b"\\x2f/class0/n.png",
        b"class0/\\x2e/n.png",
        b"class0/\\x2e\\x2e/n.png",
        b"class0/n.png/\\x2f",
    ]
    assert set(unusable["message"]) == {
        "a part of its key is empty, . or .., or holds a zero byte, which no path can; rename it"
    }
    assert prepared(manifest, url, tmp_path / "prepared")


def test_a_folder_that_cannot_be_listed_is_a_row(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ls = LocalFileSystem.ls

    def refuse(self: LocalFileSystem, path: str, *args: object, **kwargs: object) -> object:
        if path.endswith("class2"):
            raise PermissionError(13, "Permission denied")
        return ls(self, path, *args, **kwargs)

    monkeypatch.setattr(LocalFileSystem, "ls", refuse)
    assert dict(scan(f"file://{folder}").select("path", "reason").rows())[b"class2"] == "unreadable_folder"


@pytest.mark.parametrize(
    ("broken", "reason", "message"),
    [
        (ConnectionResetError("reset by peer"), "unreadable", "OSError: ConnectionResetError: reset by peer"),
        (RuntimeError("503: slow down"), "unreadable", "OSError: RuntimeError: 503: slow down"),
        (FileNotFoundError("class0/00.png"), "changed", "it vanished while the folder was read; run again"),
    ],
)
def test_a_hiccup_of_the_network_costs_one_file_in_ingest_and_one_line_in_prepare(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: Exception, reason: str, message: str
) -> None:
    url = in_memory(folder)
    manifest = run(url)
    cat_file = MemoryFileSystem.cat_file

    def fail(self: MemoryFileSystem, path: str, *args: object, **kwargs: object) -> object:
        if path.endswith("class0/00.png"):
            raise broken
        return cat_file(self, path, *args, **kwargs)

    monkeypatch.setattr(MemoryFileSystem, "cat_file", fail)
    row = by_id(run(url))["class0/00.png"]
    assert (row["status"], row["reason"], row["message"]) == ("quarantined", reason, message)
    with pytest.raises(SourceError, match=r"^class0/00\.png: cannot be read any more, though ingest could"):
        prepared(manifest, url, tmp_path / "prepared")


def test_a_file_that_grew_or_shrank_is_an_error(folder: Path) -> None:
    url = in_memory(folder)
    memory = fsspec.filesystem("memory")
    size = len(memory.cat_file("/bucket/raw/class0/00.png"))
    memory.pipe_file("/bucket/raw/class0/00.png", bytes(size + 1))
    with pytest.raises(ChangedError, match=f"more than {size} bytes"):
        read_file(url, b"class0/00.png", size)
    memory.pipe_file("/bucket/raw/class0/00.png", b"abc")
    with pytest.raises(ChangedError, match=f"3 of {size} bytes"):
        read_file(url, b"class0/00.png", size)


def test_an_image_that_was_replaced_since_ingest_stops_prepare(folder: Path, tmp_path: Path) -> None:
    url = in_memory(folder)
    manifest = run(url)
    memory = fsspec.filesystem("memory")
    content = bytearray(memory.cat_file("/bucket/raw/class0/00.png"))
    content[-1] ^= 1
    memory.pipe_file("/bucket/raw/class0/00.png", bytes(content))
    with pytest.raises(SourceError, match=r"^class0/00\.png: its bytes changed since ingest read them"):
        prepared(manifest, url, tmp_path / "prepared")


def refuse(error: Exception) -> Callable[..., object]:
    def ls(*_: object, **__: object) -> object:
        raise error

    return ls


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("darkroomtest://bucket/raw", "is of a kind that fsspec does not know. Correct the part before ://"),
        ("absent://bucket/raw", "wants a package that is not installed (Install absent_fs"),
        ("simplecache::absent://bucket/raw", "wants a package that is not installed"),
        ("memory://nowhere/raw", "does not exist. Correct the URL"),
        ("file:///nowhere/raw", "does not exist. Correct the URL"),
        ("zip://::file:///nowhere/raw.zip", "does not exist. Correct the URL"),
        ("http://127.0.0.1:1/raw/", "cannot be listed (ClientConnectorError: Cannot connect to host 127.0.0.1:1"),
        ("github://nobody", "cannot be listed (TypeError: "),
    ],
)
def test_a_url_that_leads_nowhere_is_one_line(url: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(known_implementations, "absent", {"class": "absent_fs.AbsentFileSystem", "err": "Install absent_fs"})
    message = re.escape(f"params.yaml: ingest.source must be a folder of images; {url!r}") + ".*" + re.escape(words[:40])
    with pytest.raises(SourceError, match=message) as caught:
        scan(url)
    assert "\n" not in str(caught.value)


def test_a_folder_that_is_empty_or_a_file_or_forbidden_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "raw").mkdir()
    (tmp_path / "file").touch()
    fsspec.filesystem("memory").pipe_file("/one/file", b"x")
    with pytest.raises(SourceError, match="is empty"):
        scan(f"file://{tmp_path}/raw")
    for url in (f"file://{tmp_path}/file", "memory://one/file"):
        with pytest.raises(SourceError, match=r"is a file\. Name its folder"):
            scan(url)
    monkeypatch.setattr(LocalFileSystem, "ls", refuse(PermissionError(13, "Permission denied")))
    with pytest.raises(SourceError, match=r"may not be listed \(PermissionError: .*\)\. Check the account"):
        scan(f"file://{tmp_path}/raw")


def test_a_password_in_a_url_is_refused_and_not_shown() -> None:
    for url in ("ftp://me:secret@host/raw", "simplecache::ftp://me:secret@host/raw"):
        with pytest.raises(ParamsError, match="must hold no password") as caught:
            locate_folder(url)
        assert "secret" not in str(caught.value)
    assert locate_folder("sftp://me@host/raw") == "sftp://me@host/raw"


def test_stores_that_list_all_at_once_are_asked_once(folder: Path) -> None:
    class Store(fsspec.asyn.AsyncFileSystem):  # type: ignore[misc]  # fsspec has no types
        async def _find(self, path: str, **_: object) -> dict[str, object]:
            return {}

    class Plain(fsspec.asyn.AsyncFileSystem):  # type: ignore[misc]
        pass

    assert remote._lists_at_once(Store())
    assert not remote._lists_at_once(Plain())
    assert not remote._lists_at_once(fsspec.filesystem("file"))
    assert remote._lists_at_once(fsspec.url_to_fs(f"simplecache::{in_memory(folder)}")[0])


def test_shards_elsewhere_have_the_bytes_of_those_here_and_read_back(folder: Path, tmp_path: Path) -> None:
    manifest = run(folder)
    here = prepared(manifest, folder, tmp_path / "here")
    place = locate(f"memory://shards/{tmp_path.name}")
    assert prepared(manifest, folder, place) == here
    write_bytes(place / "train-leftover.h5", [b"x"])
    assert prepared(manifest, folder, place) == here
    index = read_index(place, stage="prepare")
    check_shards(place, index.shards, stage="prepare")
    assert measure_train(place, PARAMS.statistics) == measure_train(tmp_path / "here", PARAMS.statistics)
    entry = index.shards[0]
    with (
        ShardReader(place, entry, index.layout, stage="prepare") as there,
        ShardReader(tmp_path / "here", entry, index.layout, stage="prepare") as local,
    ):
        assert np.array_equal(there.images(), local.images())
        assert there.ids() == local.ids()
    assert pickle.loads(pickle.dumps(place)) == place  # a task carries it to a worker

    damaged = bytearray(here[entry.file])
    damaged[-1] ^= 1
    write_bytes(place / entry.file, [bytes(damaged)])
    with pytest.raises(ArtifactError, match=rf"{entry.file} is damaged: index\.json says"):
        ShardReader(place, entry, index.layout, stage="prepare")
    assert prepared(manifest, folder, place) == here  # one shard is made anew
    assert isinstance(place, UPath)
    place.fs.rm_file((place / entry.file).path)
    with pytest.raises(ArtifactError, match=f"{entry.file} is missing"):
        check_shards(place, index.shards, stage="prepare")


def test_a_killed_run_elsewhere_goes_on_from_its_finished_shards(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dataprep.store.shards._NOTED_AT_ONCE_ELSEWHERE", 1)
    manifest = run(folder)
    here = prepared(manifest, folder, tmp_path / "here")
    place = locate(f"memory://shards/{tmp_path.name}")
    written: list[str] = []
    build = prepare.build_shard

    def build_until_killed(task: prepare.PrepareTask, most: int) -> ShardEntry:
        if len(written) == most:
            raise KeyboardInterrupt
        written.append(task.key.file)
        return build(task)

    monkeypatch.setattr(prepare, "build_shard", functools.partial(build_until_killed, most=2))
    with pytest.raises(KeyboardInterrupt):
        prepared(manifest, folder, place)
    monkeypatch.setattr(prepare, "build_shard", functools.partial(build_until_killed, most=9))
    assert prepared(manifest, folder, place) == here
    assert len(written) == len(set(written)) == 3
