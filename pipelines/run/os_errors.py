"""Errors of the operating system and of DVC's database, in one line: the file, what is wrong with it, how to mend that."""

import errno
import sqlite3

_OS_ERRORS: dict[int, tuple[str, str]] = {
    errno.ENOSPC: ("no space is left on its disk", "Free some"),
    errno.EDQUOT: ("the disk quota is used up", "Free some space or ask for more"),
    errno.EFBIG: (
        "it would be larger than this system allows",
        "Raise the limit: ulimit -f unlimited",
    ),
    errno.EACCES: ("permission denied", "Give this user the right to it"),
    errno.EPERM: ("the system does not permit it", "Look at its owner and attributes"),
    errno.EROFS: ("its file system is read-only", "Make it writable"),
    errno.EIO: ("its disk does not read or write it", "Look at the disk"),
    errno.ESTALE: ("its network folder is gone", "Bring that back"),
    **dict.fromkeys(
        (errno.ENOTCONN, errno.ETIMEDOUT, errno.EHOSTDOWN, errno.EHOSTUNREACH),
        ("its network folder does not answer", "Bring that back"),
    ),
    errno.EBUSY: ("another program uses it", "End that"),
    errno.EEXIST: ("a file stands where a folder must be", "Move it away"),
    errno.ENOTDIR: ("a file stands where a folder must be", "Move it away"),
    errno.ELOOP: ("links lead in a circle", "Take them away"),
    errno.ENAMETOOLONG: ("its name is longer than this system allows", "Shorten it"),
    errno.EISDIR: ("a folder stands where a file must be", "Move it away"),
}


_DATABASE_ERRORS: dict[int, tuple[str, str]] = {
    sqlite3.SQLITE_FULL: _OS_ERRORS[errno.ENOSPC],
    sqlite3.SQLITE_IOERR: ("it cannot be read or written", "Look whether its disk is full or damaged"),
    sqlite3.SQLITE_READONLY: _OS_ERRORS[errno.EROFS],
    sqlite3.SQLITE_CANTOPEN: ("it cannot be opened", "Look whether its folder can be written"),
}


def os_error_line(error: OSError | sqlite3.OperationalError) -> str | None:
    """The line for an error that a user can mend; None for any other, which is a mistake in the program.

    >>> os_error_line(PermissionError(errno.EACCES, "Permission denied", "data/split.parquet"))
    'data/split.parquet: permission denied. Give this user the right to it, then run the same again'
    """
    if isinstance(error, OSError):
        where, known = error.filename or "a file", _OS_ERRORS.get(error.errno or 0)
    else:  # dvclive opens DVC's
        where, known = "the database of DVC", _DATABASE_ERRORS.get(error.sqlite_errorcode & 0xFF)
    return known and f"{where}: {known[0]}. {known[1]}, then run the same again"
