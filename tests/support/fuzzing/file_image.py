"""HDF5 files that are changed in memory."""

from __future__ import annotations

from collections.abc import Callable

import h5py
from h5py import h5f, h5p  # pyright: ignore[reportAttributeAccessIssue] # compiled, no stubs

__all__ = ["changed_file"]


def changed_file(data: bytes, change: Callable[[h5py.File], None]) -> bytes:
    """The content of an HDF5 file after a change of the open file."""
    access = h5p.create(h5p.FILE_ACCESS)
    access.set_fapl_core(2**16, False)
    access.set_file_image(data)
    with h5py.File(h5f.open(b"changed", h5f.ACC_RDWR, access)) as file:
        change(file)
        file.flush()
        return file.id.get_file_image()
