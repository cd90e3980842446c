"""HDF5 writes that fail cleanly."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import h5py

from nirx.basics.held_signals import held_signals

__all__ = ["hdf5_file"]


@contextmanager
def hdf5_file(path: str, **options: Any) -> Iterator[h5py.File]:
    """A new HDF5 file, open for writing.

    HDF5 does not recover from a failed write (a full disk): it can then neither continue nor close
    the file, and aborts the process when it tries. So it writes to a stream that never fails, and
    the disk's error is raised here after HDF5 has closed the file. For the same reason Ctrl-C waits
    until then, or until `let_signals_through` is called.

    **Raises**: `OSError`.
    """
    with held_signals(), open(path, "w+b", buffering=0) as raw:
        stream = _Stream(raw)
        try:
            with h5py.File(stream, "w", **options) as file:
                yield file
        except Exception as error:
            if stream.error is None:
                raise
            raise stream.error from error
        if stream.error is not None:
            raise stream.error


class _Stream(io.RawIOBase):
    """A file object for h5py that stops writing after the first failed write."""

    def __init__(self, raw: io.FileIO):
        super().__init__()
        self.raw = raw
        self.error: OSError | None = None

    def write(self, data: Any) -> int:
        left = memoryview(data).cast("B")
        size = len(left)
        try:
            while left and self.error is None:
                left = left[self.raw.write(left) or 0 :]  # a nearly full disk may take only a part
        except OSError as error:
            self.error = error
        return size

    def truncate(self, size: int | None = None) -> int:
        try:
            self.raw.truncate(size)
        except OSError as error:
            self.error = self.error or error
        return self.raw.tell() if size is None else size

    def readinto(self, buffer: Any) -> int:
        # What the disk did not take reads as zeros.
        view = memoryview(buffer).cast("B")
        count = self.raw.readinto(view) or 0
        view[count:] = bytes(len(view) - count)
        return len(view)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self.raw.seek(offset, whence)

    def tell(self) -> int:
        return self.raw.tell()
