"""A check of a file's bytes before HDF5 reads it: heaps of names with an endless list of gaps.

The names in a group lie in a "local heap". HDF5 2.0 follows the list of its free blocks, each of
which names the next, and takes memory for each. A list that leads back takes all there is.

**Source**: HDF5 file format specification, III.D, "Disk Format: Level 1D - Local Heaps".
"""

from __future__ import annotations

import struct
from mmap import mmap

import numpy as np

from nirx.errors import FileError

__all__ = ["refuse_endless_gaps"]

SIGNATURE = b"HEAP\0"
HEADER = struct.Struct("<8xQQQ")
GAP = struct.Struct("<QQ")
"""A free block: the place of the next one in the data of the heap, and its own size."""
NO_GAP = 1
"""In place of the next free block, behind the last one."""
MOST_OVERLAP = 4
"""How often a free block may be looked at, in the mean."""
WINDOW = 2**22
"""Bytes that are searched for names of places at a time."""


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
    if suspects and _any_named(data, suspects):
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


def _any_named(data: bytes | mmap, places: list[int]) -> bool:
    """Whether any of some places stands anywhere in the file, as a group would name it."""
    wanted = np.array(places, "<u8")
    for first in range(0, len(data), WINDOW):
        window = data[first : first + WINDOW + 7]
        for shift in range(8):
            count = (len(window) - shift) // 8
            if count > 0 and np.isin(np.frombuffer(window, "<u8", count, shift), wanted).any():
                return True
    return False
