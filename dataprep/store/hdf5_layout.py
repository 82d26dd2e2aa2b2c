"""The layout of an HDF5 file: h5py writes the headers, and the arrays are written at the offsets that it reserves.

    headers({"fingerprint": "3f..."}, {"images": ((2, 8, 8, 1), uint8), "labels": ((2,), int64)})
    h5py creates both data sets and reserves offsets 447 to 575 for the images and 843 to 859 for the labels
    returned are the names ["images", "labels"] and what h5py wrote: 447 bytes before images, 268 between, 51 after labels
    the file is these 447 bytes, array_bytes(images), these 268 bytes, array_bytes(labels), these 51 bytes

When HDF5 itself writes a file and the process is killed, the file is lost; on a full disk it crashes the process; in memory it
copies all values twice. This way nothing is copied, and the file is written whole or not at all, as any other.
"""

import math
import os
from collections.abc import Iterator, Mapping

import h5py
import numpy as np
from numpy.typing import NDArray


class HeaderFile:
    """A file object that h5py writes headers to. It keeps only what was written, and where; the rest reads as zeros."""

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
        """Nothing is buffered."""

    def outside(self, spans: list[tuple[int, int]]) -> Iterator[bytes]:
        """The bytes before the first span, between each two, and after the last; spans are (start, stop), in order."""
        done = 0
        for start, stop in spans:
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


def headers(
    attributes: Mapping[str, str | int], shapes: Mapping[str, tuple[tuple[int, ...], np.dtype[np.generic]]]
) -> tuple[list[str], list[bytes]]:
    """Makes the headers of an HDF5 file: the attributes of its root, and contiguous data sets without their values.

    Args:
        attributes: by name.
        shapes: shape and dtype of each data set by name; a/b means b in the group a. None is empty.

    Returns:
        The names in the order of their offsets in the file, and the bytes before the first, between each two, after the last.
    """
    written = HeaderFile()
    to_object = h5py.h5p.create(h5py.h5p.FILE_ACCESS)
    to_object.set_fileobj_driver(h5py.h5fd.fileobj_driver, written)
    without_times = h5py.h5p.create(h5py.h5p.FILE_CREATE)
    without_times.set_obj_track_times(False)
    # HDF5's own functions: h5py's classes would take three times as long.
    file = h5py.h5f.create(b"shard", h5py.h5f.ACC_TRUNC, fcpl=without_times, fapl=to_object)
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
        spans = {}
        for name, (shape, dtype) in shapes.items():
            space, kind = h5py.h5s.create_simple(shape), h5py.h5t.py_create(dtype, logical=True)
            start = h5py.h5d.create(file, name.encode(), kind, space, dcpl=plan, lcpl=with_groups).get_offset()
            spans[name] = (start, start + math.prod(shape) * dtype.itemsize)
    finally:
        file.close()
    names = sorted(spans, key=lambda name: spans[name])
    return names, list(written.outside([spans[name] for name in names]))


def array_bytes(values: NDArray[np.generic]) -> memoryview:
    """The bytes of an array in C order; they are copied only where the array has another order."""
    return np.ascontiguousarray(values).reshape(-1).view(np.uint8).data
