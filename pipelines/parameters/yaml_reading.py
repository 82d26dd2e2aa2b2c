"""YAML that a person wrote: read as DVC reads it, and measured before anything is built of it."""

import os
import stat
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent, NodeEvent

from dataprep.core.errors import ParamsError, in_short, shortened

MAX_BYTES = 2**18  # twenty times the project's own params.yaml; some ten thousand pins
MAX_VALUES = 25_000
MAX_DEPTH = 20

_ENCODINGS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16", b"\x00\x00\xfe\xff": "UTF-32"}


def read_text(path: Path) -> str:
    """Reads a small text file in UTF-8.

    Raises:
        ParamsError: there is none, it is no file, it is large, or it is in another encoding.
        OSError: it cannot be read.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # a pipe would wait for a writer
    except FileNotFoundError as error:
        raise ParamsError(f"{path} is missing. Run from the project's root, or restore it: git checkout {path}") from error
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise ParamsError(f"{path} must be a file; it is a folder, a pipe or a device. Restore it: git checkout {path}")
        with os.fdopen(os.dup(handle), "rb") as file:
            content = file.read(MAX_BYTES + 1)
    finally:
        os.close(handle)
    if len(content) > MAX_BYTES:
        raise ParamsError(f"{path} must have at most {MAX_BYTES:,} bytes; it has more. Restore it: git checkout {path}")
    return _decoded(content, path)


def load_yaml(text: str, path: Path) -> object:
    """Builds what a text of YAML says, with the parser of DVC: PyYAML reads 1e-3, yes and 010 differently.

    Args:
        text: YAML.
        path: the file that an error names.

    Raises:
        ParamsError: it is no YAML, a value cannot be read, or it is too deep or too large once its aliases are followed.
    """
    try:
        _measure(text, path)
        return YAML(typ="safe").load(text)
    except ParamsError:
        raise
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise ParamsError(f"{path} is not valid YAML ({where}{_said(error)}). Correct that line") from error
    except Exception as error:  # of a date, number or character that is none: of many classes
        raise ParamsError(f"{path} is not valid YAML ({in_short(error)}). Correct that value") from error


def _decoded(content: bytes, path: Path) -> str:
    fix = "Save it as UTF-8"
    for mark, name in _ENCODINGS.items():
        if content.startswith(mark):
            raise ParamsError(f"{path} must be text in UTF-8; it is in {name}. {fix}")
    if b"\0" in content:
        line = content[: content.index(b"\0")].count(b"\n") + 1
        raise ParamsError(f"{path} must be text in UTF-8; line {line} has a zero byte, as UTF-16 has. {fix}")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ParamsError(
            f"{path} must be text in UTF-8; line {line} has the byte 0x{content[error.start]:02x}, as Latin-1 has. {fix}"
        ) from error


def _measure(text: str, path: Path) -> None:
    """Refuses what would be too large once its aliases are followed, from the parser's events alone.

    Each anchor is as large as all that stands below it, and an alias as large as its anchor.
    """
    sizes: dict[str | None, int] = {}
    above: list[tuple[str | None, int]] = []  # of each list or section that is open: its anchor, its values so far
    for event in YAML(typ="safe").parse(text):
        if isinstance(event, CollectionStartEvent):
            above.append((event.anchor, 1))
            if len(above) > MAX_DEPTH:
                raise ParamsError(
                    f"{path} must be nested at most {MAX_DEPTH} deep; it is deeper. Restore it: git checkout {path}"
                )
            continue
        if isinstance(event, AliasEvent):
            if event.anchor in {anchor for anchor, _ in above}:
                raise ParamsError(f"{path} must not hold itself; *{event.anchor} stands within &{event.anchor}. Take it out")
            size = sizes.get(event.anchor, 1)
        elif isinstance(event, CollectionEndEvent):
            anchor, size = above.pop()
            sizes[anchor] = size
        elif isinstance(event, NodeEvent):
            size = sizes[event.anchor] = 1
        else:
            continue
        if above:
            above[-1] = (above[-1][0], above[-1][1] + size)
            size = above[-1][1]
        if size > MAX_VALUES:
            raise ParamsError(
                f"{path} must hold at most {MAX_VALUES:,} values, its aliases followed; it holds more. "
                f"Restore it: git checkout {path}"
            )


def _said(error: MarkedYAMLError) -> str:
    """What the parser says is wrong, without its picture of the line."""
    words = " ".join(", ".join(map(str, filter(None, (error.context, error.problem)))).split())
    return words if len(words) <= 120 else shortened(words, 120)
