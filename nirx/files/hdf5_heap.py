"""A check of a file's bytes before HDF5 reads it: heaps on which the library loops forever.

HDF5 2.0 walks a "global heap" (which stores texts) object by object, by the size in each object,
and does not notice a size of 0, or one that makes it go back. Flipping a few bytes of a valid file
can produce such a heap.

**Source**: HDF5 file format specification, III.E, "Disk Format: Level 1E - Global Heap".
"""

from __future__ import annotations

from mmap import ACCESS_READ, mmap
from pathlib import Path

from nirx.errors import FileError
from nirx.files.hdf5_btree import file_base, refuse_endless_trees
from nirx.files.hdf5_local_heap import refuse_endless_gaps

__all__ = ["refuse_endless", "refuse_endless_in"]

SIGNATURE = b"GCOL\x01"
RESERVED = bytes(3)
"""The bytes after the signature. HDF5 ignores them, but if they are not zero, the signature is
probably a coincidence in other data and not a heap."""
HEADER = 16
MOST_OVERLAP = 4
"""How often a byte may be walked over, in the mean: a text may look like a heap."""
WORD = 2**64


def refuse_endless(path: str) -> None:
    """Walk every heap of a file, and its b-trees.

    **Raises**: `FileError` for what HDF5 would not finish reading; `OSError`.
    """
    if not Path(path).stat().st_size:
        return  # nothing to map; HDF5 reports the empty file
    with open(path, "rb") as stream, mmap(stream.fileno(), 0, access=ACCESS_READ) as data:
        refuse_endless_in(data, path)


def refuse_endless_in(data: bytes | mmap, path: str) -> None:
    """`refuse_endless` for the content of a file."""
    base = file_base(data)
    if base is not None:
        refuse_endless_trees(data, path)
        refuse_endless_gaps(data, base, path)
    walked, start = 0, data.find(SIGNATURE)
    while start >= 0:
        walked += _walk(path, data, start)
        if walked > MOST_OVERLAP * len(data):
            raise FileError(f"{path}: damaged: its heaps of texts overlap")
        start = data.find(SIGNATURE, start + 1)


def _walk(path: str, data: bytes | mmap, start: int) -> int:
    """Walk one collection. Returns: bytes that were walked over."""
    sure = data[start + len(SIGNATURE) : start + 8] == RESERVED
    end = start + _integer(data, start + 8, 8)
    place = start + HEADER
    while place + HEADER <= min(end, len(data)):
        index = _integer(data, place, 2)
        size = _integer(data, place + 8, 8)
        # Object 0 is the free space up to the end; its size includes its own header. HDF5 counts
        # in 64 bits: a huge size is a small step, or one back, from which it comes here again.
        step = size if index == 0 else (HEADER + (size + 7) % WORD // 8 * 8) % WORD
        back = step == 0 or step >= WORD // 2
        odd = step < HEADER or place + step > end or size > end - place
        if back or (sure and odd):
            raise FileError(f"{path}: damaged: a heap of texts has an object of impossible size")
        place += step  # HDF5, too, continues after free space that ends early
    return min(place, len(data)) - start


def _integer(data: bytes | mmap, start: int, length: int) -> int:
    return int.from_bytes(data[start : start + length], "little")
