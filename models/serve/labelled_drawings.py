"""Puts a drawing into the raw folder, under a label, where ingest finds it with that label; no file is ever overwritten.

The place is found by turning `ingest.pattern` round. For the pattern `{group}/{label}/{name}`, the label "7" and a drawing
whose hash begins with 1a2b3c4d it is `drawn/7/drawn-1a2b3c4d.png`. The pattern then reads that path: only one that gives the
label "7" is used. All drawings are of one group, so that none of them trains a network that another one tests.
"""

import errno
import fnmatch
import os
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from dataprep.config.ingest import IngestConfig
from dataprep.core.exit_cleanup import unfinished
from dataprep.source.path_pattern import FIELD_OR_WILDCARD, compile_pattern, read_path
from dataprep.source.raw_folder import EMBEDDED, Source

ENDING = ".png"
MADE_BY = "drawn"
"""The group and the origin of drawings, and the begin of their names."""

_LONGEST_LABEL = 100  # bytes; a name of a file has 255 on most file systems
_REGEX_SHAPES = (
    "{label}/{name}",
    "{made_by}/{label}/{name}",
    "train/{label}/{name}",
    "{label}_{name}",
    "{made_by}_{label}_{name}",
)
"""What is tried for a pattern that is a regular expression."""

_NO_LINKS_HERE = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS)
"""Errors of file systems without hard links, such as exFAT."""


class CannotAddError(Exception):
    """An image cannot be added; the message says why, in words for whoever drew it."""


@dataclass(frozen=True, slots=True)
class RawFolder:
    """Where drawings are put.

    Attributes:
        folder: the raw folder.
        pattern: `ingest.pattern`.
        skip: `ingest.skip`.
    """

    folder: Path
    pattern: str
    skip: tuple[str, ...]


def raw_folder(config: IngestConfig, source: Source, class_names: Sequence[str]) -> RawFolder:
    """Where drawings are put.

    Args:
        config: the section `ingest`.
        source: the raw folder that it names.
        class_names: of the model, at least one.

    Raises:
        CannotAddError: no file can be put there, or none would get its label.
    """
    if config.source.startswith(EMBEDDED):
        raise CannotAddError(f"ingest.source is {config.source!r}, images that come with the package: nothing is added to them")
    if not isinstance(source, Path):
        raise CannotAddError("ingest.source is a URL: nothing is written there")
    if config.labels is not None:
        raise CannotAddError("labels stand in a table (ingest.labels): a file without a row there would be skipped")
    if not source.is_dir():
        raise CannotAddError("the folder of ingest.source is not there")
    if not os.access(source, os.W_OK | os.X_OK):
        raise CannotAddError("the folder of ingest.source may not be written to")
    found = RawFolder(source, config.pattern, config.skip)
    _path_for(found, class_names[0], f"{MADE_BY}-00000000")
    return found


def add_image(raw: RawFolder, label: str, content: bytes) -> str:
    """Writes a PNG into the raw folder, whole or not at all.

    Args:
        raw: the folder.
        label: the class, of the model or a new one.
        content: the bytes of the file.

    Returns:
        Its path, relative to the folder.

    Raises:
        CannotAddError: the label is no name of a folder, the image is there already, or the file cannot be written.
    """
    if fault := label_fault(label):
        raise CannotAddError(fault)
    path = _path_for(raw, label, f"{MADE_BY}-{blake2b(content, digest_size=4).hexdigest()}")
    target = raw.folder / path
    try:
        _need_real_folders(raw.folder, target.parent)
        target.parent.mkdir(parents=True, exist_ok=True)
        _write_new(target, content)
    except FileExistsError as error:
        raise CannotAddError(f"{path} is there already, and is not overwritten") from error
    except OSError as error:
        raise CannotAddError(f"{path} cannot be written ({error.strerror})") from error
    return path


def label_fault(label: str) -> str | None:
    """Why a label is no name of a folder, in words; None where it is one.

    >>> label_fault("7"), label_fault("..")
    (None, "the label '..' leads to another folder. Choose a name")
    """
    if not label or label != label.strip():
        return "the label is empty, or begins or ends with a space. Type a name"
    if label in (".", ".."):
        return f"the label {label!r} leads to another folder. Choose a name"
    if "/" in label or "\\" in label:
        return "the label has a slash, which would lead to another folder. Choose a name without one"
    if not label.isprintable():
        return "the label has signs that cannot be printed. Type it by hand"
    if len(label.encode("utf-8", "replace")) > _LONGEST_LABEL:
        return f"the label is longer than {_LONGEST_LABEL} bytes. Shorten it"
    return None


def _path_for(raw: RawFolder, label: str, stem: str) -> str:
    """A relative path that the pattern reads as this label.

    Raises:
        CannotAddError: there is none.
    """
    compiled = compile_pattern(raw.pattern)
    for path in _candidates(raw.pattern, label, stem):
        facts = read_path(path, compiled)
        if facts is not None and facts.label == label and path.lower().endswith(ENDING):
            skipped = next((part for part in path.split("/") if any(fnmatch.fnmatch(part, own) for own in raw.skip)), None)
            if skipped is not None:
                raise CannotAddError(f"ingest.skip leaves out {skipped!r}. Choose another label")
            return path
    raise CannotAddError(
        f"no path of a {ENDING} file can be made that ingest.pattern {raw.pattern!r} reads as the label {label!r}"
    )


def _candidates(pattern: str, label: str, stem: str) -> Iterator[str]:
    """Relative paths that may fit a pattern."""
    if pattern.startswith("regex:"):
        for shape in _REGEX_SHAPES:
            yield shape.format(label=label, name=stem + ENDING, made_by=MADE_BY)
        return
    for named in (stem, stem + ENDING):  # the ending may stand in the pattern
        yield "".join(_filled(pattern, {"label": label, "name": named}))


def _filled(pattern: str, values: dict[str, str]) -> Iterator[str]:
    fixed = {"group": MADE_BY, "origin": MADE_BY, "split": "train"}
    has_name = "{name}" in pattern
    tokens = list(FIELD_OR_WILDCARD.finditer(pattern))
    for place, token in enumerate(tokens):
        if token["field"]:
            yield (fixed | values)[token["field"]]
        elif token["literal"]:
            yield token["literal"]
        elif token["deep"] and token["deep"].endswith("/"):
            continue  # any number of folders may be none
        else:
            is_last = not has_name and not any(own["any"] or own["deep"] == "**" for own in tokens[place + 1 :])
            yield values["name"] if is_last else MADE_BY


def _need_real_folders(root: Path, folder: Path) -> None:
    """Refuses a folder that a link puts elsewhere: ingest follows none, and the file would leave the raw folder."""
    if folder.resolve() != root.resolve() / folder.relative_to(root):
        raise CannotAddError(f"{folder.relative_to(root)} is a link, which ingest does not follow")


def _write_new(path: Path, content: bytes) -> None:
    """Writes a file under a temporary name and gives it its own, if no file has that.

    Raises:
        FileExistsError: one has.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
    with unfinished([temporary]):
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        try:
            path.hardlink_to(temporary)
        except OSError as error:
            if error.errno not in _NO_LINKS_HERE:
                raise
            with path.open("xb") as file:
                file.write(content)
