"""The raw folder: where it is, what is in it, and the bytes of one file."""

import fnmatch
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TypeAlias

import polars as pl

from dataprep.core.errors import ChangedError, ParamsError, SourceError
from dataprep.core.name_encoding import decode_name, encode_name
from dataprep.source.digits_dataset import write_digits
from dataprep.source.name_endings import link_may_be_folder
from dataprep.source.remote_folder import Entry, check_url, holds_anything, is_url, list_files, read_remote_file

EMBEDDED = "embedded:"

_INT64 = 2**63 - 1
_SHOWS_OPEN_FILES = Path("/proc/self/fd").exists()

Source: TypeAlias = Path | str
"""The raw folder: a local one, or the URL of one on any file system that fsspec knows."""

ReadKnown = Callable[[bytes, int], bytes]
"""Reads a file by its relative path and its number of bytes."""

_FOLDER = "folder"
"""In place of a reason: the entry is a folder, and its files are listed."""

_FOUND = {"path": pl.Binary(), "bytes": pl.Int64(), "modified_ns": pl.Int64(), "changed_ns": pl.Int64(), "reason": pl.String()}


def locate_source(source: str, embedded_folder: Path) -> Source:
    """The folder that `ingest.source` names; an embedded set is written out first where that was not done yet.

    Args:
        source: a folder, a URL for fsspec, or `embedded:digits`.
        embedded_folder: where embedded sets are written.

    Raises:
        ParamsError: there is no embedded set of that name, or the URL holds a password.
    """
    if not source.startswith(EMBEDDED):
        return locate_folder(source)
    name = source.removeprefix(EMBEDDED)
    if name != "digits":
        raise ParamsError(f"params.yaml: ingest.source must be a folder, a URL or 'embedded:digits'; got {source!r}. Use that")
    folder = embedded_folder / name
    if not folder.exists():
        write_digits(folder)
    return folder


def locate_folder(source: str) -> Source:
    """A folder of this machine, or the URL of one elsewhere.

    Raises:
        ParamsError: the home folder in it does not exist, or the URL holds a password.
    """
    if is_url(source):
        check_url(source)
        return source
    try:
        return Path(source).expanduser()
    except RuntimeError as error:
        raise ParamsError(f"params.yaml: ingest.source {source!r}: {error}. Write the whole path") from error


@dataclass(frozen=True, slots=True)
class Listing:
    """What is below a folder.

    Attributes:
        files: from `scan`.
        empty_folders: relative paths of folders without a file that is not skipped; none of a source elsewhere, since object
            stores have no folders.
    """

    files: pl.DataFrame
    empty_folders: list[bytes]


def list_source(source: Source, skip: Sequence[str] = ()) -> Listing:
    """As `scan`, with the folders that hold nothing."""
    skipped = re.compile("|".join(map(fnmatch.translate, skip)) or r"(?!)")
    rows = sorted(_walk_folder(source, skipped) if isinstance(source, Path) else list_files(source, skipped))
    files = [row for row in rows if row[-1] != _FOLDER]
    if not files:
        raise SourceError(
            f"params.yaml: ingest.source must hold images; {str(source)!r} is empty. Put images there or correct the path"
        )
    holding = _folders_of(path for path, *_, reason in files if reason != "skipped")
    empty = [path for path, *_, reason in rows if reason == _FOLDER and path not in holding]
    return Listing(pl.DataFrame(files, schema=_FOUND, orient="row"), empty)


def scan(source: Source, skip: Sequence[str] = ()) -> pl.DataFrame:
    """Lists every entry below a folder that is not a folder itself; links are listed and not followed.

    A folder that cannot be listed, or a link to a folder, is one entry, since the number of its files is unknown.

    Args:
        source: the folder; of one elsewhere see `list_files` for what the times are.
        skip: names of files and folders, with * and ?, that are listed and must not be opened.

    Returns:
        Columns path (relative, bytes), bytes, modified_ns (content), changed_ns (content, name or rights), reason (set where
        the entry must not be opened), sorted by path.

    Raises:
        SourceError: the source does not exist, is no folder, holds no file, or cannot be reached.
    """
    return list_source(source, skip).files


def check_still_there(source: Source) -> None:
    """Refuses a source that disappeared while it was read; otherwise each of its files would count as unreadable.

    Raises:
        SourceError: the folder is gone or, as a mount point without its disk, empty.
    """
    try:
        if _holds_anything(source):
            return
        what = "it is empty"
    except OSError as error:
        what = error.strerror or type(error).__name__
    raise SourceError(
        f"params.yaml: ingest.source {str(source)!r} went away while it was read ({what}); the manifest is the old one. "
        "Bring it back, then run: dvc repro"
    )


def _holds_anything(source: Source) -> bool:
    if not isinstance(source, Path):
        return holds_anything(source)
    with os.scandir(encode_name(source)) as entries:
        return next(entries, None) is not None


def _walk_folder(source: Path, skip: re.Pattern[str]) -> Iterator[Entry]:
    root = encode_name(source)
    if not os.path.exists(root):  # noqa: PTH110  # bytes, as all below
        raise SourceError(
            f"params.yaml: ingest.source must be a folder of images; {str(source)!r} does not exist. Correct the path"
        )
    if not os.path.isdir(root):  # noqa: PTH112
        raise SourceError(f"params.yaml: ingest.source must be a folder of images; {str(source)!r} is a file. Name its folder")
    return _walk(root, skip)


