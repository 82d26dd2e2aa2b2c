"""A web server on loopback, as images may stand behind a URL."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@contextmanager
def web_server(files: Mapping[str, bytes]) -> Iterator[str]:
    """Serves files at its root, and yields its address.

    What it does not have is status 404. `/moved/NAME` redirects to `/NAME`, `/slow/NAME` does not answer while it is there, and
    `/endless/NAME` sends zeros for ever. It knows no ranges: whoever asks for the first bytes gets all of them.
    """
    ends = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            folder, _, name = self.path.lstrip("/").rpartition("/")
            if folder == "slow":
                ends.wait(60)
            if folder == "moved":
                self.answer(302, b"", location=f"/{name}")
            elif folder == "endless":
                self.answer(200, None)
                with suppress(ConnectionError):
                    while not ends.is_set():
                        self.wfile.write(bytes(65536))
            else:
                content = files.get(name)
                self.answer(404 if content is None else 200, content or b"")

        def answer(self, status: int, content: bytes | None, *, location: str | None = None) -> None:
            self.send_response(status)
            if location:
                self.send_header("location", location)
            if content is not None:
                self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content or b"")

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        ends.set()
        server.shutdown()
        thread.join()
