"""A check of a file's bytes before HDF5 reads it: heaps of names with an endless list of gaps.

The names in a group lie in a "local heap". HDF5 2.0 follows the list of its free blocks, each of
which names the next, and takes memory for each. A list that leads back takes all there is.

A reference file holds the bytes of a `.nir` file, whose heaps count from its own beginning. Read
from the beginning of the outer file they mean nothing; no group of the outer file leads to them.

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
WORD, BLOCK = 8, 2**20
"""Bytes of a place in a file, and places that are compared at a time."""


def refuse_endless_gaps(data: bytes | mmap, base: int, path: str) -> None:
    """Follow the free blocks of every local heap.

    Arguments:
        base: where the file begins, which places count from.

    **Raises**: `FileError` for a list that HDF5 would not finish reading.
    """
    left, heap = MOST_OVERLAP * len(data) // GAP.size, data.find(SIGNATURE)
    endless: list[int] = []
    while 0 <= heap <= len(data) - HEADER.size:
        size, gap, start = HEADER.unpack(data[heap : heap + HEADER.size])
        seen: set[int] = set()
        while gap != NO_GAP and gap + GAP.size <= size:
            place = base + start + gap
            if place + GAP.size > len(data):
                break  # HDF5 says so
            left -= 1
            if left < 0:
                raise FileError(f"{path}: damaged: its heaps of names overlap")
            if gap in seen:
                endless.append(heap - base)
                break
            seen.add(gap)
            gap, _ = GAP.unpack(data[place : place + GAP.size])
        heap = data.find(SIGNATURE, heap + 1)
    if endless and _are_used(data, endless):
        raise FileError(f"{path}: damaged: the free blocks of a heap of names are endless")


def _are_used(data: bytes | mmap, heaps: list[int]) -> bool:
    """Whether the place of any heap is written anywhere, as in every group that uses one."""
    places = np.array(heaps, "<u8")
    for start in range(0, len(data), WORD * BLOCK):
        block = data[start : start + WORD * BLOCK + WORD - 1]
        for first in range(WORD):
            words = np.frombuffer(block, "<u8", max(0, len(block) - first) // WORD, first)
            if np.isin(words, places).any():
                return True
    return False
