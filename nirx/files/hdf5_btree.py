"""A check of a file's bytes before HDF5 reads it: b-trees in which it would walk forever.

HDF5 2.0 follows the nodes of a b-tree (of a group's names, or of a dataset's chunks) wherever they
lead. A node that is its own child overflows the stack of the process, one that is its own neighbour
is walked forever, and nodes that share their children multiply the work at every level.

**Source**: HDF5 file format specification, III.A.1, "Disk Format: Level 1A1 - Version 1 B-trees".
"""

from __future__ import annotations

from mmap import mmap

import numpy as np

from nirx.errors import FileError
from nirx.files.hdf5_btree2 import SIGNATURE as NEWER
from nirx.files.hdf5_btree2 import refuse_wrong_counts

__all__ = ["file_base", "refuse_endless_trees"]

HDF5, SIGNATURE = b"\x89HDF\r\n\x1a\n", b"TREE"
HEADER, WORD = 24, 8
"""Bytes before the first key of a node, and of a place."""
KEYS = range(24, 8 + 8 * 34, 8)
"""Bytes of a key of chunks, for 1 to 32 axes: a size, a mask and an offset along each, and 0."""
MOST_PATHS = 64
"""Ways to the nodes below one, as a multiple of all nodes. A good tree has one way to each; some
more may only seem to be there, where an offset of a chunk looks like the place of a node."""
MOST_OVERLAP = 64
"""How often a byte may be looked at, in the mean."""


def refuse_endless_trees(data: bytes | mmap, path: str) -> None:
    """Follow the b-trees of a file's content.

    **Raises**: `FileError` for trees that HDF5 would not finish walking.
    """
    base = file_base(data)
    if base is None:
        return  # HDF5 says that it is no file of its own
    places = _places(data)
    newer = data.find(NEWER) >= 0
    if len(places) == 0 and not newer:
        return
    sizes = base + (13 if data[base + 8] < 2 else 9)
    if data[sizes : sizes + 2] != bytes((WORD, WORD)):  # of places, and of lengths
        raise FileError(f"{path}: its places are not stored in {WORD} bytes; write it with h5py")
    if newer:
        refuse_wrong_counts(data, base, path)
    _follow(data, base, places, path)


def _follow(data: bytes | mmap, base: int, places: np.ndarray, path: str) -> None:
    """Follow the b-trees of version 1."""
    if len(places) == 0:
        return
    below, beside, looked = {}, {}, 0
    known = places - base
    for place in places.tolist():
        kind, level = data[place + 4], data[place + 5]
        count = int.from_bytes(data[place + 6 : place + 8], "little")
        words = data[place + 16 : place + HEADER]
        beside[place] = _nodes(words, known, base)
        below[place] = []
        if level and kind <= 1:  # a leaf has no nodes below it
            longest = WORD if kind == 0 else KEYS[-1]
            words = data[place + HEADER : place + HEADER + count * (WORD + longest)]
            looked += len(words)
            if looked > MOST_OVERLAP * len(data):
                raise FileError(f"{path}: damaged: nodes of its b-trees overlap")
            levels = {p: data[p + 5] for p in _nodes(words, known, base)}
            below[place] = _children(words, count, kind, level, levels, base)
    order = _without_cycles({p: [*below[p], *beside[p]] for p in below}, path)
    ways: dict[int, int] = {}
    for place in order:
        ways[place] = 1 + sum(ways[p] for p in below[place])
        if ways[place] > MOST_PATHS * len(places):
            raise FileError(f"{path}: damaged: nodes of a b-tree share their children")


def _children(
    words: bytes, count: int, kind: int, level: int, levels: dict[int, int], base: int
) -> list[int]:
    """The nodes below one.

    The keys before the children are as long as the dataset has axes, which a node does not say.
    With the right length every child is a node one level below; otherwise every word counts.

    Arguments:
        words: of its keys and children.
        levels: of all nodes that the words could name.
    """
    values = np.frombuffer(words, "<u8", len(words) // WORD)
    for key in (WORD,) if kind == 0 else KEYS:
        found = (values[key // WORD :: key // WORD + 1][:count] + np.uint64(base)).tolist()
        if len(found) == count and all(levels.get(p) == level - 1 for p in found):
            return found
    return list(levels)


def file_base(data: bytes | mmap) -> int | None:
    """Where the file begins, after what others may have put before it."""
    place = 0
    while place + 16 <= len(data):
        if data[place : place + len(HDF5)] == HDF5:
            return place
        place = max(512, 2 * place)
    return None


def _places(data: bytes | mmap) -> np.ndarray:
    """Where nodes may be; other data may look like one."""
    found, place = [], data.find(SIGNATURE)
    while 0 <= place <= len(data) - HEADER:
        found.append(place)
        place = data.find(SIGNATURE, place + 1)
    return np.array(found, np.uint64)


def _nodes(words: bytes, known: np.ndarray, base: int) -> list[int]:
    """The nodes that are named among some words."""
    values = np.frombuffer(words, "<u8", len(words) // WORD)
    at = np.minimum(np.searchsorted(known, values), len(known) - 1)
    return (values[known[at] == values] + np.uint64(base)).tolist()


def _without_cycles(targets: dict[int, list[int]], path: str) -> list[int]:
    """All nodes, each after those that it leads to. **Raises** `FileError` for a cycle."""
    order: list[int] = []
    state: dict[int, bool] = {}  # whether it is finished
    for root in targets:
        work = [root]
        while work:
            place = work[-1]
            if place not in state:
                state[place] = False
                for target in targets[place]:
                    if state.get(target) is False:
                        raise FileError(f"{path}: damaged: a node of a b-tree leads to itself")
                    if target not in state:
                        work.append(target)
                continue
            work.pop()
            if not state[place]:
                state[place] = True
                order.append(place)
    return order
