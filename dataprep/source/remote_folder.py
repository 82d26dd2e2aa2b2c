"""A raw folder on any file system that fsspec knows: `s3://bucket/scans`, `sftp://host/scans`, `zip::` chains, and so on.

Files are listed and read where they are; nothing is copied to this disk. Each process opens the file system for itself, and
fsspec keeps it open for the next call. Accounts and addresses come from the environment or from ~/.config/fsspec, never from
params.yaml, which is committed.
"""

import errno
import functools
import re
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from hashlib import blake2b
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import quote, unquote_to_bytes

from dataprep.core.errors import ChangedError, ParamsError, SourceError, in_short
from dataprep.core.name_encoding import decode_name, encode_name
from dataprep.source.name_endings import IMAGE_ENDINGS, ending_of, link_may_be_folder

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

Entry: TypeAlias = tuple[bytes, int, int, int, str | None]
"""path, bytes, modified_ns, changed_ns, reason; the columns of `scan`."""

_Details: TypeAlias = Mapping[str, object]
"""What a file system says of a file; each has its own keys beside name, size and type."""

_SEPARATOR = "::"
_PASSWORD = re.compile(r"://[^/@]*:[^/@]*@")
_REQUESTS_AT_ONCE = 16

_NO_SIGN_OF_CHANGE = frozenset(
    {"name", "Key", "size", "Size", "type", "mimetype", "url", "partial", "StorageClass", "atime", "time"}
)
"""What stays when a file is written anew; and the time when it was read last, which changes though the file does not."""


def is_url(source: str) -> bool:
    """Whether a source is one for fsspec.

    >>> is_url("s3://bucket/scans"), is_url("/home/me/scans"), is_url("embedded:digits")
    (True, False, False)
    """
    return "://" in source


def check_url(url: str) -> None:
    """Refuses a URL that holds a password: it would be committed with params.yaml.

    Raises:
        ParamsError: it does.
    """
    if _PASSWORD.search(url):
        raise ParamsError(
            "params.yaml: ingest.source must hold no password; the URL there has one. Write it into ~/.config/fsspec/conf.json "
            "or the environment (docs/cluster.md)"
        )


def list_files(url: str, skip: re.Pattern[str]) -> list[Entry]:
    """Lists every file below a URL; links are listed and not followed.

    The time of change is a number made of all that the file system says of a file: tags, versions, times. Where it says
    nothing, the number is a new one each time, so that such a file is always read again.

    Args:
        url: the folder.
        skip: names of files and folders that are listed and must not be opened.

    Returns:
        In no order; empty where there is no file.

    Raises:
        SourceError: the file system is not known, not installed, not reached, or the folder is none that can be listed.
    """
    try:
        files, root = _open(url)
        files.invalidate_cache()  # what an earlier run in this process saw
        listed = _listed_at_once(files, root) if _lists_at_once(files) else list(_listed_by_folder(files, root))
        return list(_entries(files, root, listed, skip))
    except Exception as error:  # each file system has errors of its own
        raise SourceError(_explained(url, error)) from error


def read_remote_file(url: str, path: bytes, num_bytes: int) -> bytes:
    """Reads a file below a URL.

    Args:
        url: the folder.
        path: relative path, as `list_files` gave it.
        num_bytes: how large the file was when it was listed.

    Raises:
        ChangedError: it has another size.
        OSError: it cannot be read, whatever the file system's own error is.
    """
    if num_bytes == 0:
        return b""  # a web server has no part of nothing to send
    try:
        files, root = _open(url)
        # One byte more than there should be: a file that grew to any size is noticed and not read.
        content: bytes = files.cat_file(_joined(root, path), start=0, end=num_bytes + 1)
    except FileNotFoundError as error:
        raise FileNotFoundError(errno.ENOENT, "it is gone") from error
    except Exception as error:
        raise OSError(errno.EIO, in_short(error)) from error
    if len(content) != num_bytes:
        found = f"more than {num_bytes:,}" if len(content) > num_bytes else f"{len(content):,} of {num_bytes:,}"
        raise ChangedError(f"it changed while the folder was read: {found} bytes")
    return content


