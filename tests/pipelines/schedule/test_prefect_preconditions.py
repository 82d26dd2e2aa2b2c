"""What Prefect's server needs, looked at without Prefect."""

import socket
from pathlib import Path

import pytest

from pipelines.schedule.prefect_preconditions import ServerError, check_database, check_home, check_proxies, exempt_loopback

LOOPBACK = "127.0.0.1,localhost,::1"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, LOOPBACK),
        ({"no_proxy": "a.org, .b.org"}, f"a.org,.b.org,{LOOPBACK}"),
        ({"NO_PROXY": "a.org"}, f"a.org,{LOOPBACK}"),
        ({"no_proxy": "a.org", "NO_PROXY": "b.org"}, f"a.org,b.org,{LOOPBACK}"),
        ({"no_proxy": "localhost"}, "localhost,127.0.0.1,::1"),
        ({"NO_PROXY": "*"}, "*"),
    ],
)
def test_loopback_needs_no_proxy_and_what_was_exempt_stays_so(before: dict[str, str], after: str) -> None:
    environment = {**before, "http_proxy": "http://proxy:3128"}
    exempt_loopback(environment)
    assert environment == {"http_proxy": "http://proxy:3128", "no_proxy": after, "NO_PROXY": after}


@pytest.fixture
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for kind in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "ftp_proxy"):
        monkeypatch.delenv(kind, raising=False)
        monkeypatch.delenv(kind.upper(), raising=False)
    return monkeypatch


def test_proxies_that_a_client_takes_are_taken(no_proxies: pytest.MonkeyPatch) -> None:
    check_proxies()
    proxies = {
        "http_proxy": "http://proxy:3128",
        "https_proxy": "proxy:3128",
        "no_proxy": "a.org,::1",
        "ftp_proxy": "what://ever",
    }
    for name, url in proxies.items():
        no_proxies.setenv(name, url)
    check_proxies()


@pytest.mark.parametrize(
    ("name", "url", "why"),
    [
        ("all_proxy", "what://proxy:1", "ValueError: Unknown scheme for proxy URL"),
        ("ALL_PROXY", "socks4://proxy:1", "ValueError: Unknown scheme for proxy URL"),
        ("http_proxy", "http://[::1", "InvalidURL: Invalid port"),
        ("http_proxy", "http://proxy:abc", "InvalidURL: Invalid port: 'abc'"),
        ("no_proxy", "[::1]", "InvalidURL: Invalid port"),
    ],
)
def test_proxies_that_no_client_takes_are_one_line(no_proxies: pytest.MonkeyPatch, name: str, url: str, why: str) -> None:
    no_proxies.setenv("http_proxy", "http://proxy:1")  # without one, no_proxy is not read
    no_proxies.setenv(name, url)
    with pytest.raises(ServerError, match=r"^http_proxy, .* must be http:// or https:// addresses for Prefect, .*") as error:
        check_proxies()
    assert f"they are not ({why}" in str(error.value)
    assert str(error.value).isprintable()


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+asyncpg:///db?host=/var/run/postgresql",
        "postgresql+asyncpg://me@/db?host=/nowhere&port=1",
        "postgresql+asyncpg://me:secret@127.0.0.1:1,127.0.0.1:2/db",
        "sqlite+aiosqlite://",
        "sqlite+aiosqlite:///",
        "sqlite+aiosqlite:///:memory:",
    ],
)
def test_a_database_on_a_socket_on_several_hosts_or_in_memory_is_left_to_its_client(url: str) -> None:
    check_database(url, "PREFECT_API_DATABASE_CONNECTION_URL")


def test_an_address_of_a_database_that_is_none_is_one_line() -> None:
    with pytest.raises(ServerError, match=r"^NAME must be the address of a database; it is none \(Invalid IPv6 URL\)"):
        check_database("postgresql+asyncpg://[::1/db", "NAME")


def test_a_home_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    check_home(tmp_path / "new" / "home")
    (tmp_path / "file").touch()
    for home, why in (
        (tmp_path / "file", "File exists"),
        (tmp_path / "file/home", "Not a directory"),
        (Path("/proc/home"), "No such"),
    ):
        with pytest.raises(
            ServerError, match=rf"^PREFECT_HOME must be a folder .*; {home} cannot be \({why}.*PREFECT_HOME=/tmp"
        ):
            check_home(home)


def test_a_database_that_is_none_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "prefect.db").write_text("no database, but long enough")
    with pytest.raises(ServerError, match=r"prefect\.db must be an SQLite database; it is none\. Move it away"):
        check_home(tmp_path)
    (tmp_path / "prefect.db").unlink()
    (tmp_path / "prefect.db").mkdir()
    with pytest.raises(ServerError, match=r"prefect\.db must be a file that can be written; it cannot be \(Is a directory\)"):
        check_home(tmp_path)


def test_a_database_of_another_kind_or_place_is_one_line(tmp_path: Path) -> None:
    name = "PREFECT_API_DATABASE_CONNECTION_URL"
    check_database(f"sqlite+aiosqlite:///{tmp_path}/own.db", name)
    check_database("sqlite+aiosqlite:///file::memory:?cache=shared", name)
    for url in ("nonsense", "sqlite:///own.db", "mysql://me:secret@here/own"):
        with pytest.raises(ServerError, match=f"^{name} must begin with sqlite.aiosqlite:// or postgresql.asyncpg://") as error:
            check_database(url, name)
        assert "secret" not in str(error.value)
    with pytest.raises(ServerError, match=f"^{name} must name a file that can be written; /proc/x/own.db cannot be"):
        check_database("sqlite+aiosqlite:////proc/x/own.db", name)
    with socket.create_server(("127.0.0.1", 0)) as database:
        port = database.getsockname()[1]
        check_database(f"postgresql+asyncpg://me:secret@127.0.0.1:{port}/own", name)
    with pytest.raises(
        ServerError, match=rf"^{name} must name a database that answers; '127.0.0.1:{port}/?' does not"
    ) as error:
        check_database(f"postgresql+asyncpg://me:secret@127.0.0.1:{port}/own", name)
    assert "secret" not in str(error.value)
