"""HDF5 datasets of untrusted files: everything that they need is there before HDF5 reads them."""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from h5py import h5d, h5fd, h5s, h5t  # pyright: ignore[reportAttributeAccessIssue] # compiled, no stubs

from nirx.errors import FileError
from nirx.files.hdf5_filters import CHECKSUM, FILTERS, SHUFFLE, Filters, WrongLength
from nirx.files.limits import ReadLimits

__all__ = ["OpenHdf5", "Storage"]

MISSING, STORED, GOOD = range(3)
"""What is known of a chunk: not in the file; there, unseen; there in full."""
MOST_TYPES = 16
"""Types of a file that are kept."""
CHUNKS_AT_ONCE = 2**13
"""Of a read in slices."""
LAYOUTS = {h5d.COMPACT, h5d.CONTIGUOUS, h5d.CHUNKED}


@dataclass(frozen=True, eq=False)
class FileType:
    """A type of HDF5.

    Arguments:
        dtype: NumPy's type for it.
        memory: HDF5's type for that.
        size: bytes of an element in the file.
        any_length: whether it is of texts, each as long as it needs.
        plain: whether numbers are in the file as they are in memory.
    """

    dtype: np.dtype
    memory: Any
    size: int
    any_length: bool
    plain: bool


class OpenHdf5:
    """What the datasets of an open file share.

    Arguments:
        file: its `FileID`.
        limits: of the file.
        size: of the file, in bytes.
    """

    def __init__(self, file: Any, limits: ReadLimits, size: int):
        self.limits, self.size, self._file = limits, size, file
        properties = file.get_create_plist()
        self._before = properties.get_userblock()
        self.reference = 8 + properties.get_sizes()[0]
        """Bytes of a text of any length: its length, the place of a heap, and a number in it."""
        self._types: list[tuple[Any, FileType]] = []

    def type_of(self, kind: Any) -> FileType:
        """What is known of a type; a file has few, and h5py takes long to name one."""
        for known, found in self._types:
            if known.equal(kind):
                return found
        dtype = kind.dtype
        any_length = kind.get_class() == h5t.STRING and kind.is_variable_str()
        size = self.reference if any_length else kind.get_size()
        memory = h5t.py_create(dtype)
        plain = dtype.kind in "fiub" and kind.equal(memory)
        found = FileType(dtype, memory, size, any_length, plain)
        if len(self._types) < MOST_TYPES:
            self._types.append((kind.copy(), found))
        return found

    def bytes_at(self, place: int, size: int) -> bytes:
        """Bytes of the file itself. **Raises** `OSError`."""
        if self._image is not None:  # it begins behind what others put before the file
            place -= self._before
            return self._image[place : place + size]
        return os.pread(self._file.get_vfd_handle(), size, place)

    @cached_property
    def _image(self) -> bytes | None:
        """The content of a file in memory; None for one on disk."""
        in_memory = self._file.get_access_plist().get_driver() == h5fd.CORE
        return self._file.get_file_image() if in_memory else None


