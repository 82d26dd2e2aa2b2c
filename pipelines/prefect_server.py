"""What Prefect's server needs around it, looked at before it is started: without this, two minutes pass before a traceback.

Nothing here imports Prefect, which reads the environment when it is imported.
"""

import socket
import tempfile
from collections.abc import Mapping, MutableMapping
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from dataprep.core.errors import DarkroomError

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_PROXIES = ("http", "https", "socks5", "socks5h")
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
    told = [part.strip() for name in ("no_proxy", "NO_PROXY") for part in environment.get(name, "").split(",")]
    hosts = ",".join(dict.fromkeys([*filter(None, told), *_LOOPBACK])) if "*" not in told else "*"
    environment["no_proxy"] = environment["NO_PROXY"] = hosts


def check_proxies(proxies: Mapping[str, str]) -> None:
    """Refuses proxies with which Prefect's client cannot even be made, whatever it would reach.

    Args:
        proxies: by kind, as `urllib.request.getproxies` finds them.

    Raises:
        ServerError: one is of a kind that the client does not know, or lacks a package for.
    """
    for kind, url in proxies.items():
        if kind not in ("http", "https", "all"):
            continue
        scheme = urlsplit(url if "://" in url else f"http://{url}").scheme
        known = scheme in _PROXIES and (scheme in _PROXIES[:2] or find_spec("socksio") is not None)
        if not known:
            raise ServerError(
                f"{kind}_proxy must be an http:// or https:// address for Prefect; got {url!r}. Start the flow without it: "
                f"env -u {kind}_proxy -u {kind.upper()}_PROXY python -m pipelines.flows"
            )


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
    parts = urlsplit(url)
    if parts.scheme not in _DATABASES:
        raise ServerError(f"{name} must begin with {' or '.join(f'{kind}://' for kind in _DATABASES)}. Correct it, or unset it")
    if parts.scheme == _DATABASES[0]:
        if ":memory:" not in url and "file:" not in url:
            path = Path(parts.path.removeprefix("/"))
            _check_folder(path.parent, f"{name} must name a file that can be written; {path} cannot be")
            _check_sqlite(path)
        return
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
