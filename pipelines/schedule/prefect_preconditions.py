"""What Prefect's server needs around it, looked at before it is started: without this, two minutes pass before a traceback.

Nothing here imports Prefect, which reads the environment when it is imported.
"""

import socket
import tempfile
from collections.abc import MutableMapping
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx  # a package of Prefect, whose client is one of its clients

from dataprep.core.errors import DarkroomError, in_short, on_one_line

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_DATABASES = ("sqlite+aiosqlite", "postgresql+asyncpg")
_SQLITE_MARK = b"SQLite format 3\0"
_SECONDS = 5.0


class ServerError(DarkroomError):
    """Prefect's server cannot be started or reached."""


def exempt_loopback(environment: MutableMapping[str, str]) -> None:
    """Lets no proxy stand between this machine and itself; what was exempt stays so. Lower case has precedence in libraries.

    >>> environment = {"NO_PROXY": "example.org"}
    >>> exempt_loopback(environment)
    >>> environment["no_proxy"] == environment["NO_PROXY"] == "example.org,127.0.0.1,localhost,::1"
    True
    """
    exempt = [part.strip() for name in ("no_proxy", "NO_PROXY") for part in environment.get(name, "").split(",")]
    hosts = ",".join(dict.fromkeys([*filter(None, exempt), *_LOOPBACK])) if "*" not in exempt else "*"
    environment["no_proxy"] = environment["NO_PROXY"] = hosts


def check_proxies() -> None:
    """Refuses proxies with which Prefect's client cannot even be made, whatever it would reach: makes one of the same library.

    Raises:
        ServerError: the client does not take an address, or lacks a package for its kind.
    """
    try:
        httpx.Client().close()
    except (httpx.InvalidURL, ImportError, ValueError) as error:
        raise ServerError(
            "http_proxy, https_proxy and all_proxy must be http:// or https:// addresses for Prefect, and no_proxy a list of "
            f"hosts; they are not ({on_one_line(in_short(error))}). Correct them, or start the flow without them: "
            "env -u http_proxy -u HTTP_PROXY -u https_proxy -u HTTPS_PROXY -u all_proxy -u ALL_PROXY -u no_proxy -u NO_PROXY "
            "python -m pipelines.flows"
        ) from error


def check_home(home: Path) -> None:
    """Refuses a folder in which Prefect's server cannot keep its database.

    Raises:
        ServerError: it cannot be made or written, or the database there is none.
    """
    _check_folder(home, f"PREFECT_HOME must be a folder that can be written; {home} cannot be")
    _check_sqlite(home / "prefect.db")


def check_database(url: str, name: str) -> None:
    """Refuses a database that Prefect's server cannot open.

    Args:
        url: as SQLAlchemy writes it.
        name: of the setting.

    Raises:
        ServerError: it is of another kind, its folder cannot be written, or nothing answers there.
    """
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise ServerError(f"{name} must be the address of a database; it is none ({error}). Correct it, or unset it") from error
    if parts.scheme not in _DATABASES:
        raise ServerError(f"{name} must begin with {' or '.join(f'{kind}://' for kind in _DATABASES)}. Correct it, or unset it")
    if parts.scheme == _DATABASES[0]:
        if parts.path.strip("/") and ":memory:" not in url and "file:" not in url:  # without a path it is in memory
            path = Path(parts.path.removeprefix("/"))
            _check_folder(path.parent, f"{name} must name a file that can be written; {path} cannot be")
            _check_sqlite(path)
        return
    if "," in parts.netloc or "host" in parse_qs(parts.query):
        return  # several servers, or a socket of this machine: its own client knows how to reach them
    try:
        socket.create_connection((parts.hostname or "localhost", parts.port or 5432), timeout=_SECONDS).close()
    except (OSError, ValueError) as error:
        place = parts.netloc.rpartition("@")[2]
        raise ServerError(
            f"{name} must name a database that answers; {place!r} does not ({error}). Start it, or unset it"
        ) from error


def _check_folder(folder: Path, fault: str) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ServerError(f"{fault} ({error.strerror}). Name another: PREFECT_HOME=/tmp/prefect") from error


def _check_sqlite(path: Path) -> None:
    try:
        with path.open("r+b") as file:
            start = file.read(len(_SQLITE_MARK))
    except FileNotFoundError:
        return
    except OSError as error:
        raise ServerError(
            f"{path} must be a file that can be written; it cannot be ({error.strerror}). Move it away"
        ) from error
    if start not in (b"", _SQLITE_MARK):
        raise ServerError(f"{path} must be an SQLite database; it is none. Move it away")