def read_file(source: Source, path: bytes, num_bytes: int) -> bytes:
    """Reads a file below the source, and none that a link leads to.

    Args:
        source: the raw folder.
        path: relative path.
        num_bytes: how large the file was when it was listed.

    Raises:
        ChangedError: it has another size, or is no file any more.
        OSError: it cannot be read, is gone, or is a link by now.
    """
    if not isinstance(source, Path):
        return read_remote_file(source, path, num_bytes)
    # Not blocking: a pipe in the place of the file would otherwise wait for a writer.
    root = encode_name(source)
    handle = os.open(os.path.join(root, path), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise ChangedError("it is no file any more")
        _check_inside(handle, root, path)
        content = os.read(handle, num_bytes + 1)
        while 0 < len(content) <= num_bytes and (more := os.read(handle, num_bytes + 1 - len(content))):
            content += more
    finally:
        os.close(handle)
    if len(content) != num_bytes:
        found = f"more than {num_bytes:,}" if len(content) > num_bytes else f"{len(content):,} of {num_bytes:,}"
        raise ChangedError(f"it changed while the folder was read: {found} bytes")
    return content


@contextmanager
def open_source(source: Source) -> Iterator[ReadKnown]:
    """Opens the folder to read many files whose digests are known, so that the caller can check what was read.

    So links need no check, and a file takes a third of the time of `read_file`.

    Args:
        source: the raw folder.

    Yields:
        A function of the relative path and the number of bytes: at most one byte more is read. It raises OSError.
    """
    if not isinstance(source, Path):
        yield partial(read_remote_file, source)
        return
    folder = os.open(encode_name(source), os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield partial(_read_known, folder)
    finally:
        os.close(folder)


def _read_known(folder: int, path: bytes, num_bytes: int) -> bytes:
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK, dir_fd=folder)
    try:
        # No large buffer: some MiB would be mapped and unmapped for each file.
        content = os.read(handle, num_bytes + 1)
        while 0 < len(content) < num_bytes and (more := os.read(handle, num_bytes + 1 - len(content))):
            content += more
        return content
    finally:
        os.close(handle)


def _check_inside(handle: int, root: bytes, path: bytes) -> None:
    """Refuses a file above which a folder became a link in the meantime; only Linux says where an open file is."""
    if _SHOWS_OPEN_FILES and os.readlink(b"/proc/self/fd/%d" % handle) != os.path.join(_real(root), path):  # noqa: PTH115  # bytes
        raise ChangedError("a folder above it became a link while the tree was read")


def real_folder(source: Path) -> bytes:
    """The absolute path of a local source, without links."""
    return os.path.realpath(encode_name(source))


@cache
def _real(root: bytes) -> bytes:
    return os.path.realpath(root)


def _walk(root: bytes, skip: re.Pattern[str]) -> Iterator[Entry]:
    """Goes through the tree without recursion: folders may be nested deeper than Python's stack."""
    folders: list[tuple[bytes, bool]] = [(b"", False)]
    while folders:
        folder, skipped = folders.pop()
        try:
            entries = list(os.scandir(os.path.join(root, folder)))
        except OSError as error:
            if not folder:
                raise SourceError(
                    f"params.yaml: ingest.source {decode_name(root)!r} cannot be listed ({error.strerror}). Give this user the "
                    "right to it"
                ) from error
            yield folder, 0, 0, 0, "skipped" if skipped else "unreadable_folder"
            continue
        if folder and not skipped:
            yield folder, 0, 0, 0, _FOLDER
        for entry in entries:
            path = b"%b/%b" % (folder, entry.name) if folder else entry.name
            passed_over = skipped or skip.fullmatch(decode_name(entry.name)) is not None
            if entry.is_dir(follow_symlinks=False):
                folders.append((path, passed_over))
                continue
            try:
                status = entry.stat(follow_symlinks=False)
            except OSError:
                yield path, 0, 0, 0, "skipped" if passed_over else "unreadable"
                continue
            whole = path if stat.S_ISREG(status.st_mode) else os.path.join(root, path)  # a fifth of the time if always joined
            reason = "skipped" if passed_over else _reason(status.st_mode, whole)
            yield path, status.st_size, _int64(status.st_mtime_ns), _int64(status.st_ctime_ns), reason


def _reason(mode: int, path: bytes) -> str | None:
    """Why an entry must not be opened."""
    if stat.S_ISLNK(mode):
        return "link_to_folder" if _leads_to_folder(path) else "link"
    return None if stat.S_ISREG(mode) else "not_a_file"


def _leads_to_folder(link: bytes) -> bool:
    """Whether a link leads to a folder, or may do so when the disk that it names is there again."""
    try:
        return stat.S_ISDIR(os.stat(link).st_mode)  # noqa: PTH116  # bytes
    except OSError:
        return link_may_be_folder(link)


def _folders_of(paths: Iterable[bytes]) -> set[bytes]:
    """All folders above these paths."""
    folders: set[bytes] = set()
    for path in paths:
        folder = path.rpartition(b"/")[0]
        while folder and folder not in folders:
            folders.add(folder)
            folder = folder.rpartition(b"/")[0]
    return folders


def _int64(time_ns: int) -> int:
    """Some file systems keep times far beyond the year 2262, where 64 bits end."""
    return max(-_INT64, min(time_ns, _INT64))
