"""Reads again all that the last run made and compares it with the hashes that DVC and the shards' index remember.

DVC itself trusts a file whose size and time are unchanged, and checks out a damaged file of its cache without a word.

    dvc.lock says that data/split.parquet has the MD5 5f3a...
    the file has it, its copy in DVC's cache has not  ->  the copy is damaged:   cp -f data/split.parquet .dvc/cache/...
    the copy has it, the file has not                 ->  the file is damaged:   rm -f data/split.parquet && dvc repro split
    the copy has it, the file is gone                 ->  the file is missing:   dvc checkout data/split.parquet
    neither is there                                  ->  the file is missing:   dvc repro split

The MD5 of a folder is that of a list of its files, which stands in DVC's cache alone. Where that list is gone, only the index
of shards says which file is whole. Then no output is removed: the stage is run again, keeps whole shards and makes the others.

What dvc.lock and the lists in the cache say is not believed before it was looked at: each output must stand in dvc.yaml, each
path must lie in this folder, on no link that leads out of it, and each hash must be one. So no command that is proposed removes
anything else than outputs of this project and copies in DVC's cache.
"""

import hashlib
import json
import os
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from dataprep.core.artifacts import read_bytes, read_document
from dataprep.core.errors import ArtifactError, in_short, on_one_line, shortened
from dataprep.core.name_encoding import encode_name
from dataprep.source.remote_folder import is_url
from dataprep.store.shards import INDEX_NAME, ShardIndex
from pipelines.workspace.dvc_graph import DVC_FILE, GraphError, declared_outputs, read_stages
from pipelines.workspace.dvc_lock_backup import DVC_LOCK

_THREADS = 8  # hashing runs beside other threads, and so does waiting for a disk
_BLOCK_BYTES = 2**20
_LIST_ENDING = ".dir"
_MOST_BYTES = 2**28  # of dvc.lock and of a list
_MD5 = re.compile(r"[0-9a-f]{32}(\.dir)?")


@dataclass(frozen=True, slots=True)
class Output:
    """What a stage made; `md5` is that of a file or, with .dir at its end, of the list of a folder's files."""

    stage: str
    path: Path
    md5: str


@dataclass(frozen=True, slots=True)
class Hashed:
    """What a file holds now; `fault` says why it could not be read."""

    path: Path
    num_bytes: int
    md5: str
    sha256: str
    fault: str | None


@dataclass(frozen=True, slots=True)
class Damage:
    """One file that is not what it should be, and the command that mends it."""

    path: Path
    what: str
    command: str

    def __str__(self) -> str:
        return on_one_line(f"{self.path}: {self.what}. Run: {self.command}")


def read_outputs(lock: Path = DVC_LOCK, graph: Path = DVC_FILE) -> list[Output]:
    """What dvc.lock says of the last run, stage by stage in the order of dvc.yaml; without what stands at a URL.

    Raises:
        GraphError: nothing was made yet, dvc.lock cannot be read, or it lists what dvc.yaml does not.
    """
    stages = read_stages(graph)
    declared = declared_outputs(stages)
    try:
        locked = YAML(typ="safe").load(read_bytes(lock, most=_MOST_BYTES).decode("utf-8"))["stages"]
        listed = [
            (stage, out["path"], out["md5"])
            for stage in stages
            for out in locked.get(stage, {}).get("outs", [])
            if not is_url(out["path"])
        ]
    except FileNotFoundError as error:
        raise GraphError(f"{lock} is missing: nothing was made in this folder yet. Run: dvc repro") from error
    except (YAMLError, LookupError, TypeError, AttributeError, ValueError, RecursionError) as error:
        raise GraphError(f"{lock} cannot be read ({in_short(error)}). Restore it: darkroom doctor --mend") from error
    for stage, path, md5 in listed:
        _check_listed(lock, f"the output of stage {stage}", path, md5)
        if (stage, path) not in declared:
            raise _undeclared(lock, graph, stage, path)
        _check_links(Path(path), is_folder=md5.endswith(_LIST_ENDING))
    outputs = [Output(stage, Path(path), md5) for stage, path, md5 in listed]
    if not any(output.path.exists() for output in outputs):
        raise GraphError(f"{lock} lists {len(outputs)} outputs; none of them is here. Run: dvc repro, or dvc checkout")
    return outputs


