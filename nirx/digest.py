"""`nirx.digest`: one hash for outputs, states and recordings, the same on every machine."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from nirx.errors import InputError
from nirx.state import state_to_numpy

__all__ = ["Stream", "digest", "streamed_digest"]

Stream = tuple[Any, tuple[int, ...], Callable[[], Iterable[np.ndarray]]]
"""An array in pieces: its dtype, its shape, and what gives the pieces one after the other."""

HEADER = b"nirx digest 1\n"


def digest(tree: Any) -> str:
    """SHA-256 of a tree of arrays in a canonical form.

    Arguments:
        tree: an array, or nested dicts, lists and tuples of arrays, of any backend; outputs,
            states and recordings alike. None and empty dicts count as absent.

    Returns: 64 hexadecimal digits. They do not depend on the order of dicts, on byte order or
    memory layout, on the sign of a zero or on which NaN it is. They do depend on paths,
    shapes, dtypes and on every other bit.

    The form: the line "nirx digest 1", then leaf by leaf in the order of their encoded paths:
    the path, a line feed, a line with NumPy's name of the dtype and the shape
    ("float32 [2, 3]"), and the little-endian bytes in C order. A path is its keys one after
    the other: a text as "k", its length in bytes, ":" and its UTF-8 bytes; a position in a
    list as "i20:" and twenty decimal digits; a tuple of n texts as "t", n, ":" and the texts.

    **Raises**: `InputError` for a leaf that is not an array of numbers.
    """
    leaves = dict(_leaves(state_to_numpy(tree), b""))
    return _digest({p: (a.dtype, a.shape, lambda a=a: [a]) for p, a in leaves.items()})


def streamed_digest(leaves: Mapping[str | None, Stream]) -> str:
    """`digest` of arrays that are not in memory at once.

    Arguments:
        leaves: name -> dtype, shape, and a function that gives the array piece by piece along
            its first axis. The name None stands for a single array without a dict around it.

    Returns: what `digest({name: array})` gives, or `digest(array)`.
    """
    return _digest({b"" if name is None else _key(name): own for name, own in leaves.items()})


def _digest(leaves: Mapping[bytes, Stream]) -> str:
    hasher = hashlib.sha256(HEADER)
    for path, (dtype, shape, pieces) in sorted(leaves.items(), key=lambda leaf: leaf[0]):
        hasher.update(path + b"\n" + f"{np.dtype(dtype).name} {list(shape)}\n".encode())
        for piece in pieces():
            hasher.update(_canonical(piece).tobytes())
    return hasher.hexdigest()


def _leaves(tree: Any, path: bytes) -> Iterator[tuple[bytes, np.ndarray]]:
    if isinstance(tree, Mapping):
        for key, below in tree.items():
            yield from _leaves(below, path + _key(key))
    elif isinstance(tree, list | tuple):
        for index, below in enumerate(tree):
            yield from _leaves(below, path + _encoded("i", f"{index:020d}"))
    elif tree is not None:
        if tree.dtype.kind not in "biuf":
            raise InputError(f"digest: a leaf has dtype {tree.dtype}; expected numbers")
        yield path, tree


def _key(key: Any) -> bytes:
    if isinstance(key, tuple):
        return f"t{len(key)}:".encode() + b"".join(_encoded("k", k) for k in key)
    return _encoded("k", key)


def _encoded(kind: str, key: Any) -> bytes:
    if not isinstance(key, str):
        raise InputError(f"digest: the key {key!r} is not a text")
    text = key.encode("utf-8", "surrogatepass")
    return f"{kind}{len(text)}:".encode() + text


def _canonical(array: np.ndarray) -> np.ndarray:
    if array.dtype.kind == "f":
        array = np.where(array == 0, 0, array).astype(array.dtype)  # -0 is 0
        array = np.where(np.isnan(array), np.nan, array).astype(array.dtype)  # one NaN
    return array.astype(array.dtype.newbyteorder("<"))
