"""A check of a file's bytes before HDF5 reads it: heaps of names with an endless list of gaps.

The names in a group lie in a "local heap". HDF5 2.0 follows the list of its free blocks, each of
which names the next, and takes memory for each. A list that leads back takes all there is.

**Source**: HDF5 file format specification, III.D, "Disk Format: Level 1D - Local Heaps".
"""

from __future__ import annotations

import struct
from bisect import bisect_left
from mmap import mmap

import numpy as np

from nirx.errors import FileError

__all__ = ["refuse_endless_gaps"]

SIGNATURE, TREE, FILE = b"HEAP\0", b"TREE", b"\x89HDF\r\n\x1a\n"
HEADER = struct.Struct("<8xQQQ")
GAP = struct.Struct("<QQ")
"""A free block: the place of the next one in the data of the heap, and its own size."""
NO_GAP = 1
"""In place of the next free block, behind the last one."""
MOST_OVERLAP = 4
"""How often a free block may be looked at, in the mean."""
GROUPS, SHORT = (b"\x11\0\x10\0", b"\1\0\0\0"), b"\x11\x10\0"
"""What stands before the places of a group's b-tree and heap: a message of two kinds of object
headers (8 or 4 bytes before), or the kind of what a symbol table keeps of a group."""
WORD, BLOCK = 8, 2**16
"""Bytes of a place in a file, and places that are compared at a time."""


def refuse_endless_gaps(data: bytes | mmap, base: int, path: str) -> None:
    """Follow the free blocks of every local heap.

    Arguments:
        base: where the file begins, which places count from.

    **Raises**: `FileError` for a list that HDF5 would not finish reading.
    """
    left, suspects = MOST_OVERLAP * len(data) // GAP.size, []
    heap = data.find(SIGNATURE)
    while 0 <= heap <= len(data) - HEADER.size:
        looked = _gaps(data, base, heap, left)
        if looked is None:
            suspects.append(heap - base)
        else:
            left -= looked
        heap = data.find(SIGNATURE, heap + 1)
    # What looks like one may be data: a reference holds a whole `.nir` file, whose places count
    # from its own beginning. No group has such a heap.
    if suspects and _are_used(data, base, suspects):
        raise FileError(f"{path}: damaged: the free blocks of a heap of names are endless")


def _gaps(data: bytes | mmap, base: int, heap: int, most: int) -> int | None:
    """The number of free blocks of a heap; None if they are endless, or more than some number."""
    size, gap, start = HEADER.unpack(data[heap : heap + HEADER.size])
    seen: set[int] = set()
    while gap != NO_GAP and gap + GAP.size <= size:
        place = base + start + gap
        if place + GAP.size > len(data):
            break  # HDF5 says so
        if gap in seen or len(seen) >= most:
            return None
        seen.add(gap)
        gap, _ = GAP.unpack(data[place : place + GAP.size])
    return len(seen)


def _are_used(data: bytes | mmap, base: int, heaps: list[int]) -> bool:
    """Whether a group leads to any heap: the places of its b-tree and its heap lie side by side.

    A group of a file inside this one counts from there, and may seem to lead to one.
    """
    files, start = [], data.find(FILE, base + 1)
    while start >= 0:
        files.append(start)
        start = data.find(FILE, start + 1)
    places = np.array(heaps, "<u8")
    for start in range(0, len(data), WORD * BLOCK):
        block = data[start : start + WORD * BLOCK + WORD - 1]
        for first in range(WORD):
            words = np.frombuffer(block, "<u8", max(0, len(block) - first) // WORD, first)
            for number in np.flatnonzero(np.isin(words, places)).tolist():
                at = start + first + number * WORD
                if not data[at - 2 * WORD : at - WORD].startswith(GROUPS) and (
                    data[at - WORD - 4 : at - WORD - 1] != SHORT
                ):
                    continue  # a number like it
                inner = bisect_left(files, at) - 1
                if inner < 0 or not _is_group(data, files[inner], at):
                    return True
    return False


def _is_group(data: bytes | mmap, base: int, at: int) -> bool:
    """Whether a b-tree and a heap of the file at `base` are named by the words up to `at`."""
    tree, heap = struct.unpack("<QQ", data[at - WORD : at + WORD])
    found = (data[base + place : base + place + len(TREE)] for place in (tree, heap))
    return tuple(found) == (TREE, SIGNATURE[: len(TREE)])
