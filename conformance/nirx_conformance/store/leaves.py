"""Trees of arrays as leaves by path, and leaves as datasets of an HDF5 group."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import h5py
import numpy as np

__all__ = ["Leaves", "leaves_of", "read_leaves", "tree_of", "write_sections"]

Leaves = dict[tuple[str, ...], np.ndarray]

SMALL = 256
"""Bytes up to which compression does not pay."""


def leaves_of(tree: Any) -> Leaves:
    """The arrays of nested dicts by path; a bare array has the path ()."""
    return dict(_walk(tree, ()))


def _walk(tree: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], np.ndarray]]:
    if isinstance(tree, Mapping):
        for name, below in tree.items():
            yield from _walk(below, (*path, name))
    elif tree is not None:
        yield path, np.asarray(tree)


def tree_of(leaves: Leaves) -> Any:
    """The inverse of `leaves_of`."""
    if () in leaves:
        return leaves[()]
    tree: dict[str, Any] = {}
    for path, array in leaves.items():
        below = tree
        for name in path[:-1]:
            below = below.setdefault(name, {})
        below[path[-1]] = array
    return tree


def write_sections(group: h5py.Group, sections: Mapping[str, Leaves]) -> None:
    """Write one subgroup per section; equal arrays become one dataset with several hard links."""
    written: dict[Any, h5py.Dataset] = {}
    for section, leaves in sections.items():
        below = group.create_group(section)
        below.attrs["paths"] = json.dumps([list(path) for path in leaves], ensure_ascii=False)
        for number, array in enumerate(leaves.values()):
            key = (array.dtype.str, array.shape, array.tobytes())
            if key in written:
                below[str(number)] = written[key]  # a hard link
                continue
            packed = {"compression": 9, "shuffle": True} if array.nbytes > SMALL else {}
            written[key] = below.create_dataset(str(number), data=array, **packed)


def read_leaves(group: Any) -> Leaves:
    """The leaves of one section."""
    paths = json.loads(group.attrs["paths"])
    return {tuple(path): np.asarray(group[str(i)][()]) for i, path in enumerate(paths)}
