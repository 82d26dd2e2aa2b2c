"""HDF5 files of which HDF5 writes the frame alone: values are poured into the room that it leaves, and never copied.

A file that HDF5 itself writes is lost when the process is killed, and a full disk ends it with a signal; in memory it copies
all values twice. So it writes to an object that keeps the little that it writes, and leaves the values to us.
"""

import math
import os
from collections.abc import Iterator, Mapping

import h5py
import numpy as np
from numpy.typing import NDArray


class Skeleton:
    """The file object of `h5py.File(..., "w")`: pieces at their places, nothing where nothing was written."""

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

    def around(self, rooms: list[tuple[int, int]]) -> Iterator[bytes]:
        """The bytes before the first room, between each two, and after the last; rooms are (start, stop), in order."""
        done = 0
        for start, stop in rooms:
            yield self._between(done, start)
            done = stop
        yield self._between(done, self._size)

    def _between(self, start: int, stop: int) -> bytes:
        content = bytearray(stop - start)
        for position, piece in self._written:
            first, last = max(position, start), min(position + len(piece), stop)
            if first < last:
                content[first - start : last - start] = piece[first - position : last - position]
        return bytes(content)


def frame(
    attributes: Mapping[str, str | int], shapes: Mapping[str, tuple[tuple[int, ...], np.dtype[np.generic]]]
) -> tuple[list[str], list[bytes]]:
    """Makes the frame of an HDF5 file: attributes of its root, and room for contiguous data sets.

    Args:
        attributes: by name.
        shapes: shape and dtype of each data set by name, a/b for b in the group a; none is empty.

    Returns:
        The names in the order of their places in the file, and the bytes before the first, between each two, after the last.
    """
    skeleton = Skeleton()
    with_object = h5py.h5p.create(h5py.h5p.FILE_ACCESS)
    with_object.set_fileobj_driver(h5py.h5fd.fileobj_driver, skeleton)
    without_times = h5py.h5p.create(h5py.h5p.FILE_CREATE)
    without_times.set_obj_track_times(False)
    # HDF5's own functions: h5py's objects around them take three times as long as what they do here.
    file = h5py.h5f.create(b"shard", h5py.h5f.ACC_TRUNC, fcpl=without_times, fapl=with_object)
    try:
        scalar = h5py.h5s.create(h5py.h5s.SCALAR)
        for name, value in attributes.items():
            content = np.array(value.encode("utf-8") if isinstance(value, str) else value)
            h5py.h5a.create(file, name.encode(), h5py.h5t.py_create(content.dtype), scalar).write(content)
        plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plan.set_obj_track_times(False)
        plan.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
        plan.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
        with_groups = h5py.h5p.create(h5py.h5p.LINK_CREATE)
        with_groups.set_create_intermediate_group(True)
        rooms = {}
        for name, (shape, dtype) in shapes.items():
            space, kind = h5py.h5s.create_simple(shape), h5py.h5t.py_create(dtype, logical=True)
            start = h5py.h5d.create(file, name.encode(), kind, space, dcpl=plan, lcpl=with_groups).get_offset()
            rooms[name] = (start, start + math.prod(shape) * dtype.itemsize)
    finally:
        file.close()
    names = sorted(rooms, key=lambda name: rooms[name])
    return names, list(skeleton.around([rooms[name] for name in names]))


def raw(values: NDArray[np.generic]) -> memoryview:
    """The bytes of an array, in the order of C, without a copy where it already is."""
    return np.ascontiguousarray(values).reshape(-1).view(np.uint8).data
