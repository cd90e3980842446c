"""A look at a file's bytes before HDF5 sees them: what would keep its library busy for ever.

HDF5 2.0 walks a "global heap" (where texts are kept) object by object, by the size that each
one states, and does not notice a size of 0 in the last one. Flipping a few bytes of a
good file is enough to make such a file.

**Source**: HDF5 file format specification, III.E, "Disk Format: Level 1E - Global Heap".
"""

from __future__ import annotations

from mmap import ACCESS_READ, mmap
from pathlib import Path

from nirx.errors import FileError

__all__ = ["refuse_endless_heaps"]

SIGNATURE = b"GCOL\x01"
RESERVED = bytes(3)
"""What follows it. HDF5 does not look at that, but where it is something else, the signature is
more likely a chance in other data than a heap."""
HEADER = 16
WORD = 2**64


def refuse_endless_heaps(path: str) -> None:
    """Walk every global heap collection of a file. **Raises** `FileError`, `OSError`."""
    if not Path(path).stat().st_size:
        return  # nothing to map, and HDF5 says what it misses
    with open(path, "rb") as stream, mmap(stream.fileno(), 0, access=ACCESS_READ) as data:
        start = data.find(SIGNATURE)
        while start >= 0:
            _walk(path, data, start)
            start = data.find(SIGNATURE, start + 1)


def _walk(path: str, data: mmap, start: int) -> None:
    sure = data[start + len(SIGNATURE) : start + 8] == RESERVED
    end = start + _integer(data, start + 8, 8)
    place = start + HEADER
    while place + HEADER <= min(end, len(data)):
        index = _integer(data, place, 2)
        size = _integer(data, place + 8, 8)
        # Object 0 is the free space, to the end; its size counts its own header.
        step = size if index == 0 else HEADER + -(-size // 8) * 8
        if step < HEADER or place + step > end:
            if sure or step % WORD == 0:  # HDF5 would stay there for ever
                raise FileError(
                    f"{path}: damaged: a heap of texts has an object of impossible size"
                )
            return
        place += step  # behind free space that ends too early HDF5 goes on, too


def _integer(data: mmap, start: int, length: int) -> int:
    return int.from_bytes(data[start : start + length], "little")
