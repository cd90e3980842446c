"""HDF5 event lists: x, y, p and t of an event camera, one group per sample."""

from __future__ import annotations

from pathlib import Path

import h5py

from nirx.errors import FileError
from nirx.inputs.camera import CameraEvents, EventOptions, event_source, format_of, only_input
from nirx.inputs.event_format import EventFormat
from nirx.inputs.event_group import RECORDS, EventGroup, event_group
from nirx.inputs.event_source import EventSource
from nirx.inputs.hdf5 import OpenFile
from nirx.inputs.options import Options
from nirx.inputs.protocol import Wanted
from nirx.inputs.watched import Watched

__all__ = ["events_source"]


def events_source(wanted: Wanted, path: Path, options: Options) -> EventSource:
    """Event lists of an HDF5 file.

    Arguments:
        path: datasets x, t and perhaps y and p (or by other names, see `EventFormat`), or one
            dataset "events" of records with these fields: at the root (one sample), or in
            groups (one sample each, in order of name).
        options: see docs/inputs.md.

    **Raises**: `FileError`, `InputError`.
    """
    where = str(path)
    name, features = only_input(where, wanted, "an event list")
    file, form = OpenFile(Watched(path)), format_of(options)
    found = _samples(file, form)
    chosen = EventOptions(wanted.dt, features, where, form, column=found[0].names["time"])
    samples = [
        CameraEvents(own.columns["time"].where, lambda own=own: own.columns, chosen)
        for own in found
    ]
    sensor = [form.height, form.width]
    events = name, samples
    return event_source(wanted, "events", file.watched, options, events, chosen, sensor=sensor)


def _samples(file: OpenFile, form: EventFormat) -> list[EventGroup]:
    own = event_group(file, file.root, form)
    groups = [] if own is None else [own]
    for name in file.names(file.root) if own is None else ():
        item = file.child(file.root, name)
        found = event_group(file, item, form) if isinstance(item, h5py.Group) else None
        if found is not None:
            groups.append(found)
    for group in groups:
        group.check()
        if "time" not in group.columns:
            raise FileError(f"{group.where} counts steps; expected times, with unit=steps")
    if groups:
        return groups
    names = file.names(file.root)
    if file.kind(file.root) == "" and "node" in names:
        raise FileError(f"{file.path}: a NIR graph, not data")
    stated = ", ".join(map(repr, form.columns.values())) or "x, y, p and t"
    raise FileError(
        f"{file.path}: no event list; expected datasets {stated}, or one dataset of "
        f"records {RECORDS!r}, at the root or in one group per sample; the root holds "
        f"{', '.join(map(repr, names[:8])) or 'nothing'}"
    )
