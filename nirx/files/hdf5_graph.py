"""The outermost graph of an open HDF5 file, as nested dicts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import h5py
from h5py import h5f  # pyright: ignore[reportAttributeAccessIssue] # compiled, no stubs

from nirx.errors import FileError
from nirx.files.hdf5_attributes import text_attribute
from nirx.files.hdf5_heap import refuse_endless_in
from nirx.files.hdf5_tree import read_tree
from nirx.files.limits import ReadLimits
from nirx.files.names import MARK, MARK_VALUE, decode_name
from nirx.files.unfinished import missing_root, refuse_unfinished_graph

__all__ = ["DAMAGE", "GraphTree", "graph_tree", "graph_tree_in"]

GraphTree = tuple[dict[str, Any], Callable[[str], str]]
"""What is in the group of a graph, and how its names are read."""
DAMAGE = (OSError, RuntimeError, ValueError, TypeError, KeyError, MemoryError)
"""What h5py raises for a damaged file."""


def graph_tree(file: h5py.File, path: str, size: int, limits: ReadLimits) -> GraphTree:
    """The graph of an open file.

    Arguments:
        path: of the file, for messages.
        size: of the file, in bytes.

    **Raises**: `FileError`, and those of `DAMAGE`.
    """
    rename = decode_name if text_attribute(file, MARK) == MARK_VALUE else str
    link = file.get("node", getlink=True)
    node = file["node"] if isinstance(link, h5py.HardLink) else None
    if not isinstance(node, h5py.Group):
        raise missing_root(path, file)
    tree = read_tree(node, path, rename, size, limits)
    refuse_unfinished_graph(path, tree)
    return tree, rename


def graph_tree_in(data: bytes, where: str, limits: ReadLimits) -> GraphTree:
    """The graph in the content of a file, which is never written to a disk.

    Arguments:
        where: what to call it in messages.

    **Raises**: `FileError`.
    """
    refuse_endless_in(data, where)
    try:
        with h5py.File(h5f.open_file_image(data)) as file:
            return graph_tree(file, where, len(data), limits)
    except DAMAGE as error:
        raise FileError(f"{where}: not a readable HDF5 file: {error}") from error
