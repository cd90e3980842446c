"""The filters of HDF5 chunks, undone with a bound on every length.

HDF5 allocates whatever a chunk inflates to, and does not notice a chunk that inflates to fewer
bytes than its shape needs: it hands over what the memory held before.

**Source**: HDF5 file format specification, IV.A.2.l, "The Data Storage - Filter Pipeline Message";
h5py's lzf filter, which stores the format of liblzf.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import h5py
import numpy as np

__all__ = ["FILTERS", "Filters", "WrongLength"]

DEFLATE, SHUFFLE = h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE
CHECKSUM, LZF = h5py.h5z.FILTER_FLETCHER32, h5py.h5z.FILTER_LZF
FILTERS = {DEFLATE: "gzip", SHUFFLE: "shuffle", CHECKSUM: "fletcher32", LZF: "lzf"}
"""What nirx undoes. szip, nbit and scale-offset trust the lengths in a file; no exporter uses them.
"""
CHECKSUM_BYTES = 4
Buffer = bytes | memoryview


class WrongLength(Exception):
    """A chunk that does not hold the bytes that its shape needs. Its text says what it holds."""


@dataclass(frozen=True)
class Filters:
    """The filters of a dataset.

    Arguments:
        codes: in the order in which they were applied, each once, and one compression at most.
        element: size of an element in bytes, which shuffling goes by.
    """

    codes: Sequence[int]
    element: int

    def most(self, size: int) -> int:
        """Bytes that a chunk of a size can take in a file, if a compression makes it larger."""
        return size + size // 256 + 64 if self.codes else size

    def undo(self, stored: Buffer, mask: int, size: int) -> Buffer:
        """The content of a chunk.

        Arguments:
            stored: its bytes in the file; without filters, they are what is returned.
            mask: bit k is set if filter k was skipped when the chunk was written.
            size: of the content.

        **Raises**: `WrongLength`.
        """
        used = [code for k, code in enumerate(self.codes) if not mask >> k & 1]
        # Sizes before each filter. Behind a compression they are not known, nor needed.
        sizes = [size + CHECKSUM_BYTES * used[:k].count(CHECKSUM) for k in range(len(used))]
        data = stored
        for code, before in zip(reversed(used), reversed(sizes), strict=True):
            if code == CHECKSUM:  # HDF5 compares the sum itself
                if len(data) < CHECKSUM_BYTES:
                    raise WrongLength(f"it holds {len(data)} bytes, less than its checksum")
                data = data[:-CHECKSUM_BYTES]
            elif code == DEFLATE:
                data = _inflate(data, before)
            elif code == LZF:
                data = _unpack_lzf(data, before)
            else:
                data = _unshuffle(data, self.element)
        if len(data) != size:
            raise WrongLength(f"it holds {len(data)} bytes, its shape needs {size}")
        return data


def _inflate(data: Buffer, size: int) -> bytes:
    stream = zlib.decompressobj()
    try:
        found = stream.decompress(data, size + 1)
    except zlib.error as error:
        raise WrongLength(f"its gzip data is damaged: {error}") from error
    if len(found) > size:
        raise WrongLength(f"it inflates to more than the {size} bytes that its shape needs")
    if not stream.eof:
        raise WrongLength(f"its gzip data ends after {len(found)} of {size} bytes")
    return found


def _unpack_lzf(data: Buffer, size: int) -> bytes:
    """Runs of new bytes (a byte below 32, then so many and one), and copies of earlier ones."""
    found, place = bytearray(), 0
    try:
        while place < len(data) and len(found) <= size:
            control = data[place]
            place += 1
            if control < 32:
                run = data[place : place + control + 1]
                if len(run) != control + 1:
                    raise IndexError
                found += run
                place += control + 1
                continue
            length = control >> 5
            if length == 7:
                length += data[place]
                place += 1
            distance = ((control & 31) << 8 | data[place]) + 1
            place += 1
            start = len(found) - distance
            if start < 0:
                raise IndexError
            pattern = found[start : start + length + 2]
            found += (pattern * ((length + 1) // len(pattern) + 1))[: length + 2]
    except IndexError:
        raise WrongLength("its lzf data is damaged") from None
    if len(found) > size:
        raise WrongLength(f"it unpacks to more than the {size} bytes that its shape needs")
    return bytes(found)


def _unshuffle(data: Buffer, element: int) -> bytes:
    """Byte k of all elements, for every k in turn; what is left over stands at the end."""
    count = len(data) // element
    whole = np.frombuffer(data, np.uint8, count * element).reshape(element, count)
    return whole.T.tobytes() + bytes(data[count * element :])
