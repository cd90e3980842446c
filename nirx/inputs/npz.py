"""`.npz` files: stored members are mapped into memory, compressed ones are streamed."""

from __future__ import annotations

import math
import struct
import tempfile
import weakref
import zipfile
from pathlib import Path
from typing import IO, Any

import numpy as np

from nirx.dynamics.ops import Shape
from nirx.errors import FileError, NirxError
from nirx.files.archive import explain_damage
from nirx.inputs.arrays import ArraySource, Sliced, match_members, require_numbers
from nirx.inputs.npy import WatchedArray
from nirx.inputs.protocol import Wanted
from nirx.inputs.watched import Watched

__all__ = ["npz_source"]

BLOCK = 2**20
LOCAL_HEADER = 30
"""Bytes of a zip file's local header before name and extra field."""


def npz_source(wanted: Wanted, path: Path) -> ArraySource:
    """The arrays of an `.npz` file, named as the Inputs; pickles are never loaded.

    What `np.savez` wrote is mapped. What `np.savez_compressed` wrote is decompressed while
    it is read; going back starts from its beginning. A compressed array in Fortran order,
    whose steps are strewn over the whole member, is decompressed into a temporary file.

    **Raises**: `FileError`, `InputError`.
    """
    watched = Watched(path)
    try:
        archive = zipfile.ZipFile(path)
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError) as error:
        raise FileError(f"{path}: {_explain(error)}") from error
    arrays: dict[str, Sliced] = {}
    keep = False
    try:
        infos = {i.filename.removesuffix(".npy"): i for i in archive.infolist()}
        members = match_members(str(path), infos, list(wanted.features))
        for name, member in members.items():
            assert member is not None, "members of an archive have names"
            arrays[name] = _opened(watched, archive, infos[member], f"{path}: Input {name!r}")
        keep = True
    except MemoryError:
        raise
    except NirxError:
        raise
    except (OSError, EOFError, RuntimeError, ValueError, zipfile.BadZipFile, struct.error) as error:
        raise FileError(f"{path}: {_explain(error)}") from error
    finally:
        if not keep or not any(isinstance(a, _Streamed) for a in arrays.values()):
            archive.close()
    own = {"sha256": watched.sha256}
    return ArraySource(str(path), wanted, arrays, "npz", own)


def _explain(error: Exception) -> str:
    if isinstance(error, zipfile.BadZipFile) and "not a zip" in str(error):
        return "not a NumPy file; expected an .npz of np.savez, without pickles"
    return explain_damage(error)


def _opened(
    watched: Watched, archive: zipfile.ZipFile, info: zipfile.ZipInfo, where: str
) -> Sliced:
    with archive.open(info) as stream:
        try:
            shape, fortran, dtype = _header(stream)
        except MemoryError:
            raise
        except Exception as error:  # a damaged or hostile header can break NumPy in any way
            raise FileError(f"{watched.path}: {explain_damage(error)}") from error
        begin = stream.tell()
        if dtype.hasobject:
            raise FileError(f"{watched.path}: {explain_damage(ValueError('Object arrays'))}")
        require_numbers(dtype, where)
        size = math.prod(shape) * dtype.itemsize
        if begin + size > info.file_size:
            raise FileError(f"{where} claims {size} bytes, but {info.file_size - begin} are there")
        if not size:
            return WatchedArray(np.zeros(shape, dtype), watched)
        order = "F" if fortran else "C"
        if info.compress_type == zipfile.ZIP_STORED:
            offset = _data_offset(watched.path, info) + begin
            mapped = np.memmap(watched.path, dtype, "r", offset, shape, order)
            return WatchedArray(mapped, watched)
        if not fortran:
            return _Streamed(watched, archive, info, begin, shape, dtype)
        with tempfile.TemporaryFile() as spool:
            while block := stream.read(BLOCK):
                spool.write(block)
            spool.flush()
            return WatchedArray(np.memmap(spool, dtype, "r", 0, shape, order), watched)


def _header(stream: IO[bytes]) -> tuple[Shape, bool, np.dtype]:
    version = np.lib.format.read_magic(stream)
    if version == (1, 0):
        return np.lib.format.read_array_header_1_0(stream)
    return np.lib.format.read_array_header_2_0(stream)


def _data_offset(path: Path, info: zipfile.ZipInfo) -> int:
    with open(path, "rb") as stream:
        stream.seek(info.header_offset)
        header = stream.read(LOCAL_HEADER)
        name, extra = struct.unpack("<26xHH", header)
    return info.header_offset + LOCAL_HEADER + name + extra


class _Streamed:
    """A compressed array in C order, read forwards; an earlier step starts anew."""

    def __init__(
        self,
        watched: Watched,
        archive: zipfile.ZipFile,
        info: zipfile.ZipInfo,
        begin: int,
        shape: Shape,
        dtype: np.dtype,
    ):
        self.shape, self.dtype = shape, dtype
        self._watched, self._archive, self._info, self._begin = watched, archive, info, begin
        self._row = math.prod(shape[1:]) * dtype.itemsize
        self._stream: Any = None
        weakref.finalize(self, archive.close)

    def read(self, start: int, stop: int) -> np.ndarray:
        self._watched.check()
        place = self._begin + start * self._row
        try:
            if self._stream is None or self._stream.tell() > place:
                if self._stream is not None:
                    self._stream.close()
                self._stream = self._archive.open(self._info)
            self._skip(place - self._stream.tell())
            data = bytearray((stop - start) * self._row)
            view, filled = memoryview(data), 0
            while filled < len(data):
                count = self._stream.readinto(view[filled : filled + BLOCK])
                if not count:
                    raise EOFError("it ends too early")
                filled += count
        except (OSError, EOFError, RuntimeError, ValueError, zipfile.BadZipFile) as error:
            raise FileError(f"{self._watched.path}: {explain_damage(error)}") from error
        except Exception as error:  # zlib.error, lzma.LZMAError: no common base
            raise FileError(f"{self._watched.path}: a damaged NumPy file ({error})") from error
        return np.frombuffer(data, self.dtype).reshape((stop - start, *self.shape[1:]))

    def _skip(self, count: int) -> None:
        while count:
            block = self._stream.read(min(count, BLOCK))
            if not block:
                raise EOFError("it ends too early")
            count -= len(block)