def files_of(outputs: Iterable[Output], cache: Path) -> list[Path]:
    """All files to be read: those of the outputs, and their copies in DVC's cache as far as they are there.

    Raises:
        GraphError: a list in the cache names files outside of its folder.
    """
    files: dict[Path, None] = {}
    for output in outputs:
        listed = _read_list(output, cache)
        names = listed if listed is not None else {}
        inside = _files_below(output.path) if _is_folder(output) else [output.path]
        copies = [output.md5, *names.values()]
        for path in [*inside, *(_cached(cache, md5) for md5 in copies)]:
            if path.is_file():
                files[path] = None
    return list(files)


def missing_copies(outputs: Iterable[Output], cache: Path) -> Iterator[tuple[Path, str]]:
    """The files of which DVC's cache has no copy, each with its stage; of a folder without its list, the folder."""
    for output in outputs:
        listed = _read_list(output, cache)
        if not _cached(cache, output.md5).is_file() or (_is_folder(output) and listed is None):
            yield output.path, output.stage
        for name, md5 in (listed or {}).items():
            if not _cached(cache, md5).is_file():
                yield output.path / name, output.stage


def hash_files(files: Iterable[Path]) -> Iterator[Hashed]:
    """Reads files, several at once, and yields their hashes in the same order."""
    with ThreadPoolExecutor(_THREADS) as executor:
        yield from executor.map(_hash_file, files)


def find_damage(outputs: Iterable[Output], cache: Path, hashed: Mapping[Path, Hashed]) -> Iterator[Damage]:
    """Compares what files hold with what they should.

    Args:
        outputs: from `read_outputs`.
        cache: DVC's.
        hashed: by path, of all `files_of` these outputs.

    Yields:
        Each damaged, missing or foreign file once.
    """
    reported: set[Path] = set()
    for output in outputs:
        listed = _read_list(output, cache)
        if not _is_folder(output):
            found = _compare(output, output.path, output.md5, cache, hashed)
        elif listed is None:
            found = _search_unlisted(output, cache, hashed)
        else:
            found = _search_listed(output, listed, cache, hashed)
        for damage in found:
            if damage.path not in reported:  # two outputs of the same content have one copy
                reported.add(damage.path)
                yield damage


def _search_listed(output: Output, listed: Mapping[str, str], cache: Path, hashed: Mapping[Path, Hashed]) -> Iterator[Damage]:
    """Looks at a folder whose files DVC lists one by one."""
    for name, md5 in listed.items():
        yield from _compare(output, output.path / name, md5, cache, hashed)
    for path in _files_below(output.path):
        if path.relative_to(output.path).as_posix() not in listed:
            yield Damage(path, "the last run did not make it", _rebuild(output, path))
    index = hashed.get(output.path / INDEX_NAME)
    if index is None or index.md5 != listed.get(INDEX_NAME):
        return  # the index is damaged: its hashes of the shards prove nothing
    for name, sha256 in (_read_shards(output) or {}).items():
        own = hashed.get(output.path / name)
        if own is not None and own.sha256 != sha256:  # damaged before DVC read it: its hash and its copy are of that
            both = [own.path, _cached(cache, own.md5)]
            yield Damage(own.path, f"its SHA-256 is not that in {index.path}", _rebuild(output, *both))


def _search_unlisted(output: Output, cache: Path, hashed: Mapping[Path, Hashed]) -> Iterator[Damage]:
    """Looks at a folder whose list is missing or damaged itself."""
    suspects = _suspects(output, hashed)
    own_list = _cached(cache, output.md5)
    stage = shlex.quote(output.stage)
    mend = f"dvc repro --force --single-item {stage}" if suspects else f"dvc commit {stage}"  # forced: DVC may notice nothing
    if own_list in hashed:
        mend = f"{_remove(own_list)} && {mend}"
    for path in suspects:
        yield Damage(path, "damaged" if path.is_file() or _files_below(path) else "missing", mend)
    if own_list in hashed:
        yield Damage(own_list, f"damaged in DVC's cache (the list of {output.path})", mend)


