"""The files that somebody names on the command line: files, folders, patterns with *, URLs, or a list on standard input."""

import glob
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from dataprep.core.errors import DarkroomError, SourceError, shortened
from dataprep.core.name_encoding import encode_name, printable
from dataprep.source.name_endings import IMAGE_ENDINGS, ending_of
from dataprep.source.raw_folder import list_source
from dataprep.source.remote_folder import check_url, is_url
from models.predict.isolated_preparation import FileToRead
from models.predict.prediction import Refusal

_LIST = "-"
_PATTERN = frozenset("*?[")
_OF_ENTRIES = {
    "link": "a link; links in a folder are not followed",
    "link_to_folder": "a link to a folder; links in a folder are not followed",
    "not_a_file": "a pipe, a socket or a device",
    "unreadable": "it cannot be looked at",
    "unreadable_folder": "a folder that cannot be listed",
    "unusable_name": "its name cannot be a path",
}


def find_images(named: Sequence[str], skip: Sequence[str]) -> list[FileToRead]:
    """Lists what is to be predicted, in the order in which it was named.

    Args:
        named: paths, patterns, URLs; `-` stands for a list on standard input, one path or URL a line.
        skip: names of files and folders, with * and ?, that are left out within folders.

    Raises:
        DarkroomError: a path does not exist, a pattern matches nothing, or nothing is left.
    """
    found = [file for name in named for file in _find(name, skip)]
    if not found:
        raise DarkroomError(f"there is no file to predict in {shortened(list(named))}. Name files, folders, patterns or URLs")
    return found


def _find(name: str, skip: Sequence[str]) -> Iterator[FileToRead]:
    if name == _LIST:
        yield from _listed(sys.stdin.buffer, skip)
    elif is_url(name):
        yield from _at_url(name, skip)
    elif Path(name).exists():
        yield from _at_path(name, skip)
    elif _PATTERN & set(name):
        matches = sorted(glob.glob(name, recursive=True))  # noqa: PTH207  # pathlib takes no absolute pattern
        if not matches:
            raise DarkroomError(f"{_shown(name)!r} must match files; it matches none. Correct the pattern")
        for match in matches:
            yield from _at_path(match, skip)
    else:
        raise DarkroomError(
            f"{_shown(name)!r} must be a file, a folder, a pattern or a URL; it does not exist. Correct the path"
        )


def _listed(lines: Iterable[bytes], skip: Sequence[str]) -> Iterator[FileToRead]:
    """The files of a list; one that does not exist is a row like any other that cannot be read."""
    for line in lines:
        name = line.rstrip(b"\r\n").decode("utf-8", "surrogateescape")
        if not name:
            continue
        if is_url(name):
            yield from _at_url(name, skip)
        elif Path(name).exists():
            yield from _at_path(name, skip)
        else:
            yield FileToRead(_shown(name), Path(), b"", 0, Refusal("unreadable", "it does not exist"))


def _at_path(name: str, skip: Sequence[str]) -> Iterator[FileToRead]:
    path = Path(name)
    if path.is_dir():
        yield from _in_folder(name, path, skip)
        return
    real = path.resolve()  # who names a link means what it leads to
    if not real.is_file():
        yield FileToRead(_shown(name), Path(), b"", 0, Refusal("not_a_file", _OF_ENTRIES["not_a_file"]))
        return
    yield FileToRead(_shown(name), real.parent, encode_name(real.name), real.stat().st_size)


def _at_url(url: str, skip: Sequence[str]) -> Iterator[FileToRead]:
    """A URL whose last part ends as an image does is a file, any other a folder."""
    check_url(url)
    if ending_of(url.partition("?")[0]) in IMAGE_ENDINGS:
        yield FileToRead(_shown(url), url, b"", 0)
    else:
        yield from _in_folder(url, url, skip)


def _in_folder(name: str, source: Path | str, skip: Sequence[str]) -> Iterator[FileToRead]:
    try:
        files = list_source(source, skip).files
    except SourceError as error:
        raise DarkroomError(f"{_shown(name)!r} cannot be listed as a folder of images ({error})") from error
    for path, num_bytes, reason in files.select("path", "bytes", "reason").iter_rows():
        if reason == "skipped":
            continue
        refused = None if reason is None else Refusal(reason, _OF_ENTRIES.get(reason, reason))
        yield FileToRead(f"{_shown(name.rstrip('/'))}/{printable(path)}", source, path, num_bytes, refused)


def _shown(name: str) -> str:
    return printable(encode_name(name))
