"""An S3 server on loopback, and a line to it that can be cut."""

import contextlib
import socket
import threading
from collections.abc import Iterator

import boto3
from moto.server import ThreadedMotoServer

KEYS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_MAX_ATTEMPTS": "1",  # of its client, which else tries each file again for two minutes
}
_CHUNK = 65536


@contextlib.contextmanager
def s3_server(bucket: str) -> Iterator[int]:
    """Serves S3 with one bucket, in memory; yields its port."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        port = server.get_host_and_port()[1]
        boto3.client(
            "s3",
            endpoint_url=f"http://127.0.0.1:{port}",
            aws_access_key_id=KEYS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=KEYS["AWS_SECRET_ACCESS_KEY"],
            region_name=KEYS["AWS_DEFAULT_REGION"],
        ).create_bucket(Bucket=bucket)
        yield port
    finally:
        server.stop()


class Line:
    """A line of TCP to a port of this machine, which breaks once it has carried some bytes, and can be mended."""

    def __init__(self, to: int) -> None:
        self._to, self._left, self._count = to, 0.0, threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.refused = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def carry(self, num_bytes: float) -> None:
        """Lets so many bytes through to the server, then breaks."""
        self._left = num_bytes

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                if self._left <= 0:
                    self.refused += 1
                    client.close()
                    continue
                server = socket.create_connection(("127.0.0.1", self._to))
                for source, target, counts in ((client, server, True), (server, client, False)):
                    threading.Thread(target=self._pass_on, args=(source, target, counts), daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket, counts: bool) -> None:
        with contextlib.suppress(OSError), source, target:
            while (chunk := source.recv(_CHUNK)) and self._left > 0:
                with self._count:  # threads that subtract at once would lose bytes, and the line would carry all
                    self._left -= len(chunk) if counts else 0
                target.sendall(chunk)
            for end in (source, target):
                end.shutdown(socket.SHUT_RDWR)