def holds_anything(url: str) -> bool:
    """Whether there is anything in a folder now; what was listed before does not count.

    Raises:
        OSError: it cannot be listed, whatever the file system's own error is.
    """
    try:
        files, root = _open(url)
        files.invalidate_cache()
        return bool(files.ls(root, detail=False))
    except Exception as error:
        raise OSError(errno.EIO, in_short(error)) from error


def _open(url: str) -> "tuple[AbstractFileSystem, str]":
    """The file system of a URL and the folder on it."""
    from fsspec import url_to_fs  # half as long to import as polars, and most sources are local

    files, root = url_to_fs(url)
    return files, root


def _listed_at_once(files: "AbstractFileSystem", root: str) -> list[tuple[str, _Details | None]]:
    """Full path and details of each file."""
    found = files.find(root, detail=True)
    if not found and not files.exists(root):
        raise FileNotFoundError(root)
    if set(found) == {root} and found[root].get("type") != "directory":
        raise NotADirectoryError(root)
    return [(name, details) for name, details in found.items() if details["type"] != "directory"]


def _listed_by_folder(files: "AbstractFileSystem", root: str) -> Iterator[tuple[str, _Details | None]]:
    """As `_listed_at_once`; a folder that cannot be listed has no details."""
    folders = [root]
    while folders:
        folder = folders.pop()
        try:
            inside = files.ls(folder, detail=True)
        except Exception:
            if folder == root:
                raise
            yield folder, None
            continue
        for details in inside:
            name = details["name"]
            if name == root and details["type"] != "directory":
                raise NotADirectoryError(root)
            if not name.startswith(_prefix(folder)) or (_is_http(root) and _leads_away(name)):
                continue  # the folder itself, or what a web page has besides its files
            if details["type"] == "directory" and not details.get("islink"):
                folders.append(name)
            else:
                yield name, details


def _lists_at_once(files: "AbstractFileSystem") -> bool:
    """Whether all below a folder comes in one listing, as object stores do it; folder by folder takes a request each."""
    from fsspec import AbstractFileSystem
    from fsspec.asyn import AsyncFileSystem

    kind = type(getattr(files, "fs", files))  # that behind a cache
    return kind.find is not AbstractFileSystem.find or getattr(kind, "_find", None) not in (None, AsyncFileSystem._find)  # noqa: SLF001


def _entries(
    files: "AbstractFileSystem", root: str, listed: list[tuple[str, _Details | None]], skip: re.Pattern[str]
) -> Iterator[Entry]:
    now = time.time_ns()
    unsized = [name for name, details in listed if details is not None and details["type"] == "file" and _size(details) is None]
    links = [name for name, details in listed if details is not None and _is_link(details)]
    with ThreadPoolExecutor(_REQUESTS_AT_ONCE) as pool:  # a web page lists names only: one more request for each file
        asked = dict(zip(unsized, pool.map(functools.partial(_details, files), unsized), strict=True))
        to_folder = dict(zip(links, pool.map(functools.partial(_leads_to_folder, files), links), strict=True))
    for name, from_listing in listed:
        details = asked.get(name, from_listing)
        is_file = details is not None and details["type"] == "file"
        path = _relative(root, name if is_file else name.rstrip("/"))
        if any(skip.fullmatch(part) for part in decode_name(path).split("/")):
            reason: str | None = "skipped"
        elif name in to_folder:
            reason = "link_to_folder" if to_folder[name] else "link"
        else:
            reason = _reason(details, from_listing)
        if not is_below_source(path):
            path, reason = _escaped(path), reason or "unusable_name"
        yield path, _size(details) or 0, 0, _sign_of_change(details, now), reason


def _details(files: "AbstractFileSystem", name: str) -> _Details | None:
    try:
        details: _Details = files.info(name)
    except Exception:  # noqa: BLE001  # each file system has errors of its own; the file gets a row
        return None
    return details


def _is_link(details: _Details) -> bool:
    return bool(details.get("islink")) or details["type"] == "link"


