"""`ReadLimits`: what a file may cost, checked from its structure before anything is allocated."""

from __future__ import annotations

from dataclasses import dataclass, fields

from nirx.errors import FileError, InputError

__all__ = ["DATA_LIMITS", "DEFAULT_LIMITS", "Allowance", "ReadLimits", "limits_for"]

FLOOR = 64 * 2**20
"""Bytes that a file of any size may unpack to."""
BYTES_PER_CHUNK = 16
"""That a file needs at least to list a chunk."""
PER_TEXT = 64
"""Bytes that a text takes in memory, beside its own."""


@dataclass(frozen=True)
class ReadLimits:
    """Limits for an untrusted file. Every refusal names the limit that it comes from.

    Arguments:
        nodes: nodes of a graph, with those of its subgraphs.
        edges: edges of a graph, with those of its subgraphs.
        entries: groups and datasets, metadata included.
        depth: groups within groups; a subgraph takes two.
        name_bytes: of one name, in UTF-8.
        path_bytes: of all names on the way to a place, which HDF5 copies at every level.
        text_bytes: all texts together, in memory.
        chunks: pieces that one dataset is stored in.
        chunk_bytes: one of these pieces, which HDF5 always reads whole.
        filters: of one dataset (compression, shuffling, checksum).
        unpacked_bytes: all that is loaded from one file.
        expansion: bytes that one byte of a file may unpack to. A file of any size may unpack to
            64 MiB. (gzip reaches 1030.)
        steps: time steps of a recording.

    **Raises**: `InputError` for a limit that is not a whole number of at least 1.
    """

    nodes: int = 500_000
    edges: int = 2_000_000
    entries: int = 8_000_000
    depth: int = 600
    name_bytes: int = 2**14
    path_bytes: int = 2**20
    text_bytes: int = 2**29
    chunks: int = 2**20
    chunk_bytes: int = 2**28
    filters: int = 3
    unpacked_bytes: int = 2**36
    expansion: int = 1200
    steps: int = 2**30

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise InputError(f"ReadLimits({name}={value!r}): expected a whole number from 1")

    def require(self, name: str, found: int, where: object) -> None:
        """**Raises** `FileError` if a file needs more than a limit allows.

        Arguments:
            name: of the limit.
            found: what the file needs.
            where: the file, or the place in it. Its text is only made for the message.
        """
        most = getattr(self, name)
        if found > most:
            advice = self._advice(name, found)
            raise FileError(f"{where}: {found} {WORDS[name]}; the limit is {most}; {advice}")

    def require_size(self, count: int, size: int, where: object) -> None:
        """**Raises** `FileError` for more bytes than a file could hold by its expansion.

        Arguments:
            count: of bytes to load.
            size: of the file, in bytes.
            where: as for `require`.
        """
        if count > self.unpacked(size):
            advice = self._advice("expansion", -(-count // max(1, size)))
            raise FileError(
                f"{where} claims more data than a file of this size can hold: {count} bytes in a "
                f"file of {size}; the limit is {self.expansion} times as much; {advice}"
            )

    def unpacked(self, size: int) -> int:
        """Bytes that a file of a size may unpack to."""
        return max(FLOOR, self.expansion * size)

    def require_chunks(self, count: int, size: int, where: object) -> None:
        """**Raises** `FileError` for more chunks than the limit and than a file could list."""
        if count * BYTES_PER_CHUNK > size:
            self.require("chunks", count, where)

    def _advice(self, name: str, found: int) -> str:
        """How to raise a limit."""
        asked = f"nirx.read(..., limits=nirx.ReadLimits({name}={found}))"
        return f"if you trust the file: {asked}"


class _MemoryLimits(ReadLimits):
    """The limits of `limits_for`."""

    def _advice(self, name: str, found: int) -> str:
        return "that is what fits into --max-memory; expected a larger one"


class _DataLimits(ReadLimits):
    """The limits of files that are not read by `nirx.read`."""

    def _advice(self, name: str, found: int) -> str:
        return "for data it is fixed, so write the file in another way"


WORDS = {
    "nodes": "nodes",
    "edges": "edges",
    "entries": "groups and datasets",
    "depth": "groups are nested in each other",
    "name_bytes": "bytes in a name",
    "path_bytes": "bytes in the names on the way",
    "text_bytes": "bytes of text",
    "chunks": "chunks",
    "chunk_bytes": "bytes in a chunk, which is read whole",
    "filters": "filters",
    "unpacked_bytes": "bytes to load",
    "expansion": "times its size to unpack",
    "steps": "time steps",
}
assert list(WORDS) == [f.name for f in fields(ReadLimits)]

DEFAULT_LIMITS = ReadLimits()
DATA_LIMITS = _DataLimits()
"""For references, recordings and inputs."""


def limits_for(max_memory: int) -> ReadLimits:
    """Limits for what is read within some memory.

    Arguments:
        max_memory: in bytes.
    """
    most = max(1, max_memory)
    return _MemoryLimits(
        nodes=max(1, most // 2**13),  # a node takes a few KiB, with its arrays and shapes
        edges=max(1, most // 2**9),
        entries=max(1, most // 2**9),
        text_bytes=most,
        chunk_bytes=min(DEFAULT_LIMITS.chunk_bytes, most),
        unpacked_bytes=most,
    )


class Allowance:
    """What is left of the limits of one file that is loaded whole.

    Arguments:
        limits: of the file.
        size: of the file, in bytes.
    """

    def __init__(self, limits: ReadLimits, size: int):
        self.limits, self._size = limits, size
        self._stored = 0
        self._used = dict.fromkeys(WORDS, 0)

    def take(self, name: str, count: int, where: object) -> None:
        """Use up some of a limit. **Raises** `FileError` if it is exceeded."""
        self._used[name] += count
        self.limits.require(name, self._used[name], where)

    def take_bytes(self, count: int, where: object) -> None:
        """Load bytes. **Raises** `FileError` if a file of this size cannot hold so many."""
        self.take("unpacked_bytes", count, where)
        self.limits.require_size(self._used["unpacked_bytes"], self._size, where)

    def take_texts(self, count: int, length: int, where: object, once: bool) -> None:
        """Load texts.

        Arguments:
            count: of texts.
            length: of all of them together, in bytes.
            once: whether they are stored uncompressed, each in a place of its own.
        """
        if once:
            self._stored += length
            if self._stored > self._size:
                raise FileError(
                    f"{where} claims more data than a file of this size can hold: "
                    f"{self._stored} bytes of text, in a file of {self._size}"
                )
        self.take("text_bytes", PER_TEXT * count + length, where)
        self.take_bytes(PER_TEXT * count + length, where)