def _compare(output: Output, path: Path, md5: str, cache: Path, hashed: Mapping[Path, Hashed]) -> Iterator[Damage]:
    """Looks at one file and at its copy."""
    own, copy = hashed.get(path), hashed.get(_cached(cache, md5))
    bad_copy = [copy.path] if copy is not None and copy.md5 != md5 else []
    whole = own is not None and own.md5 == md5
    if own is None and not os.path.lexists(path) and copy is not None and not bad_copy:
        yield Damage(path, "missing", f"dvc checkout {shlex.quote(str(output.path))}")
    elif not whole:
        yield Damage(path, _what(own), _rebuild(output, path, *bad_copy))
    for broken in bad_copy:
        mend = _command("cp", "-f", path, broken) if whole else _rebuild(output, path, broken)
        yield Damage(broken, f"{_what(copy)} in DVC's cache (the copy of {path})", mend)


def _suspects(output: Output, hashed: Mapping[Path, Hashed]) -> list[Path]:
    """What may be damaged in a folder without a list: its hash shows whether anything is, the index of shards what."""
    names = {path.relative_to(output.path).as_posix(): hashed[path] for path in _files_below(output.path) if path in hashed}
    if _list_md5({name: entry.md5 for name, entry in names.items()}) == output.md5:
        return []
    index, shards = output.path / INDEX_NAME, _read_shards(output)
    if shards is None:
        return [index if INDEX_NAME in names else output.path]
    wrong = [name for name, sha256 in shards.items() if name not in names or names[name].sha256 != sha256]
    foreign = sorted(names.keys() - shards.keys() - {INDEX_NAME})
    return [index, *(output.path / name for name in [*wrong, *foreign])]  # it is a shard, or what the index says of it


def _read_shards(output: Output) -> dict[str, str] | None:
    """The SHA-256 of each shard as the index of its folder lists it; None where there is no index that can be read."""
    try:
        index = read_document(output.path / INDEX_NAME, ShardIndex, stage=output.stage)
        return {entry.file: entry.sha256 for entry in index.shards}
    except (ArtifactError, OSError):
        return None


def _what(entry: Hashed | None) -> str:
    if entry is None:
        return "missing"
    return f"cannot be read ({entry.fault})" if entry.fault else "damaged"


def _rebuild(output: Output, *files: Path) -> str:
    """Whatever DVC could still take for whole goes first: it compares sizes and times, and restores from its cache."""
    there = [path for path in files if os.path.lexists(path)]
    return f"{_remove(*there)} && dvc repro {shlex.quote(output.stage)}" if there else f"dvc repro {shlex.quote(output.stage)}"


def _remove(*files: Path) -> str:
    return _command("rm", "-rf" if any(path.is_dir() for path in files) else "-f", *files)


def _command(*words: str | Path) -> str:
    """A line for a shell: bash and zsh, where a name has signs that cannot be printed."""
    return " ".join(word if isinstance(word, str) else _quoted(word) for word in words)


def _quoted(path: Path) -> str:
    r"""A path as one word of a shell, which no program takes for an option.

    >>> _quoted(Path("data/a b")), _quoted(Path("-rf")), _quoted(Path("a\nb'"))
    ("'data/a b'", './-rf', "$'a\\x0ab\\x27'")
    """
    text = str(path) if not str(path).startswith("-") else f"./{path}"
    if text.isprintable():
        return shlex.quote(text)
    plain = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 /._-+=:,@%")
    return "$'" + "".join(chr(byte) if byte in plain else f"\\x{byte:02x}" for byte in encode_name(text)) + "'"


def _is_folder(output: Output) -> bool:
    return output.md5.endswith(_LIST_ENDING)


def _files_below(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if not path.is_dir())


def _cached(cache: Path, md5: str) -> Path:
    return cache / "files" / "md5" / md5[:2] / md5[2:]


