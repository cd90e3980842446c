"""HDF5 datasets of untrusted files that are read in slices."""

from __future__ import annotations

from typing import Any

import numpy as np

from nirx.errors import FileError
from nirx.files.hdf5_dataset import OpenHdf5, Storage

__all__ = ["CheckedDataset"]


class CheckedDataset:
    """A dataset of numbers that is read in slices, each of which must be there in full.

    Arguments:
        file: that it is in.
        item: the `h5py.Dataset`.
        where: the file and the place in it, for messages.
        field: one field of records. Default: all of a number.

    **Raises**: `FileError` for data that is not numbers, not in this file, or too large for it.
    """

    def __init__(self, file: OpenHdf5, item: Any, where: str, field: str | None = None):
        storage = Storage(file, item.id, where, fills=True)
        dtype = item.dtype if field is None else item.dtype[field]
        if dtype.kind not in "fiub" or item.dtype.hasobject:
            raise FileError(f"{where} has dtype {item.dtype}; expected numbers")
        self.dtype, self.shape, self.nbytes = dtype, tuple(item.shape), int(item.nbytes)
        self._storage, self._item, self._field = storage, item, field

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, place: Any) -> np.ndarray:
        """Whole numbers and slices, as for an array. **Raises** `FileError`, and h5py's errors."""
        self._storage.require(place)
        source = self._item if self._field is None else self._item.fields(self._field)
        parts = [np.asarray(source[own]) for own in self._storage.portions(place)]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)
