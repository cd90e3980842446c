"""A check of a file's bytes before HDF5 reads it: version 2 b-trees with wrong counts.

HDF5 2.0 makes room for as many links or attributes as the header of their tree states, and then
writes as many as the nodes hold, over whatever lies behind. Checksums do not help: whoever makes
a file makes them too. Nodes that share their children multiply the work at every level.

**Source**: HDF5 file format specification, III.A.2, "Disk Format: Level 1A2 - Version 2 B-trees".
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from mmap import mmap

from nirx.errors import FileError

__all__ = ["SIGNATURE", "refuse_wrong_counts"]

SIGNATURE, INNER, LEAF = b"BTHD", b"BTIN", b"BTLF"
HEADER = struct.Struct("<4sBBIHHBBQHQ")
START, CHECKSUM, PLACE = 6, 4, 8
"""Bytes of a node before its records (signature, version, type) and at its end; of an address."""
RECORDS = {1: 24, 2: 36, 3: 16, 4: 28, 5: 11, 6: 15, 7: 17, 8: 17, 9: 13, 10: 16, 11: 17}
"""The fewest bytes of a record, by the type of a tree: HDF5 reads as many, whatever a file says."""
MOST_DEPTH = 20
MOST_OVERLAP = 4
"""How often a byte may be looked at, in the mean; trees may be left over from removed groups."""


@dataclass(frozen=True)
class _Level:
    """Nodes at one height: the most records, and bytes of the numbers in a pointer to such a node.

    Arguments:
        most: records of a node.
        below: records of a node and of all nodes below it.
        count, total: bytes of both numbers.
    """

    most: int
    below: int
    count: int
    total: int

    @property
    def pointer(self) -> int:
        return PLACE + self.count + self.total


def refuse_wrong_counts(data: bytes | mmap, base: int, path: str) -> None:
    """Follow the version 2 b-trees of a file's content.

    Arguments:
        base: where the file begins, which places count from.

    **Raises**: `FileError` for trees that HDF5 would not read safely.
    """
    looked, place = 0, data.find(SIGNATURE)
    while 0 <= place <= len(data) - HEADER.size:
        looked += _walk(data, base, place, path)
        if looked > MOST_OVERLAP * len(data):
            raise FileError(f"{path}: damaged: nodes of its b-trees overlap")
        place = data.find(SIGNATURE, place + 1)


def _walk(data: bytes | mmap, base: int, place: int, path: str) -> int:
    """Follow one tree. A node that is none ends the way down, as HDF5 reports it.

    Returns: bytes that were looked at.
    """
    _, version, kind, size, record, depth, _, _, root, count, total = HEADER.unpack(
        data[place : place + HEADER.size]
    )
    if version or kind not in RECORDS or not (_is_node(data, base + root, kind) or not count):
        return HEADER.size  # HDF5 says so, or it is other data that looks like a tree
    if record < RECORDS[kind] or depth > MOST_DEPTH:
        raise FileError(f"{path}: damaged: a b-tree has records of impossible size, or is too deep")
    levels = _levels(size, record, depth)
    work, seen, found, looked, whole = [(root, count, depth)], {root}, 0, HEADER.size, True
    while work:
        at, count, height = work.pop()
        found += count
        if count > levels[height].most or found > total:
            raise FileError(f"{path}: damaged: a b-tree holds more than its {total} entries")
        start = base + at
        looked += START
        if count and not _is_node(data, start, kind, INNER if height else LEAF):
            whole = False
        elif height:
            below = levels[height - 1]
            start += START + count * record
            pointers = data[start : start + (count + 1) * below.pointer]
            looked += count * record + len(pointers)
            for k in range(0, len(pointers), below.pointer):
                own = int.from_bytes(pointers[k : k + PLACE], "little")
                number = pointers[k + PLACE : k + PLACE + below.count]
                if own in seen:
                    raise FileError(f"{path}: damaged: nodes of a b-tree share their children")
                seen.add(own)
                work.append((own, int.from_bytes(number, "little"), height - 1))
    if whole and found != total:
        raise FileError(f"{path}: damaged: a b-tree states {total} entries and holds {found}")
    return looked


def _levels(size: int, record: int, depth: int) -> list[_Level]:
    """From the leaves up."""
    most = max(0, size - START - CHECKSUM) // record
    levels = [_Level(most, most, _bytes(most), 0)]
    for _ in range(depth):
        under = levels[-1]
        most = max(0, size - START - CHECKSUM - under.pointer) // (record + under.pointer)
        below = ((most + 1) * under.below + most) % 2**64  # as HDF5 computes it
        levels.append(_Level(most, below, levels[0].count, _bytes(below)))
    return levels


def _bytes(most: int) -> int:
    """Bytes of a number that is at most so large."""
    return max(1, (most.bit_length() + 7) // 8)


def _is_node(data: bytes | mmap, place: int, kind: int, *signatures: bytes) -> bool:
    found = data[place : place + START]
    return found[:4] in (signatures or (INNER, LEAF)) and found[4:] == bytes((0, kind))
