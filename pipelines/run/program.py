"""How any program of this project is run: UTF-8, and one line for a user's mistake, with exit code 2.

It imports little: `darkroom --help` waits for all that this module imports.
"""

import io
import os
import sqlite3
import sys
from collections.abc import Callable

from dataprep.core.errors import DarkroomError
from pipelines.run.os_errors import os_error_line


def run_program(program: Callable[[], object]) -> None:
    """Runs a command-line program; an error that a user can mend becomes one line and exit code 2.

    Text is UTF-8 whatever the locale, and what a terminal cannot show is printed with escapes.
    """
    need_utf8()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        program()
    except DarkroomError as error:
        line = str(error)
    except (OSError, sqlite3.OperationalError) as error:
        known = os_error_line(error)
        if known is None:
            raise
        line = known
    else:
        return
    print(f"error: {line}", file=sys.stderr)
    sys.exit(2)


def need_utf8() -> None:
    """Starts this program again in Python's UTF-8 mode (PEP 540) where the locale has another encoding.

    Arguments, names of files and what child processes print would be read in that of the locale. The mode cannot be turned on
    in a process that runs. Its number stays the same, so that whoever started it notices nothing.
    """
    if sys.getfilesystemencoding() == "utf-8":
        return
    os.environ["PYTHONUTF8"] = "1"  # for child processes
    os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])  # noqa: S606  # the same program
