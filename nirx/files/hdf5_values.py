"""The value of a whole HDF5 dataset of an untrusted file."""

from __future__ import annotations

from typing import Any

import h5py
import numpy as np
from h5py import h5d  # pyright: ignore[reportAttributeAccessIssue] # compiled, no stubs

from nirx.errors import FileError
from nirx.files.hdf5_dataset import OpenHdf5, Storage
from nirx.files.limits import Allowance

__all__ = ["read_value", "require_plain"]

NUMBERS = "fiub"


def read_value(
    file: OpenHdf5, item: Any, where: object, allowance: Allowance, opaque: bool, fills: bool
) -> Any:
    """A dataset as an array, a NumPy scalar, a str, a list of str, or bytes.

    Arguments:
        file: that it is in.
        item: its `DatasetID`.
        where: the file and the place in it, for messages.
        allowance: what may still be loaded.
        opaque: whether bytes, which HDF5 calls opaque, may be read.
        fills: as for `Storage`.

    **Raises**: `FileError`.
    """
    storage = Storage(file, item, where, fills)
    dtype = storage.type.dtype
    row = len(storage.shape) == 1 and dtype.itemsize == 1
    is_bytes = opaque and dtype.kind == "V" and dtype.names is None and dtype.subdtype is None
    if not (is_bytes and (row or not storage.shape)):
        require_plain(dtype, where, "numbers, text or bytes" if opaque else "numbers or text")
    if dtype.kind in "OSU":
        return _texts(file, storage, where, allowance)
    allowance.take_bytes(storage.bytes, where)
    found = storage.load()
    return found.tobytes() if is_bytes else found[()]


def require_plain(dtype: np.dtype, where: object, expected: str = "numbers or text") -> None:
    """Raise `FileError` unless a dtype is of numbers or text."""
    text = dtype.kind == "O" and h5py.check_string_dtype(dtype) is not None
    if not text and dtype.kind not in NUMBERS + "SU":
        raise FileError(f"{where} has dtype {dtype}; expected {expected}")


def _texts(file: OpenHdf5, storage: Storage, where: object, own: Allowance) -> Any:
    own.take_bytes(storage.bytes, where)
    if not storage.type.any_length:
        own.take_texts(storage.size, storage.size * storage.type.size, where, once=False)
        return _decoded(storage.load())
    if storage.layout == h5d.COMPACT:
        raise FileError(f"{where} keeps texts of any length in its header; store them outside it")
    length = sum(_lengths(content, file.reference) for content in storage.raw())
    own.take_texts(storage.size, length, where, once=True)
    return _decoded(storage.load())


def _lengths(content: Any, reference: int) -> int:
    """Bytes of all texts that some references name. Each begins with the length of its text."""
    words = np.frombuffer(content, np.uint8).reshape(-1, reference)[:, :4]
    return int(np.ascontiguousarray(words).view("<u4").sum(dtype=np.int64))


def _decoded(found: np.ndarray) -> Any:
    """Texts as str, in lists of lists. **Raises** `UnicodeError`."""
    if not found.shape:
        value = found[()]
        return value.decode("utf-8") if isinstance(value, bytes) else value
    if found.ndim == 1:
        return [v.decode("utf-8") if isinstance(v, bytes) else v for v in found.tolist()]
    return [_decoded(row) for row in found]
