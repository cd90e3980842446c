"""HDF5 with a group of events per layer, and AEDAT4: their events as arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py

from nirx.dynamics.ops import Shape
from nirx.errors import InputError
from nirx.graphs.recording import resolve_record
from nirx.graphs.schedule import Schedule
from nirx.inputs.aedat import read_aedat
from nirx.inputs.event_format import EventFormat
from nirx.inputs.event_group import RECORDS, EventGroup, event_group
from nirx.inputs.event_rows import EventRows
from nirx.inputs.hdf5 import OpenFile, Walk
from nirx.inputs.watched import Watched
from nirx.recordings.event_layers import EventLayers, Loaded

__all__ = ["load_aedat", "load_event_groups", "walk"]


def load_event_groups(
    file: OpenFile, schedule: Schedule, lead: Shape, form: EventFormat | None
) -> tuple[Loaded | None, tuple[str, ...]]:
    """The events of a file with one group, or one dataset of records, per layer.

    The path of a group is the path of its node; events at the root name no layer. A group holds
    datasets of times (or steps) and of neurons, or x and perhaps y and p.

    Arguments:
        schedule, lead: as in `load_file`.
        form: how it is laid out; None recognises the usual names, in groups of the graph's nodes.

    Returns: what was found, None if there is no such group; and the paths of the groups.

    **Raises**: `FileError`; `InputError` for events that do not match.
    """
    groups = dict(_groups(file, schedule, form))
    if not groups:
        return None, ()
    given = form or EventFormat()
    layers = EventLayers(str(file.path), schedule, lead, given)
    unknown: list[str] = []
    notes: dict[str, None] = {}
    for place, group in groups.items():
        group.check()
        if place and not _resolves(schedule, place):
            unknown.append(place)
            continue
        columns = {what: column[()] for what, column in group.columns.items()}
        rows = EventRows(group.where, _namer(group.where), columns)
        column = group.names.get("time", "")
        layers.add(place or None, rows, column)
        ignored = () if form is None or not form.columns else group.ignored
        notes.update(dict.fromkeys(layers.notes(ignored, column)))
    found = layers.arrays()
    kept = Loaded(found.arrays, found.timing, tuple(notes), unknown=tuple(unknown))
    return kept, tuple(groups)


def load_aedat(path: Path, schedule: Schedule, lead: Shape, form: EventFormat | None) -> Loaded:
    """The events of an AEDAT4 file, which names no layer.

    **Raises**: `FileError`, `InputError`, `UnsupportedError` without the package aedat.
    """
    given = form or EventFormat()
    if given.columns:
        raise InputError(f"{path}: AEDAT4 has its own names of columns; leave columns out")
    layers = EventLayers(str(path), schedule, lead, given)
    events = read_aedat(Watched(path))
    rows = EventRows(str(path), _namer(str(path)), events.columns)
    layers.add(None, rows, "t", events.sensor)
    found = layers.arrays()
    return Loaded(found.arrays, found.timing)


def walk(file: OpenFile, skip: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Every group but the root, and every dataset, with its path.

    Arguments:
        skip: paths of groups that are left out, with all that is in them; "" for the datasets
            at the root.

    **Raises**: `FileError`.
    """
    work: list[tuple[str, int, Any]] = [("", 0, file.root)]
    way = Walk(file)
    while work:
        place, depth, group = work.pop()
        for name in way.enter(group, depth):
            path = place + name
            item = file.child(group, name)
            inside = isinstance(item, h5py.Group)
            if path in skip or ("" in skip and not place and not inside):
                continue
            yield path, item
            if inside:
                work.append((f"{path}/", depth + 1, item))


def _groups(
    file: OpenFile, schedule: Schedule, form: EventFormat | None
) -> Iterator[tuple[str, EventGroup]]:
    """The groups and datasets of records that hold events, by their path."""
    items = list(walk(file))
    given = form or EventFormat()
    if form is not None or not any(_is_array(item) and _resolves(schedule, p) for p, item in items):
        own = event_group(file, file.root, given)
        if own is not None and _complete(own):
            yield "", own
            items = [(path, item) for path, item in items if path != RECORDS]
    taken: list[str] = []
    for path, item in items:
        if any(path.startswith(f"{group}/") for group in taken):
            continue
        known = _resolves(schedule, path) and not _holds_arrays(file, schedule, path, item)
        if form is None and not known:
            continue
        own = event_group(file, item, given)
        if own is not None and _complete(own):
            taken.append(path)
            yield path, own


def _holds_arrays(file: OpenFile, schedule: Schedule, path: str, item: Any) -> bool:
    """Whether the datasets of a group are themselves recordings: a subgraph with nodes x and t."""
    names = file.names(item) if isinstance(item, h5py.Group) else ()
    return any(_resolves(schedule, f"{path}/{name}") for name in names)


def _is_array(item: Any) -> bool:
    return isinstance(item, h5py.Dataset)


def _complete(group: EventGroup) -> bool:
    held = set(group.columns)
    return bool(held & {"time", "step"}) and bool(held & {"neuron", "x"})


def _resolves(schedule: Schedule, key: str) -> bool:
    try:
        resolve_record(schedule, [key])
    except InputError:
        return False
    return True


def _namer(where: str) -> Callable[[int], str]:
    return lambda number: f"{where}, event {number}"
