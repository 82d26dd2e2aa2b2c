"""A file that HDF5 writes to and that keeps the little that it writes, with room left for what is poured in later."""

import os


class Skeleton:
    """The file object of `h5py.File(..., "w")`: pieces at their places, nothing where nothing was written.

    A plain buffer would hold the room for the pixels as zeros, which doubles the memory of a shard.
    """

    def __init__(self) -> None:
        self._written: list[tuple[int, bytes]] = []
        self._size = 0
        self._position = 0

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._position = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        return self._position

    def tell(self) -> int:
        return self._position

    def write(self, piece: bytes | memoryview) -> int:
        self._written.append((self._position, bytes(piece)))
        self._position += len(piece)
        self._size = max(self._size, self._position)
        return len(piece)

    def read(self, count: int) -> bytes:
        piece = self._between(self._position, max(self._position, min(self._position + count, self._size)))
        self._position += len(piece)
        return piece

    def readinto(self, buffer: memoryview) -> int:
        piece = self.read(len(buffer))
        buffer[: len(piece)] = piece
        return len(piece)

    def truncate(self, size: int | None = None) -> int:
        self._size = self._position if size is None else size
        return self._size

    def flush(self) -> None:
        """Nothing waits."""

    def around(self, start: int, stop: int) -> tuple[bytes, bytes]:
        """All bytes before `start` and all from `stop` on; HDF5 wrote none between."""
        return self._between(0, start), self._between(stop, self._size)

    def _between(self, start: int, stop: int) -> bytes:
        content = bytearray(stop - start)
        for position, piece in self._written:
            first, last = max(position, start), min(position + len(piece), stop)
            if first < last:
                content[first - start : last - start] = piece[first - position : last - position]
        return bytes(content)
