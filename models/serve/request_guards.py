"""What every request passes before the application sees it: who asks, from where, and how much is sent.

A page of another site can reach a service on loopback in two ways. By DNS rebinding its own name leads to 127.0.0.1: then
the header `Host` has that name. Or it sends a form straight to 127.0.0.1: then the browser adds the header `Origin`. Both are
refused, and no header of CORS is ever sent. An IP address as `Host` is no rebinding, which needs a name.
"""

import ipaddress
import time
from collections.abc import Callable, Collection, Iterable
from typing import TypeAlias

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from models.serve.answers import Problem, ProblemReason

OnRequest: TypeAlias = Callable[[str, int, float], None]
"""Called after each request, with its path, the status of the answer, and the seconds that it took."""

_LOOPBACK_NAME = "localhost"

HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
"""Of every answer that does not set its own."""


class RequestGuards:
    """Refuses requests under a name that is not this service's, of another site, or of too many bytes."""

    def __init__(self, app: ASGIApp, *, host_names: Collection[str], most_bytes: int, on_request: OnRequest) -> None:
        """Wraps an application.

        Args:
            app: what is guarded.
            host_names: names, beside localhost and IP addresses, under which the service may be asked.
            most_bytes: of the body of a request.
            on_request: is called after each request.
        """
        self._app = app
        self._host_names = {name.lower() for name in host_names} | {_LOOPBACK_NAME}
        self._most_bytes, self._on_request = most_bytes, on_request

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), 500

        async def send_noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                given = {name for name, _ in message["headers"]}
                more = [(name.encode(), value.encode()) for name, value in HEADERS.items() if name.encode() not in given]
                message = {**message, "headers": [*message["headers"], *more]}
            await send(message)

        try:
            refusal = self._refusal(scope)
            if refusal:
                await refusal(scope, receive, send_noted)
            else:
                await self._app(scope, _at_most(receive, self._most_bytes), send_noted)
        finally:
            self._on_request(scope["path"], status, time.perf_counter() - began)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = _headers(scope["headers"])
        host = headers.get(b"host", b"").decode("latin-1")
        if not self._is_known(host):
            return problem(
                400,
                "unknown_host",
                "the header Host names no address of this service. Its own names are given with --allow-host",
            )
        origin = headers.get(b"origin", b"").decode("latin-1")
        if (origin and origin.partition("://")[2].lower() != host.lower()) or headers.get(b"sec-fetch-site") in (
            b"cross-site",
            b"same-site",
        ):
            return problem(
                403, "foreign_origin", "a page of another site asked. Ask from a program, or from the service's own page"
            )
        length = headers.get(b"content-length", b"0")
        if length.isdigit() and int(length[:20]) > self._most_bytes:
            return problem(413, "too_many_bytes", too_many_bytes(self._most_bytes))
        return None

    def _is_known(self, host: str) -> bool:
        name = host_name(host)
        return name is not None and (name in self._host_names or _is_address(name))


def host_name(host: str) -> str | None:
    """The name or address in a header `Host`, without its port; None where there is none.

    >>> host_name("LocalHost:8000"), host_name("[::1]:8000"), host_name("")
    ('localhost', '::1', None)
    """
    if host.startswith("["):
        name, _, port = host[1:].partition("]")
        port = port.removeprefix(":")
    else:
        name, _, port = host.partition(":")
    if port and not (port.isascii() and port.isdigit()):
        return None
    return name.lower() or None


def problem(status: int, reason: ProblemReason, message: str) -> Response:
    """The answer to a request that is refused."""
    content = Problem(reason=reason, message=message).model_dump_json()
    return Response(content, status, headers={"retry-after": "1"} if status == 503 else None, media_type="application/json")


def too_many_bytes(most: int) -> str:
    """The sentence about a request that is too large."""
    return f"a request may have {most:,} bytes. Send fewer or smaller images at once"


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _headers(headers: Iterable[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    return {name.lower(): value for name, value in headers}


def _at_most(receive: Receive, most_bytes: int) -> Receive:
    """Counts the bytes that come in; a body that says nothing of its length is refused while it comes."""
    count = 0

    async def receive_counted() -> Message:
        nonlocal count
        message = await receive()
        count += len(message.get("body", b""))
        if count > most_bytes:
            raise HTTPException(413, too_many_bytes(most_bytes))
        return message

    return receive_counted
