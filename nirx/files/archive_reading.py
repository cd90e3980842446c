"""NumPy files of named arrays from anywhere: every size is checked before memory is allocated."""

from __future__ import annotations

import math
import os
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from io import BytesIO
from pathlib import Path
from typing import IO

import numpy as np

from nirx.errors import FileError, NirxError
from nirx.files.limits import DATA_LIMITS, Allowance
from nirx.files.source import require_file

__all__ = ["Members", "explain_damage", "load_arrays", "open_member", "read_header"]

EXPECTED = "expected an .npz of np.savez or an .npy of np.save, without pickles"
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""How np.savez and np.savez_compressed store arrays. LZMA takes any memory that a file asks for."""


def load_arrays(path: Path) -> np.ndarray | Members:
    """The array of an `.npy` file, or the arrays of an `.npz` file by name.

    **Raises**: `FileError` for anything else. Pickles are never loaded.
    """
    require_file(path)
    with _damage(path), open(path, "rb") as stream:
        start = stream.read(4)
        stream.seek(0)
        if start.startswith(b"PK"):
            return Members(path)
        size = os.fstat(stream.fileno()).st_size
        return _read(stream, size, Allowance(DATA_LIMITS, size), str(path))


class Members(Mapping[str, np.ndarray]):
    """The arrays of an `.npz` file by name. Each is loaded when it is asked for.

    Arguments:
        path: the file.
        content: its bytes, if it is not on a disk; `path` then is what messages call it.

    **Raises**: `FileError`, also when an array is asked for.
    """

    def __init__(self, path: Path | str, content: bytes | None = None):
        self._path, self._content = path, content
        size = Path(path).stat().st_size if content is None else len(content)
        self._allowance = Allowance(DATA_LIMITS, size)
        self._loaded: dict[str, np.ndarray] = {}
        with _damage(path), self._archive() as archive:
            members = archive.infolist()
            self._allowance.take("entries", len(members), path)
            # By member, not by key: the name of an array may itself be "x.npy".
            self._members = {m.filename.removesuffix(".npy"): m for m in members}
            if len(self._members) < len(members):
                raise FileError(f"{path}: two arrays in it have the same name")
            for name, member in self._members.items():
                with open_member(path, archive, member) as stream:
                    if stream.read(len(np.lib.format.MAGIC_PREFIX)) != np.lib.format.MAGIC_PREFIX:
                        raise FileError(f"{path}: {name!r} in it is not a NumPy array")

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self._loaded:
            member = self._members[name]
            where = f"{self._path}: {name!r}"
            with ExitStack() as stack:
                stack.enter_context(_damage(self._path))
                archive = stack.enter_context(self._archive())
                stream = stack.enter_context(open_member(self._path, archive, member))
                self._loaded[name] = _read(stream, member.file_size, self._allowance, where)
        return self._loaded[name]

    def _archive(self) -> zipfile.ZipFile:
        return zipfile.ZipFile(self._path if self._content is None else BytesIO(self._content))

    def rename(self, names: Mapping[str, str]) -> None:
        """Call arrays by other names; those that are not mentioned keep theirs."""
        self._members = {names.get(name, name): own for name, own in self._members.items()}

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)


def open_member(path: Path | str, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> IO[bytes]:
    """The content of a member. **Raises** `FileError` for another compression than NumPy's."""
    if info.compress_type not in METHODS:
        raise FileError(
            f"{path}: {info.filename!r} is compressed by method {info.compress_type} of zip, not "
            "as np.savez and np.savez_compressed do; save it with one of them"
        )
    return archive.open(info)


def read_header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Shape, whether in Fortran order, and dtype of an array in NumPy's format.

    **Raises**: `ValueError` for a header that NumPy would not write, and for Python objects.
    """
    version = np.lib.format.read_magic(stream)
    read = np.lib.format.read_array_header_1_0
    if version != (1, 0):
        read = np.lib.format.read_array_header_2_0
    try:
        shape, fortran, dtype = read(stream)
    except (MemoryError, RecursionError):  # of Python's parser, for nested brackets
        raise ValueError("its header is nested too deeply") from None
    if any(isinstance(n, bool) or n < 0 for n in shape):  # NumPy lets them pass
        raise ValueError(f"its shape is {shape}")
    if dtype.hasobject:
        raise ValueError("Object arrays")
    return shape, fortran, dtype


def _read(stream: IO[bytes], size: int, allowance: Allowance, where: str) -> np.ndarray:
    """The array that a stream of a size holds."""
    shape, _, dtype = read_header(stream)
    begin, needed = stream.tell(), math.prod(shape) * dtype.itemsize
    if begin + needed > size:
        raise ValueError(f"its header claims {needed} bytes, but {size - begin} are there")
    allowance.take_bytes(needed, where)
    stream.seek(0)
    found = np.lib.format.read_array(stream, allow_pickle=False)
    stream.read(1)  # at its end, a member of a zip file is compared with its checksum
    return found


@contextmanager
def _damage(path: Path | str) -> Iterator[None]:
    try:
        yield
    except (MemoryError, NirxError):
        raise
    except Exception as error:  # NumPy and zipfile may raise anything for a damaged file
        raise FileError(f"{path}: {explain_damage(error)}") from error


def explain_damage(error: Exception) -> str:
    """What is wrong with a file that NumPy could not read, in the user's terms."""
    text = str(error)
    if "Object arrays" in text or "Python objects" in text:
        return "holds Python objects (a pickle), which are never loaded; save arrays of numbers"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    no_magic = "magic string is not correct" in text or "EOF: reading magic string" in text
    if "pickle" in text or isinstance(error, EOFError) or no_magic:
        return f"not a NumPy file; {EXPECTED}"
    return f"a damaged NumPy file ({text or type(error).__name__}); {EXPECTED}"
