"""One hash, the same on every machine, of arrays (`nirx.digest`) or of a graph."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import nir
import numpy as np

from nirx.basics.paths import format_path
from nirx.dynamics.node_types import stored_names
from nirx.errors import InputError
from nirx.graphs.flatten import walk_graphs
from nirx.graphs.sameness import DERIVED, stored_field
from nirx.graphs.state import state_to_numpy

__all__ = ["Digests", "Stream", "digest", "graph_digest", "streamed_digests"]

Stream = tuple[Any, tuple[int, ...], Callable[[], Iterable[np.ndarray]]]
"""An array in pieces: its dtype, its shape, and a function that yields them in order."""

HEADER = b"nirx digest 1\n"


def digest(tree: Any) -> str:
    """SHA-256 of a tree of arrays in a canonical form.

    Arguments:
        tree: an array, or nested dicts, lists and tuples of arrays, of any backend; outputs,
            states and recordings alike. None and empty dicts count as absent.

    Returns: 64 hexadecimal digits. They depend on paths, shapes, dtypes and every bit, but not
    on the order of dicts, byte order, memory layout, the sign of a zero or the kind of NaN.

    The canonical form is the line "nirx digest 1", then leaf by leaf in the order of their
    encoded paths: the path, a line feed, a line with NumPy's name of the dtype and the shape
    ("float32 [2, 3]"), and the little-endian bytes in C order. A path is its keys in a row:
    a text as "k", its length in bytes, ":" and its UTF-8 bytes; a position in a list as "i20:"
    and twenty decimal digits; a tuple of n texts as "t", n, ":" and the texts.

    **Raises**: `InputError` for a leaf that is not an array of numbers.
    """
    hasher = hashlib.sha256(HEADER)
    for path, array in sorted(_leaves(state_to_numpy(tree), b""), key=lambda leaf: leaf[0]):
        hasher.update(_heading(path, array.dtype, array.shape))
        hasher.update(_canonical(array).tobytes())
    return hasher.hexdigest()


@dataclass(frozen=True)
class Digests:
    """The hashes of several arrays, computed without all of them in memory.

    Arguments:
        total: `digest({name: array})` of all of them.
        own: name -> `digest(array)`.
        pieces: name -> `digest(piece)` of each of its pieces.
    """

    total: str
    own: dict[str, str]
    pieces: dict[str, list[str]]


def streamed_digests(leaves: Mapping[str, Stream]) -> Digests:
    """`digest` of arrays that come in pieces, in one pass.

    Arguments:
        leaves: name -> dtype, shape, and a function that yields the pieces along the first axis.

    Returns: a `Digests`.
    """
    total = hashlib.sha256(HEADER)
    own: dict[str, str] = {}
    parts: dict[str, list[str]] = {}
    for name in sorted(leaves, key=_key):
        dtype, shape, pieces = leaves[name]
        whole = hashlib.sha256(HEADER + _heading(b"", dtype, shape))
        total.update(_heading(_key(name), dtype, shape))
        parts[name] = []
        for piece in pieces():
            content = _canonical(piece).tobytes()
            part = hashlib.sha256(HEADER + _heading(b"", dtype, piece.shape))
            for hasher in (total, whole, part):
                hasher.update(content)
            parts[name].append(part.hexdigest())
        own[name] = whole.hexdigest()
    return Digests(total.hexdigest(), own, parts)


def graph_digest(graph: nir.NIRGraph) -> str:
    """SHA-256 of the types, names, edges and numbers of a graph.

    The order of nodes and edges does not count, nor do metadata: a discretization is not part
    of the graph. Arrays count with dtype, shape and bits.

    Returns: 64 hexadecimal digits.
    """
    form: list[Any] = []
    arrays: dict[str, Any] = {}
    for path, current, _ in sorted(walk_graphs(graph), key=lambda item: item[0]):
        form.append([format_path(path), sorted(map(list, current.edges))])
        for name, node in sorted(current.nodes.items()):
            if isinstance(node, nir.NIRGraph):
                continue
            where = format_path((*path, name))
            plain = {}
            for field in stored_names(node):
                value = stored_field(node, field)
                if field in DERIVED or value is None or isinstance(value, str):
                    plain[field] = None if field == "input_type" else value
                else:
                    arrays[f"{where} {field}"] = np.asarray(value)
            form.append([where, type(node).__name__, plain])
    text = json.dumps(form, sort_keys=True) + digest(arrays)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _heading(path: bytes, dtype: Any, shape: tuple[int, ...]) -> bytes:
    return path + b"\n" + f"{np.dtype(dtype).name} {list(shape)}\n".encode()


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
        array = array + array.dtype.type(0)  # -0 + 0 is 0
        if np.isnan(array).any():
            array = np.where(np.isnan(array), np.nan, array).astype(array.dtype)  # one NaN
    return array.astype(array.dtype.newbyteorder("<"), copy=False)
