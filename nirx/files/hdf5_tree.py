"""HDF5 into nested dicts, for untrusted files.

Links to other files, third-party filters, references and object arrays are refused, and so are
groups that are linked twice, data that is not there in full, and whatever exceeds the limits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np
from h5py import h5d, h5g, h5l, h5o  # pyright: ignore[reportAttributeAccessIssue] # no stubs

from nirx.basics.progress import Advance, stage
from nirx.errors import FileError
from nirx.files.hdf5_dataset import OpenHdf5
from nirx.files.hdf5_values import read_value
from nirx.files.limits import DEFAULT_LIMITS, Allowance, ReadLimits

__all__ = ["read_tree"]

METADATA, NODES, EDGES = "metadata", "nodes", "edges"
MEGABYTE = 10**6
POINTER = 8
"""Bytes of an entry of a list, besides its text."""
MOST_SHOWN = 8
"""Names of a place that a message shows, from the end."""


@dataclass(eq=False, slots=True)  # frozen would take several times as long
class _Place:
    """A place in a file. Its text is made for messages only: it may be long, and is deep."""

    path: str
    name: str
    above: _Place | None = None
    depth: int = 0
    length: int = 0
    metadata: bool = False

    def __str__(self) -> str:
        names, place = [], self
        while place is not None and len(names) < MOST_SHOWN:
            names.append(_short(place.name))
            place = place.above
        return f"{self.path}: {'/...' if place else ''}/{'/'.join(reversed(names))}"

    @property
    def is_edges(self) -> bool:
        """Whether it may be the edges of a graph."""
        return self.name == EDGES and not self.metadata

    def below(self, name: str) -> _Place:
        metadata = self.metadata or name == METADATA
        return _Place(self.path, name, self, self.depth + 1, self.length + len(name), metadata)


def _short(name: str) -> str:
    return name if len(name) <= 80 else name[:80] + "..."


def read_tree(
    group: h5py.Group,
    path: str,
    rename: Callable[[str], str],
    size: int,
    limits: ReadLimits = DEFAULT_LIMITS,
    *,
    fills: bool = False,
) -> dict[str, Any]:
    """A group as nested dicts; leaves are NumPy arrays, NumPy scalars, str, lists of str or bytes.

    Bytes, which HDF5 calls opaque, are read inside metadata only.

    Arguments:
        group: where to start.
        path: the file, for error messages.
        rename: applied to every name.
        size: of the file, in bytes.
        limits: what the file may cost.
        fills: whether data that was never written may stand for the fill value, if the writer of
            the file chose one.

    **Raises**: `FileError` for anything that is refused.
    """
    with stage("reading", size / MEGABYTE, "MB") as advance:
        return _read(group, path, rename, size, limits, fills, advance)


def _read(
    group: h5py.Group,
    path: str,
    rename: Callable[[str], str],
    size: int,
    limits: ReadLimits,
    fills: bool,
    advance: Advance,
) -> dict[str, Any]:
    """`read_tree`, which says how far it is."""
    file, allowance = OpenHdf5(group.file.id, limits, size), Allowance(limits, size)
    tree: dict[str, Any] = {}
    seen = {h5o.get_info(group.id).addr}
    loaded: dict[tuple[int, bool], Any] = {}  # a dataset with several links is read once
    work: list[tuple[Any, _Place, dict[str, Any]]] = [(group.id, _Place(path, "node"), tree)]
    while work:
        current, place, into = work.pop()
        limits.require("depth", place.depth, place)
        limits.require("path_bytes", place.length, place)
        for name, kind, address in _links(current, place, allowance):
            where = place.below(name)
            if kind != h5l.TYPE_HARD:
                raise FileError(f"{where} is a soft or external link; nirx does not follow links")
            own = rename(name)
            if own in into:
                raise FileError(f"{where} has the same name as another entry: {_short(own)!r}")
            if (address, where.metadata) in loaded:
                found = loaded[address, where.metadata]
                if where.is_edges and isinstance(found, list | np.ndarray):
                    allowance.take("edges", len(found), where)
                into[own] = _copy(found, where, allowance)
                continue
            item = h5o.open(current, name.encode("utf-8"))
            if isinstance(item, h5g.GroupID):
                if address in seen:
                    raise FileError(f"{where} is a group that is linked more than once")
                seen.add(address)
                into[own] = below = {}
                work.append((item, where, below))
            elif isinstance(item, h5d.DatasetID):
                if where.is_edges and item.shape:
                    allowance.take("edges", item.shape[0], where)
                try:
                    found = read_value(file, item, where, allowance, where.metadata, fills)
                except (OSError, UnicodeError) as error:
                    raise FileError(f"{where} cannot be read: {error}") from error
                into[own] = loaded[address, where.metadata] = found
                advance(item.get_storage_size() / MEGABYTE)
            else:
                raise FileError(f"{where} is neither a group nor a dataset")
    return tree


def _copy(value: Any, where: _Place, allowance: Allowance) -> Any:
    """A value of another link to its dataset, as if it were read again."""
    if isinstance(value, np.ndarray):
        allowance.take_bytes(value.nbytes, where)
        return value.copy()
    if not isinstance(value, list):
        return value  # it cannot be changed
    allowance.take_bytes(POINTER * len(value), where)
    return [_copy(own, where, allowance) if isinstance(own, list) else own for own in value]


def _links(group: Any, place: _Place, allowance: Allowance) -> list[tuple[str, int, int]]:
    """Name, type of link and address of what is in a group, in the order of the names."""
    count = group.get_num_objs()
    allowance.take("entries", count, place)
    if place.name == NODES and not place.metadata:
        allowance.take("nodes", count, place)
    found: list[tuple[bytes, int, int]] = []

    def add(name: bytes, link: Any) -> object:
        found.append((name, link.type, link.u))
        return None if len(found) <= count else found  # anything but None stops HDF5

    group.links.iterate(add, info=True)
    if len(found) != count:
        raise FileError(f"{place} claims {count} entries, but has another number: damaged")
    for name, _, _ in found:
        allowance.limits.require("name_bytes", len(name), place)
    try:
        return [(name.decode("utf-8"), kind, address) for name, kind, address in found]
    except UnicodeDecodeError as error:
        raise FileError(f"{place} has an entry whose name is not UTF-8: {error}") from error
