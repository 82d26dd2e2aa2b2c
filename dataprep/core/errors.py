"""Errors that a user can mend. Each message is one line: where, what was expected, what was there, the fix.

DarkroomError
├── ParamsError     params.yaml says something that cannot be done
├── SourceError     the raw folder is not as ingest.source and ingest.pattern say, or ingest.corrections are wrong
├── SplitError      the images cannot be split as asked
├── ExecuteError    workers cannot be started, or a task crashes them
├── TrainError      the network did not learn anything useful
├── ArtifactError   a file made by an earlier step is missing, damaged or of another format version
├── LockError       another run is at work (pipelines/workspace/lock.py)
├── RepositoryError the folder is no Git repository with a commit, and DVC needs one (pipelines/workspace/repository_checks.py)
├── ServerError     no Prefect server can be reached or started (pipelines/schedule/prefect_preconditions.py)
└── GraphError      DVC's graph or its lock file cannot be read (pipelines/workspace/dvc_graph.py)

Some errors are about one file or one calculation. They become a row of a table or one of the errors above, so they have other
bases: ChangedError (an OSError), OutOfTime (core/time_limit.py), Undecodable, DamageError, BrokenScanError and
BrokenDirectoryError (dataprep/decode).
"""

import difflib
from collections.abc import Iterable, Sequence


class DarkroomError(Exception):
    """Base of all errors that a user can mend; the command line shows its one line and exits with code 2."""


class ParamsError(DarkroomError):
    """params.yaml says something that cannot be done."""


class SourceError(DarkroomError):
    """The raw folder is not as ingest.source and ingest.pattern say, or ingest.corrections are wrong."""


class SplitError(DarkroomError):
    """The images cannot be split as asked."""


class ExecuteError(DarkroomError):
    """Workers cannot be started, or a task crashes them."""


class TrainError(DarkroomError):
    """The network did not learn anything useful."""


class ArtifactError(DarkroomError):
    """A file made by an earlier step is missing, damaged or of another format version."""


class ChangedError(OSError):
    """A file is not what it was when the folder was listed."""


_LONGEST = 300


def in_short(error: Exception) -> str:
    r"""Class and text of another library's error on one line, cut after 300 characters.

    >>> in_short(RuntimeError("503:   slow down \x1b[2J"))
    'RuntimeError: 503: slow down \\x1b[2J'
    """
    text = on_one_line(" ".join(str(error).split()))[:_LONGEST]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def on_one_line(text: str) -> str:
    r"""Escapes all that cannot be printed, so that the text stays on one line and does not move the cursor.

    >>> on_one_line("a\nb \x1b[2J é")
    'a\\nb \\x1b[2J é'
    """
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode("ascii") for sign in text)


def first_five(values: Iterable[object]) -> str:
    """Lists up to five values by repr and says how many more there are.

    >>> first_five(["a", "b"])
    "'a', 'b'"
    >>> first_five(range(7))
    '0, 1, 2, 3, 4 and 2 more'
    """
    listed = list(values)
    shown = ", ".join(repr(value) for value in listed[:5])
    return f"{shown} and {len(listed) - 5:,} more" if len(listed) > 5 else shown


def did_you_mean(name: str, known: Sequence[str]) -> str:
    """Suggests the known name that is most similar, or lists them all.

    >>> did_you_mean("rotaton", ["rotation", "shift"])
    'Did you mean rotation?'
    >>> did_you_mean("SGD", ["adam", "sgd"])
    'Did you mean sgd?'
    """
    close = closest(name, known)
    return f"Did you mean {close}?" if close else f"Known here: {', '.join(known)}"


def closest(name: str, known: Sequence[str]) -> str | None:
    """The known name that is most similar, None where no name is; upper and lower case count as equal."""
    plain = {entry.lower(): entry for entry in known}
    close = difflib.get_close_matches(name[:_LONGEST].lower(), plain, n=1)
    return plain[close[0]] if close else None


def shortened(value: object, longest: int = 80) -> str:
    """A value by repr, cut after `longest` characters.

    >>> shortened("grey")
    "'grey'"
    >>> shortened([1] * 100)
    '[1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, ... (300 characters)'
    >>> shortened(16**5000)
    'a whole number of 20,001 bits'
    """
    if isinstance(value, int) and value.bit_length() > 4 * longest:
        return f"a whole number of {value.bit_length():,} bits"
    try:
        text = repr(value)
    except ValueError:  # Python does not print whole numbers of more than 4,300 digits
        return f"a {type(value).__name__} with a number of thousands of digits"
    return text if len(text) <= longest else f"{text[:longest]}... ({len(text):,} characters)"
