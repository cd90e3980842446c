"""What a reference file holds beside its numbers: every name, type and attribute, no other."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import h5py
import numpy as np

from nirx.errors import FileError
from nirx.files.names import MARK, MARK_VALUE, needs_encoding
from nirx.references.event_times import end_of_run
from nirx.references.layout import Observable

__all__ = ["CHANGED", "expected_items", "require_items"]

CHANGED = "the file was changed or is damaged; get it again from where it came"

Place = tuple[str, ...]
"""Names from the root on."""


@dataclass
class Item:
    """A group, or a dataset, as nirx writes it.

    Arguments:
        label: what to call it in messages.
        attributes: all of them; text, or arrays.
        members: names in a group.
        dtype: of a dataset; None for a group.
    """

    label: str
    attributes: dict[str, Any] = field(default_factory=dict)
    members: set[str] = field(default_factory=set)
    dtype: np.dtype | None = None


def expected_items(
    observables: Iterable[Observable],
    rename: Callable[[str], str],
    steps: int,
    dt: float,
    dtype: str,
) -> dict[Place, Item]:
    """Everything in the file, groups before what is in them, as `nirdata_writing` makes it.

    Arguments:
        rename: how names of nodes are written in this file.
        steps, dt, dtype: of the run.
    """
    items: dict[Place, Item] = {(): Item("'/'", {"__type__": "NIRGraphData"})}
    _group(items, ("nodes",))
    for name in ("header", "graph"):
        _group(items, ("nirx", name)).dtype = np.dtype(np.uint8)
    for own in observables:
        place: Place = ()
        if any(map(needs_encoding, own.path)):
            items[()].attributes[MARK] = MARK_VALUE
        for depth, name in enumerate(own.path):
            last = depth == len(own.path) - 1
            place = (*place, "nodes", rename(name))
            kind = "NIRNodeData" if last else "NIRGraphData"
            _group(items, place).attributes["__type__"] = kind
        place = (*place, "observables", own.name)
        _observable(items, place, own, steps, dt, dtype)
    return items


def _group(items: dict[Place, Item], place: Place) -> Item:
    """The item at a place, made with all that it stands in if it is not there yet."""
    for depth, name in enumerate(place):
        items[place[:depth]].members.add(name)
        items.setdefault(place[: depth + 1], Item(repr("/".join(place[: depth + 1]))))
    return items[place]


def _observable(
    items: dict[Place, Item], place: Place, own: Observable, steps: int, dt: float, dtype: str
) -> None:
    group = _group(items, place)
    group.label = repr(own.key)
    group.attributes["shape"] = np.array(own.features, np.int64)
    if own.form == "events":
        numbers = {"n_neurons": np.asarray(own.neurons), "t_max": np.asarray(end_of_run(steps, dt))}
        group.attributes |= {"__type__": "EventData", **numbers}
        datasets = {"idx": np.dtype(np.int64), "time": np.dtype(np.float64)}
    else:
        group.attributes |= {"__type__": "TimeGriddedData", "dt": np.asarray(dt)}
        datasets = {"data": np.dtype(bool if own.form == "bool" else dtype)}
    for name, kind in datasets.items():
        _group(items, (*place, name)).dtype = kind


def require_items(file: h5py.File, path: str, items: dict[Place, Item]) -> None:
    """Raise `FileError` unless the file holds these items and nothing else.

    No digest of numbers covers what else other readers go by: types, units, further nodes.
    """
    found: dict[Place, Any] = {}
    for place, item in items.items():
        own: Any = file if not place else found[place[:-1]][place[-1]]
        found[place] = own
        if isinstance(own, h5py.Group) != (item.dtype is None):
            raise FileError(f"{path}: {item.label} is no {_kind(item)}: {CHANGED}")
        _require_attributes(own, path, item)
        if item.dtype is None:
            _require_members(own, path, place, item)
        # Files of machines with another order of bytes are as good.
        elif own.dtype.newbyteorder("=") != item.dtype:
            raise FileError(
                f"{path}: {item.label} holds {own.dtype}, but nirx writes {item.dtype}: {CHANGED}"
            )


def _require_members(group: h5py.Group, path: str, place: Place, item: Item) -> None:
    names = set(map(str, group))
    for name in sorted(item.members):
        where = "/".join((*place, name))
        if name not in names or not isinstance(group.get(name, getlink=True), h5py.HardLink):
            raise FileError(f"{path}: {where} is missing: {CHANGED}")
    for name in sorted(names - item.members):
        where = "/".join((*place, name))
        raise FileError(f"{path}: it holds {where!r}, which its header does not list: {CHANGED}")


def _require_attributes(own: Any, path: str, item: Item) -> None:
    attributes = dict(own.attrs)
    for name, value in item.attributes.items():
        found, wanted = np.asarray(attributes.get(name)), np.asarray(value)
        if found.dtype.kind != wanted.dtype.kind or found.tolist() != wanted.tolist():
            raise FileError(
                f"{path}: {item.label} has {name}={found.tolist()!r}, but the header says "
                f"{wanted.tolist()!r}: {CHANGED}"
            )
    for name in sorted(set(attributes) - set(item.attributes)):
        raise FileError(
            f"{path}: {item.label} has an attribute {name!r}, which nirx does not write: {CHANGED}"
        )


def _kind(item: Item) -> str:
    return "group" if item.dtype is None else "dataset"