def _leads_to_folder(files: "AbstractFileSystem", name: str) -> bool:
    """Whether a link leads to a folder, or may do so.

    A listing does not follow links, and `info` does on most file systems. A link that leads nowhere counts as on this machine:
    its name decides (`link_may_be_folder`). Where the file system does not say, the link may stand for a whole class, so only
    the name of an image makes it a file.
    """
    try:
        kind = files.info(name)["type"]
    except FileNotFoundError:
        return link_may_be_folder(encode_name(name))
    except Exception:  # noqa: BLE001  # each file system has errors of its own
        kind = "link"
    return kind == "directory" or (kind == "link" and ending_of(name) not in IMAGE_ENDINGS)


def _reason(details: _Details | None, from_listing: _Details | None) -> str | None:
    """Why an entry must not be opened; the details that are known by now, and those of the listing of its folder."""
    if details is None:
        return "unreadable" if from_listing is not None else "unreadable_folder"
    if details["type"] != "file":
        return "not_a_file"
    return "unreadable" if _size(details) is None else None


def _size(details: _Details | None) -> int | None:
    size = None if details is None else details.get("size")
    return size if isinstance(size, int) else None


def _sign_of_change(details: _Details | None, now: int) -> int:
    """64 bits of all details that change with a file."""
    signs = sorted(
        (key, str(value)) for key, value in (details or {}).items() if key not in _NO_SIGN_OF_CHANGE and value is not None
    )
    if not signs:
        return now
    return int.from_bytes(blake2b(repr(signs).encode("utf-8", "surrogatepass"), digest_size=8).digest(), signed=True)


def is_below_source(path: bytes) -> bool:
    """Whether a relative path stays below its folder on every file system; keys of an object store are any text.

    >>> is_below_source(b"cat/1.png"), is_below_source(b"cat//1.png"), is_below_source(b"cat/../1.png")
    (True, True, False)
    """
    parts = path.split(b"/")
    return bool(parts[0] and parts[-1]) and b"." not in parts and b".." not in parts and b"\0" not in path


def _escaped(path: bytes) -> bytes:
    """A path for the manifest in the place of one that no folder can hold; nothing opens it."""
    signs = {b"": b"\\x2f", b".": b"\\x2e", b"..": b"\\x2e\\x2e"}
    return b"/".join(signs.get(part, part) for part in path.replace(b"\0", b"\\x00").split(b"/"))


def _leads_away(name: str) -> bool:
    """Whether a link of a web page is one to another order of the page, or to a folder above it."""
    return "?" in name or ".." in name.split("/")


def _is_http(root: str) -> bool:
    return root.startswith(("http://", "https://"))


def _prefix(folder: str) -> str:
    """What the full paths in a folder begin with; the root of an archive has no name."""
    return folder.rstrip("/") + "/" if folder.strip("/") else folder


def _relative(root: str, name: str) -> bytes:
    path = name.removeprefix(_prefix(root))
    return unquote_to_bytes(path) if _is_http(root) else encode_name(path)


def _joined(root: str, path: bytes) -> str:
    return _prefix(root) + (quote(path) if _is_http(root) else decode_name(path))


def _explained(url: str, error: Exception) -> str:
    """One line for each way in which a folder elsewhere cannot be listed."""
    where = "params.yaml: ingest.source must be a folder of images"
    match error:
        case ImportError():
            protocols = ", ".join(repr(part.split("://")[0]) for part in url.split(_SEPARATOR))
            return f"{where}; {url!r} wants a package that is not installed ({error}; {protocols}). Install it in .venv"
        case FileNotFoundError():
            return f"{where}; {url!r} does not exist. Correct the URL"
        case NotADirectoryError():
            return f"{where}; {url!r} is a file. Name its folder"
        case PermissionError():
            return f"{where}; {url!r} may not be listed ({in_short(error)}). Check the account (docs/cluster.md) and its rights"
        case ValueError() if "rotocol not known" in str(error):
            return f"{where}; {url!r} is of a kind that fsspec does not know. Correct the part before ://"
    return (
        f"{where}; {url!r} cannot be listed ({in_short(error)}). Check the URL, the network and the account (docs/cluster.md)"
    )