class Storage:
    """Where the data of a dataset is, and a check that it is there in full.

    Arguments:
        file: that it is in.
        item: the dataset, open, of numbers or text.
        where: the file and the place in it, for messages.
        fills: whether a chunk that was never written may stand for the fill value, if the writer
            of the file chose one.

    **Raises**: `FileError` for data in another file or behind other filters than `FILTERS`, for
    no data, and for what exceeds the limits.
    """

    def __init__(self, file: OpenHdf5, item: Any, where: object, fills: bool = False):
        self._file, self._item, self._where = file, item, where
        properties = item.get_create_plist()
        self.layout = layout = properties.get_layout()
        if layout not in LAYOUTS or (layout == h5d.CONTIGUOUS and properties.get_external_count()):
            raise FileError(f"{where} keeps its data in another file")
        codes = _filters(properties, where, file.limits)
        shape = item.shape
        if shape is None:
            raise FileError(f"{where} is empty")
        self.type, self.shape = file.type_of(item.get_type()), shape
        self.size = math.prod(shape)
        self.bytes = self.size * self.type.size
        self._filters = Filters(codes, self.type.size)
        self._fills = fills and properties.fill_value_defined() == h5d.FILL_VALUE_USER_DEFINED
        self.chunk: tuple[int, ...] | None = None
        if self.layout == h5d.CHUNKED:
            self._divide(properties)
        file.limits.require_size(self.bytes, file.size, where)
        if self.chunk is not None:
            file.limits.require_chunks(math.prod(self._grid), file.size, where)

    def _divide(self, properties: Any) -> None:
        """The grid of chunks."""
        self.chunk = chunk = properties.get_chunk()
        self._grid = tuple(-(-n // c) for n, c in zip(self.shape, chunk, strict=True))
        self._chunk_bytes = math.prod(chunk) * self.type.size
        self._most = self._filters.most(self._chunk_bytes)
        self.bytes = math.prod(self._grid) * self._chunk_bytes  # edges are stored in full
        self._file.limits.require("chunk_bytes", self._chunk_bytes, self._where)
        # The only chunk is looked at without the index, unless that fails.
        self._alone = math.prod(self._grid) == 1 and bool(self._filters.codes) and not self._fills
        self._seen: np.ndarray | None = None
        self._buffer: np.ndarray | None = None

    def require(self, place: Any = ()) -> None:
        """Raise `FileError` unless the data of a selection is there in full.

        Arguments:
            place: whole numbers and slices, as for an array; chunks that were seen are not
                looked at again.
        """
        if not self.size:
            return
        if self.chunk is None:
            self._require_block()
            return
        if self._alone:
            if self._seen is None:
                self._content((0,) * len(self._grid))
                self._seen = np.full(self._grid, GOOD, np.uint8)
            return
        seen = self._listed()
        for spot in itertools.product(*self._touched(place)):
            if seen[spot] != GOOD:
                self._content(spot)
                seen[spot] = GOOD

    def portions(self, place: Any) -> list[Any]:
        """A selection in pieces along its first axis: a read takes some 4 kB for each chunk.

        Arguments:
            place: as for `require`.
        """
        keys = (place if isinstance(place, tuple) else (place,)) or (slice(None),)
        keys = (slice(None), *keys[1:]) if keys[0] is Ellipsis and len(keys) == 1 else keys
        if self.chunk is None or not self.size or not isinstance(keys[0], slice):
            return [place]
        first, *others = self._touched(place)
        rows = max(1, CHUNKS_AT_ONCE // max(1, math.prod(map(len, others))))
        start, stop, step = keys[0].indices(self.shape[0])
        if len(first) <= rows or step != 1:
            return [place]
        length = rows * self.chunk[0]
        return [(slice(at, min(at + length, stop)), *keys[1:]) for at in range(start, stop, length)]

    def _listed(self) -> np.ndarray:
        """What is known of each chunk: `MISSING`, `STORED` or `GOOD`.

        The index says which there are. Without filters, its sizes count: HDF5 itself takes them
        for granted when it reads.
        """
        if self._seen is not None:
            return self._seen
        assert self.chunk is not None, "only datasets in chunks have a grid"
        chunk, most, wrong, count = self.chunk, self._most, [], itertools.count(1)
        seen = self._seen = np.full(self._grid, MISSING, np.uint8)
        plain = not self._filters.codes

        def look(stored: Any) -> object:
            spot = tuple(a // c for a, c in zip(stored.chunk_offset, chunk, strict=True))
            inside = all(k < n for k, n in zip(spot, seen.shape, strict=True))
            fits = stored.size == most if plain else stored.size <= most
            if inside and fits and next(count) <= seen.size:
                seen[spot] = GOOD if plain else STORED
            else:
                wrong.append(stored)
            return wrong or None  # anything but None stops HDF5

        self._item.chunk_iter(look)
        if wrong:
            raise FileError(
                f"{self._where}: the chunk at {wrong[0].chunk_offset} is damaged: it holds "
                f"{wrong[0].size} bytes, its shape needs {self._chunk_bytes}"
            )
        return seen

    def load(self) -> np.ndarray:
        """All of the data, checked as by `require`. **Raises** `FileError`, and h5py's errors."""
        found = np.empty(self.shape, self.type.dtype)
        sums = CHECKSUM in self._filters.codes  # HDF5 compares them
        if self.chunk is None or not self.type.plain or sums or self._fills:
            self.require()
            if found.size:
                self._read(found)
        elif found.size:  # each chunk is unpacked once
            for spot in itertools.product(*map(range, self._grid)):
                part = np.frombuffer(self._content(spot), found.dtype).reshape(self.chunk)
                first = [k * c for k, c in zip(spot, self.chunk, strict=True)]
                ends = zip(first, self.chunk, strict=True)
                into = found[tuple(slice(a, a + c) for a, c in ends)]
                into[...] = part[tuple(map(slice, into.shape))]
        return found

    def _read(self, found: np.ndarray) -> None:
        """Let HDF5 read all of the data."""
        portions = self.portions(slice(None))
        if len(portions) == 1:
            self._item.read(h5s.ALL, h5s.ALL, found, self.type.memory)
            return
        for (rows,) in portions:
            part = found[rows]
            space = self._item.get_space()
            space.select_hyperslab((rows.start, *(0,) * (part.ndim - 1)), part.shape)
            self._item.read(h5s.create_simple(part.shape), space, part, self.type.memory)

    def raw(self) -> Iterator[Any]:
        """The content as it is stored, checked as by `require`; chunks with what is beyond edges.

        Each is valid until the next. Not for a compact dataset, whose data is in its header.
        """
        if not self.size:
            return
        if self.chunk is not None:
            for spot in itertools.product(*map(range, self._grid)):
                content = self._content(spot)
                if content is not None:
                    yield content
            return
        self._require_block()
        place = self._item.get_offset()
        if place is not None:
            yield self._file.bytes_at(place, self.bytes)

    def _require_block(self) -> None:
        stored = self._item.get_storage_size()
        if self.layout == h5d.CONTIGUOUS and self._item.get_offset() is None:
            if self._fills:
                return
            raise FileError(f"{self._where} was never written: its data is not in the file")
        if stored != self.bytes:
            raise FileError(
                f"{self._where} holds {stored} bytes, its shape needs {self.bytes}: damaged"
            )

    def _touched(self, place: Any) -> Sequence[range]:
        """Chunks along each axis."""
        keys = place if isinstance(place, tuple) else (place,)
        keys = tuple(k for k in keys if k is not Ellipsis)
        assert self.chunk is not None, "only datasets in chunks have a grid"
        found = [range(n) for n in self._grid]
        for axis, (key, n, c) in enumerate(zip(keys, self.shape, self.chunk, strict=False)):
            key = slice(*key.indices(n)) if isinstance(key, slice) else slice(key, key + 1)
            found[axis] = range(key.start // c, -(-max(key.stop, key.start) // c))
        return found

    def _content(self, spot: Sequence[int]) -> Any:
        """The content of a chunk; None for one that is to be filled. **Raises** `FileError`."""
        assert self.chunk is not None, "only datasets in chunks have a grid"
        start = tuple(k * c for k, c in zip(spot, self.chunk, strict=True))
        if not self._alone and self._listed()[*spot] == MISSING:
            if self._fills:
                return None
            raise FileError(
                f"{self._where}: the chunk at {start} was never written: its data is not in the "
                "file; write every element"
            )
        if self._buffer is None:
            self._buffer = np.empty(self._most, np.uint8)
        try:
            mask, stored = self._item.read_direct_chunk(start, out=self._buffer)
            return self._filters.undo(stored, mask, self._chunk_bytes)
        except WrongLength as error:
            raise FileError(f"{self._where}: the chunk at {start} is damaged: {error}") from error
        except (RuntimeError, ValueError):
            if not self._alone:
                raise
            self._alone = False  # the index says what is wrong
            return self._content(spot)


def _filters(properties: Any, where: object, limits: ReadLimits) -> list[int]:
    count = properties.get_nfilters()
    if not count:
        return []
    limits.require("filters", count, where)
    codes = [properties.get_filter(k)[0] for k in range(count)]
    known = ", ".join(FILTERS.values())
    if any(code not in FILTERS for code in codes):
        raise FileError(f"{where} uses a filter that nirx does not load; expected {known}")
    if len({*codes}) < count or len({*codes} - {CHECKSUM, SHUFFLE}) > 1:
        raise FileError(f"{where} is compressed more than once, or has a filter twice")
    return codes