def _read_list(output: Output, cache: Path) -> dict[str, str] | None:
    """Names and hashes of a folder's files as DVC's cache lists them; None where that list is missing or damaged."""
    if not _is_folder(output):
        return None
    try:
        content = read_bytes(_cached(cache, output.md5), most=_MOST_BYTES)
    except (OSError, ArtifactError):
        return None
    if _md5(content).hexdigest() + _LIST_ENDING != output.md5:
        return None
    return _checked_list(_cached(cache, output.md5), output.path, content)


def _checked_list(path: Path, folder: Path, content: bytes) -> dict[str, str]:
    """Names and hashes of a list that dvc.lock names.

    Raises:
        GraphError: DVC wrote no such list.
    """
    try:
        listed = [(entry["relpath"], entry["md5"]) for entry in json.loads(content)]
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise _foreign(path, f"must be a list of files as DVC writes it ({in_short(error)})") from error
    for name, md5 in listed:
        _check_listed(path, f"a file of {folder}", name, md5)
        _check_links(folder / name, is_folder=False)
    return dict(listed)


def _check_listed(where: Path, what: str, path: object, md5: object) -> None:
    """Refuses a path that leads out of the folder that it is relative to, and a hash that is none.

    Raises:
        GraphError: it is one of these.
    """
    if not isinstance(path, str) or not path or "\0" in path or {"", ".", ".."} & set(path.split("/")):
        raise _foreign(where, f"{what} must be a path within this folder; it is {shortened(path)}")
    if not isinstance(md5, str) or _MD5.fullmatch(md5) is None:
        raise _foreign(where, f"{what} must have an MD5 in hex; it has {shortened(md5)}")


def _check_links(path: Path, *, is_folder: bool) -> None:
    """Refuses a path on which a link leads out of this folder; where the last part alone is a link, a file is but that link.

    Raises:
        GraphError: there is such a link.
    """
    root = Path.cwd().resolve()
    try:
        real = (path if is_folder else path.parent).resolve()
    except (OSError, RuntimeError) as error:  # a link in a circle is the one or the other
        raise GraphError(f"{path} must be reached without a link in a circle ({in_short(error)}). Remove that link") from error
    if not real.is_relative_to(root):
        raise GraphError(
            on_one_line(
                f"{path} must lie in this folder; a link leads to {real}. Put a folder of its own there, then run: dvc repro"
            )
        )


def _foreign(path: Path, what: str) -> GraphError:
    return GraphError(
        on_one_line(
            f"{path}: {what}. DVC did not write this here. Restore {DVC_LOCK}: git checkout {DVC_LOCK}, then run: dvc repro"
        )
    )


def _undeclared(lock: Path, graph: Path, stage: str, path: str) -> GraphError:
    """Whatever it is, no stage makes it; so it is not damaged, and nothing is to be removed."""
    return GraphError(
        on_one_line(
            f"{lock}: the outputs of stage {stage} must stand in {graph}; {shortened(path)} does not. {lock} is foreign, or "
            f"{graph} was edited since. Restore one of them with git checkout, or run: dvc repro {shlex.quote(stage)}"
        )
    )


def _list_md5(files: Mapping[str, str]) -> str:
    """The hash that DVC gives a folder."""
    entries = [{"md5": md5, "relpath": name} for name, md5 in sorted(files.items())]
    return _md5(json.dumps(entries, sort_keys=True).encode()).hexdigest() + _LIST_ENDING


def _hash_file(path: Path) -> Hashed:
    md5, sha256 = _md5(), hashlib.sha256()
    num_bytes = 0
    try:
        with path.open("rb", buffering=0) as file:
            block = memoryview(bytearray(min(_BLOCK_BYTES, max(1, os.fstat(file.fileno()).st_size))))
            while count := file.readinto(block):
                md5.update(block[:count])
                sha256.update(block[:count])
                num_bytes += count
    except OSError as error:
        return Hashed(path, num_bytes, "", "", error.strerror or type(error).__name__)
    ending = _LIST_ENDING if path.suffix == _LIST_ENDING else ""
    return Hashed(path, num_bytes, md5.hexdigest() + ending, sha256.hexdigest(), None)


def _md5(content: bytes = b"") -> "hashlib._Hash":
    return hashlib.md5(content, usedforsecurity=False)  # DVC's hash, against chance, not against an attacker
