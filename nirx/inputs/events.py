"""HDF5 event lists: x, y, p and t of an event camera, one group per sample."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py

from nirx.errors import FileError, did_you_mean
from nirx.inputs.camera import CameraEvents, EventOptions, only_input
from nirx.inputs.event_source import EventSource
from nirx.inputs.hdf5 import Column, OpenFile
from nirx.inputs.options import Options
from nirx.inputs.protocol import Wanted
from nirx.inputs.watched import Watched

__all__ = ["events_source"]

RECORDS = "events"
"""Name of a dataset of records with the fields x, y, p, t."""


def events_source(wanted: Wanted, path: Path, options: Options) -> EventSource:
    """Event lists of an HDF5 file.

    Arguments:
        path: datasets x, t and perhaps y and p, or one dataset "events" of records with these
            fields: at the root (one sample), or in groups (one sample each, in order of name).
        options: see `EventOptions`.

    **Raises**: `FileError`, `InputError`.
    """
    where = str(path)
    name, features = only_input(where, wanted, "an event list")
    file, chosen = OpenFile(Watched(path)), EventOptions(wanted, features, where, options)
    samples = [CameraEvents(c["t"].where, lambda c=c: c, chosen) for c in _samples(file)]
    own = {
        "sha256": file.watched.sha256,
        "unit": chosen.unit,
        "start": chosen.start,
        "polarity": chosen.polarity,
        "sensor": list(chosen.sensor),
    }
    check, events = file.watched.check, {name: samples}
    source = EventSource(where, wanted, events, "events", own, merge=chosen.merge, check=check)
    for sample in samples:
        sample.clock.warn(where)
    return source


def _samples(file: OpenFile) -> list[dict[str, Column]]:
    own = _columns(file, file.root)
    if own is not None:
        return [own]
    samples = []
    for name in file.names(file.root):
        item = file.child(file.root, name)
        columns = _columns(file, item) if isinstance(item, h5py.Group) else None
        if columns is not None:
            samples.append(columns)
    if not samples:
        names = file.names(file.root)
        if file.kind(file.root) == "" and "node" in names:
            raise FileError(f"{file.path}: a NIR graph, not data")
        raise FileError(
            f"{file.path}: no event list; expected datasets x, y, p and t, or one dataset of "
            f"records {RECORDS!r}, at the root or in one group per sample; the root holds "
            f"{', '.join(map(repr, names[:8])) or 'nothing'}"
        )
    return samples


def _columns(file: OpenFile, group: Any) -> dict[str, Column] | None:
    names = file.names(group)
    if RECORDS in names:
        item = file.child(group, RECORDS)
        if isinstance(item, h5py.Dataset):
            with file.reading():
                fields = item.dtype.names or ()
            if not fields:
                raise FileError(f"{file.where(group, RECORDS)} has no fields x, y, p and t")
            columns = {k: file.column(item, k) for k in "xypt" if k in fields}
            return _checked(file, file.where(group, RECORDS), columns, fields)
    if "x" not in names and "t" not in names:
        return None
    columns = {k: file.column(file.child(group, k)) for k in "xypt" if k in names}
    return _checked(file, f"{file.path}: {group.name}", columns, names)


def _checked(
    file: OpenFile, where: str, columns: dict[str, Column], names: Sequence[str]
) -> dict[str, Column]:
    for needed in "xt":
        if needed not in columns:
            raise FileError(f"{where} has no {needed!r}; {did_you_mean(needed, names)}")
    shape = columns["t"].shape
    for name, column in columns.items():
        if len(column.shape) != 1 or column.shape != shape:
            raise FileError(
                f"{where}: {name} has shape {column.shape}, t has {shape}; expected one "
                "axis, the events"
            )
    return columns
