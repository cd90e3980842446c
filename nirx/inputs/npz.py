"""`.npz` files: stored members are mapped into memory, compressed ones are streamed."""

from __future__ import annotations

import math
import shutil
import struct
import tempfile
import weakref
import zipfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from nirx.dynamics.ops import Shape
from nirx.errors import FileError, NirxError
from nirx.files.archive_reading import explain_damage, open_member, read_header
from nirx.files.limits import DATA_LIMITS
from nirx.inputs.arrays import ArraySource, Sliced, match_members, require_numbers
from nirx.inputs.options import Options
from nirx.inputs.protocol import Wanted
from nirx.inputs.watched import Watched

__all__ = ["npz_source"]

BLOCK = 2**20
LOCAL_HEADER = 30
"""Bytes of a zip file's local header before name and extra field."""


def npz_source(wanted: Wanted, path: Path, options: Options) -> ArraySource:
    """The arrays of an `.npz` file, named as the Inputs; pickles are never loaded.

    A file of `np.savez` is mapped. One of `np.savez_compressed` is decompressed while it is read;
    a step back starts again at the beginning. A compressed array in Fortran order, where each
    step is spread over all data, is decompressed into a temporary file.

    **Raises**: `FileError`, `InputError`.
    """
    watched = Watched(path)
    arrays: dict[str, Sliced] = {}
    with ExitStack() as stack:
        try:
            archive = stack.enter_context(zipfile.ZipFile(path))
            infos = {i.filename.removesuffix(".npy"): i for i in archive.infolist()}
            members = match_members(str(path), infos, list(wanted.features))
            for name, member in members.items():
                assert member is not None, "members of an archive have names"
                arrays[name] = _open_member(path, archive, infos[member], name)
        except (MemoryError, NirxError):
            raise
        except Exception as error:  # zipfile and NumPy raise anything for a damaged file
            raise FileError(f"{path}: {_explain(error)}") from error
        if any(isinstance(array, _Streamed) for array in arrays.values()):
            stack.pop_all()  # they close it
    own = {"sha256": watched.sha256}
    return ArraySource(str(path), wanted, arrays, "npz", own, watched.check)


def _explain(error: Exception) -> str:
    if isinstance(error, zipfile.BadZipFile) and "not a zip" in str(error):
        return "not a NumPy file; expected an .npz of np.savez, without pickles"
    return explain_damage(error)


def _open_member(path: Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str) -> Sliced:
    where = f"{path}: Input {name!r}"
    with open_member(path, archive, info) as stream:
        shape, fortran, dtype = read_header(stream)
        begin = stream.tell()
        require_numbers(dtype, where)
        size = math.prod(shape) * dtype.itemsize
        if begin + size > info.file_size:
            raise FileError(f"{where} claims {size} bytes, but {info.file_size - begin} are there")
        DATA_LIMITS.require_size(info.file_size, path.stat().st_size, where)
        if not size:
            return np.zeros(shape, dtype)
        order = "F" if fortran else "C"
        if info.compress_type == zipfile.ZIP_STORED:
            offset = _data_offset(path, info) + begin
            return np.memmap(path, dtype, "r", offset, shape, order)
        if not fortran:
            return _Streamed(path, archive, info, begin, shape, dtype)
        with tempfile.TemporaryFile() as spool:
            shutil.copyfileobj(stream, spool, BLOCK)
            spool.flush()
            return np.memmap(spool, dtype, "r", 0, shape, order)


def _data_offset(path: Path, info: zipfile.ZipInfo) -> int:
    with open(path, "rb") as stream:
        stream.seek(info.header_offset)
        header = stream.read(LOCAL_HEADER)
        name, extra = struct.unpack("<26xHH", header)
    return info.header_offset + LOCAL_HEADER + name + extra


class _Streamed:
    """A compressed array in C order, read forwards; an earlier step starts at the beginning."""

    def __init__(
        self,
        path: Path,
        archive: zipfile.ZipFile,
        info: zipfile.ZipInfo,
        begin: int,
        shape: Shape,
        dtype: np.dtype,
    ):
        self.shape, self.dtype = shape, dtype
        self._path, self._archive, self._info, self._begin = path, archive, info, begin
        self._row = math.prod(shape[1:]) * dtype.itemsize
        self._stream: Any = None
        weakref.finalize(self, archive.close)

    def __getitem__(self, steps: slice, /) -> np.ndarray:
        place = self._begin + steps.start * self._row
        size = (steps.stop - steps.start) * self._row
        try:
            if self._stream is None or self._stream.tell() > place:
                if self._stream is not None:
                    self._stream.close()
                self._stream = self._archive.open(self._info)
            while self._stream.tell() < place:
                self._next(min(BLOCK, place - self._stream.tell()))
            data = bytearray()
            while len(data) < size:
                data += self._next(min(BLOCK, size - len(data)))
        except MemoryError:
            raise
        except Exception as error:  # zlib.error has no base of its own
            raise FileError(f"{self._path}: {explain_damage(error)}") from error
        return np.frombuffer(data, self.dtype).reshape(-1, *self.shape[1:])

    def _next(self, count: int) -> bytes:
        block = self._stream.read(count)
        if not block:
            raise ValueError("it ends too early")
        return block
