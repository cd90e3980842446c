"""Arrays that grow along their first axis, time, in a file that is written while they do."""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np

from nirx.errors import FileError, InputError
from nirx.files.archive import member_name
from nirx.files.hdf5_writing import hdf5_file
from nirx.files.whole_file import whole_file

__all__ = ["HDF5", "Append", "growing_file"]

HDF5 = (".h5", ".hdf5", ".hdf")
BLOCK = 2**20

Append = Callable[[Mapping[str, np.ndarray]], None]
"""Adds the next steps of every array; the names are the same in every call."""


@contextmanager
def growing_file(path: Path, steps: int) -> Iterator[Append]:
    """A file of named arrays `[time, ...]`; it replaces an old one when the block ends.

    With the suffix .h5, .hdf5 or .hdf it has a dataset per array, else it is the `.npz` file that
    `save_arrays` writes.

    Arguments:
        steps: of every array in the end.

    **Raises**: `FileError`, `InputError` for a name that HDF5 cannot store. After it, or after any
    error in the body, the old file is unchanged.
    """
    with whole_file(str(path)) as temporary:
        if path.suffix.lower() in HDF5:
            with hdf5_file(temporary) as file:
                yield _Datasets(file, str(path), steps).append
            return
        with tempfile.TemporaryFile(dir=Path(temporary).parent) as spool:
            rows = _Spool(spool)
            yield rows.append
            with zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
                rows.write(archive)


class _Datasets:
    """One dataset per array, in its full size from the first piece on."""

    def __init__(self, file: Any, where: str, steps: int):
        self._file, self._where, self._steps = file, where, steps
        self._made: dict[str, Any] = {}
        self._done = 0

    def append(self, pieces: Mapping[str, np.ndarray]) -> None:
        for name, piece in pieces.items():
            if name not in self._made:
                self._made[name] = self._create(name, (self._steps, *piece.shape[1:]), piece.dtype)
            self._made[name][self._done : self._done + len(piece)] = piece
        self._done += len(next(iter(pieces.values()), ()))

    def _create(self, name: str, shape: tuple[int, ...], dtype: np.dtype) -> Any:
        try:
            if "\0" in name or {"", "."} & set(name.split("/")):  # h5py would store another name
                raise ValueError("not a path in HDF5")
            return self._file.create_dataset(name, shape, dtype)
        except ValueError as error:
            raise InputError(
                f"{self._where}: HDF5 cannot store an array named {name!r}; call the file .npz"
            ) from error


class _Spool:
    """The pieces in the order of time, in a temporary file; an archive needs array after array."""

    def __init__(self, file: IO[bytes]):
        self._file = file
        self._tails: dict[str, tuple[np.dtype, tuple[int, ...]]] = {}
        self._lengths: list[int] = []

    def append(self, pieces: Mapping[str, np.ndarray]) -> None:
        if not self._lengths:
            self._tails = {name: (p.dtype, p.shape[1:]) for name, p in pieces.items()}
        for piece in pieces.values():
            self._file.write(np.ascontiguousarray(piece).data.cast("B") if piece.size else b"")
        self._lengths.append(len(next(iter(pieces.values()), ())))

    def write(self, archive: zipfile.ZipFile) -> None:
        """Write all arrays as `.npy` files."""
        rows = {n: d.itemsize * int(np.prod(tail)) for n, (d, tail) in self._tails.items()}
        step, before = sum(rows.values()), 0
        for name, (dtype, tail) in self._tails.items():
            header = {
                "descr": np.lib.format.dtype_to_descr(dtype),
                "fortran_order": False,
                "shape": (sum(self._lengths), *tail),
            }
            with archive.open(f"{member_name(name)}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array_header_1_0(member, header)
                start = 0
                for length in self._lengths:
                    self._file.seek(start * step + before * length)
                    self._copy(member, length * rows[name])
                    start += length
            before += rows[name]

    def _copy(self, member: IO[bytes], count: int) -> None:
        while count:
            block = self._file.read(min(BLOCK, count))
            if not block:
                raise FileError("a temporary file ended too early; run it again")
            member.write(block)
            count -= len(block)
