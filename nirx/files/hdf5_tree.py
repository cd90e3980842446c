"""HDF5 into nested dicts, for untrusted files.

Links to other files, third-party filters, references and object arrays are refused, and so are
groups that are linked twice, endless nesting and arrays far larger than the file could hold.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import h5py
import numpy as np
from h5py import h5o  # pyright: ignore[reportAttributeAccessIssue] # compiled, no stub

from nirx.errors import FileError

__all__ = ["check_dataset", "check_storage", "read_tree"]

FILTERS = {
    h5py.h5z.FILTER_DEFLATE,
    h5py.h5z.FILTER_SHUFFLE,
    h5py.h5z.FILTER_FLETCHER32,
    h5py.h5z.FILTER_SZIP,
    h5py.h5z.FILTER_NBIT,
    h5py.h5z.FILTER_SCALEOFFSET,
    h5py.h5z.FILTER_LZF,
}
METADATA = "metadata"
MOST_DEPTH = 600
"""Groups; each nested graph takes two."""
MOST_BYTES_FLOOR = 64 * 2**20
MOST_EXPANSION = 1200  # gzip compresses by at most about 1030:1


def read_tree(group: h5py.Group, path: str, rename: Callable[[str], str]) -> dict[str, Any]:
    """A group as nested dicts; leaves are NumPy arrays, NumPy scalars, str, lists of str or bytes.

    Bytes, which HDF5 calls opaque, are read inside metadata only.

    Arguments:
        group: where to start.
        path: the file, for error messages.
        rename: applied to every name.

    **Raises**: `FileError` for anything that is refused.
    """
    allowance = max(MOST_BYTES_FLOOR, MOST_EXPANSION * os.path.getsize(path))
    tree: dict[str, Any] = {}
    seen = {_address(group)}
    work: list[tuple[h5py.Group, str, dict[str, Any], int]] = [(group, "/node", tree, 0)]
    while work:
        current, place, into, depth = work.pop()
        if depth > MOST_DEPTH:
            raise FileError(f"{path}: groups are nested deeper than {MOST_DEPTH}: {place}")
        for name in map(str, current):
            where = f"{path}: {place}/{name}"
            if not isinstance(current.get(name, getlink=True), h5py.HardLink):
                raise FileError(f"{where} is a soft or external link; nirx does not follow links")
            if rename(name) in into:
                raise FileError(f"{where} has the same name as another entry: {rename(name)!r}")
            item = current[name]
            if isinstance(item, h5py.Group):
                if _address(item) in seen:
                    raise FileError(f"{where} is a group that is linked more than once")
                seen.add(_address(item))
                into[rename(name)] = below = {}
                work.append((item, f"{place}/{name}", below, depth + 1))
            elif isinstance(item, h5py.Dataset):
                # A text in an array takes 16 bytes in the file, not counting its own bytes.
                allowance -= item.nbytes if item.dtype.kind != "O" else 16 * (item.size or 0)
                if allowance < 0:
                    raise FileError(f"{where} claims more data than a file of this size can hold")
                into[rename(name)] = _read_dataset(item, where, METADATA in place.split("/"))
            else:
                raise FileError(f"{where} is neither a group nor a dataset")
    return tree


def _address(group: Any) -> int:
    return h5o.get_info(group.id).addr


def check_dataset(item: h5py.Dataset, where: str) -> None:
    """Raise `FileError` unless a dataset holds numbers or text, inside the file itself."""
    check_storage(item, where)
    text = item.dtype.kind == "O" and h5py.check_string_dtype(item.dtype) is not None
    if not text and item.dtype.kind not in "fiubSU":
        raise FileError(f"{where} has dtype {item.dtype}; expected numbers or text")


def check_storage(item: h5py.Dataset, where: str) -> None:
    """Raise `FileError` for data in another file or behind an unknown filter, or for no data."""
    if item.is_virtual or item.external:
        raise FileError(f"{where} keeps its data in another file")
    properties = item.id.get_create_plist()
    for index in range(properties.get_nfilters()):
        if properties.get_filter(index)[0] not in FILTERS:
            raise FileError(f"{where} uses a filter that nirx does not load")
    if item.shape is None:
        raise FileError(f"{where} is empty")


def _read_dataset(item: h5py.Dataset, where: str, opaque: bool) -> Any:
    if opaque and item.dtype.kind == "V" and item.dtype.names is None:
        return _read_bytes(item, where)
    check_dataset(item, where)
    try:
        return _plain(item[()])
    except (OSError, UnicodeError) as error:
        raise FileError(f"{where} cannot be read: {error}") from error


def _read_bytes(item: h5py.Dataset, where: str) -> bytes:
    """An opaque value, or a row of opaque values of one byte, as `nirx.write` stores bytes."""
    check_storage(item, where)
    row = len(item.shape) == 1 and item.dtype.itemsize == 1
    if item.dtype.subdtype is not None or not (row or item.shape == ()):
        raise FileError(f"{where} has dtype {item.dtype}; expected numbers, text or bytes")
    try:
        return np.asarray(item[()]).tobytes()
    except (OSError, TypeError, ValueError) as error:
        raise FileError(f"{where} cannot be read: {error}") from error


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray) and value.dtype.kind in "OSU":
        value = value.tolist()
    if isinstance(value, list):
        return [_plain(part) for part in value]
    return value.decode("utf-8") if isinstance(value, bytes) else value
