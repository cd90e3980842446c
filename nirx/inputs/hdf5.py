"""Untrusted HDF5 files, read in slices by the rules of `nirx.files.hdf5_tree`."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import h5py
import numpy as np
from h5py import h5o  # pyright: ignore[reportAttributeAccessIssue] # compiled, no stubs

from nirx.errors import FileError, NirxError
from nirx.files.hdf5_attributes import attribute, text_attribute
from nirx.files.hdf5_checked import CheckedDataset
from nirx.files.hdf5_dataset import OpenHdf5
from nirx.files.hdf5_heap import refuse_endless
from nirx.files.limits import DATA_LIMITS, Allowance
from nirx.inputs.sample_order import by_number
from nirx.inputs.watched import Watched

__all__ = ["Column", "OpenFile", "Walk"]


class OpenFile:
    """An HDF5 file, open until `close`, or until nothing refers to it.

    Arguments:
        watched: the file.

    **Raises**: `FileError`.
    """

    def __init__(self, watched: Watched):
        self.watched, self.path = watched, watched.path
        with self.reading():
            refuse_endless(str(self.path))
            self.root: Any = h5py.File(self.path, "r")
            self._hdf5 = OpenHdf5(self.root.id, DATA_LIMITS, watched.size)

    def close(self) -> None:
        """Close the file."""
        self.root.close()

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Whatever h5py raises for a damaged file becomes a `FileError`."""
        try:
            yield
        except NirxError:
            raise
        except (OSError, RuntimeError, ValueError, TypeError, KeyError, MemoryError) as error:
            raise FileError(f"{self.path}: not a readable HDF5 file: {error}") from error

    def kind(self, group: Any) -> str:
        """NIR's type of a group, or an empty text."""
        with self.reading():
            return text_attribute(group, "__type__") or ""

    def names(self, group: Any) -> list[str]:
        """Names in a group: whole numbers in numerical order, then the others by code point."""
        with self.reading():
            return sorted(map(str, group), key=by_number)

    def has(self, group: Any, name: str) -> bool:
        """Whether a group has a member of that name, even if it is a link."""
        with self.reading():
            return group.get(name, getlink=True) is not None

    def child(self, group: Any, name: str) -> Any:
        """A group or dataset in a group. **Raises** `FileError` for anything else."""
        where = self.where(group, name)
        with self.reading():
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                raise FileError(f"{where} is a soft or external link; nirx does not follow links")
            item = group[name]
        if not isinstance(item, h5py.Group | h5py.Dataset):
            raise FileError(f"{where} is neither a group nor a dataset")
        return item

    def group(self, group: Any, name: str) -> Any:
        """A group in a group. **Raises** `FileError` if there is none of that name."""
        if not self.has(group, name):
            raise FileError(f"{self.where(group, name)} is missing")
        found = self.child(group, name)
        if not isinstance(found, h5py.Group):
            raise FileError(f"{self.where(group, name)} is not a group")
        return found

    def number(self, group: Any, name: str) -> float:
        """A numerical attribute of a group. **Raises** `FileError`."""
        with self.reading():
            found = np.asarray(attribute(group, name))
        if found.dtype.kind not in "iuf" or found.size != 1 or not math.isfinite(found.item()):
            raise FileError(f"{self.path}: {group.name} has no finite number {name!r}")
        return float(found.item())

    def column(self, item: Any, field: str | None = None) -> Column:
        """A dataset of numbers, or one field of a dataset of records. **Raises** `FileError`."""
        where = f"{self.path}: {item.name}"
        if not isinstance(item, h5py.Dataset):
            raise FileError(f"{where} is not a dataset")
        with self.reading():
            return Column(self, CheckedDataset(self._hdf5, item, where, field), where)

    def where(self, group: Any, name: str) -> str:
        """A place, for messages."""
        return f"{self.path}: {str(group.name).rstrip('/')}/{name}"


class Walk:
    """A way through all groups of a file, each of which is entered once.

    Groups that are linked twice could be reached in 2^depth ways.

    Arguments:
        file: the file.
    """

    def __init__(self, file: OpenFile):
        self._file, self._seen = file, set[int]()
        self._allowance = Allowance(DATA_LIMITS, file.watched.size)

    def enter(self, group: Any, depth: int) -> list[str]:
        """The names in a group.

        **Raises**: `FileError` for a group that was entered before, and beyond a limit.
        """
        DATA_LIMITS.require("depth", depth, self._file.path)
        with self._file.reading():
            address = h5o.get_info(group.id).addr
        if address in self._seen:
            where = f"{self._file.path}: {group.name}"
            raise FileError(f"{where} is a group that is linked more than once")
        self._seen.add(address)
        names = self._file.names(group)
        self._allowance.take("entries", len(names), self._file.path)
        return names


class Column:
    """Numbers in a file, read in slices."""

    def __init__(self, file: OpenFile, data: CheckedDataset, where: str):
        self._file, self._data = file, data
        self.dtype, self.shape, self.where = data.dtype, data.shape, where

    def __getitem__(self, place: Any) -> np.ndarray:
        with self._file.reading():
            return self._data[place]
