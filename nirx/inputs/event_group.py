"""Events in an HDF5 group: a dataset per column, or one of records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import h5py

from nirx.errors import FileError, did_you_mean
from nirx.inputs.event_format import EventFormat
from nirx.inputs.hdf5 import Column, OpenFile

__all__ = ["RECORDS", "EventGroup", "event_group"]

RECORDS = "events"
"""Name of a dataset of records with the fields x, y, p, t."""
CAMERA = "xypt"


@dataclass(frozen=True, eq=False)
class EventGroup:
    """The columns of some events.

    Arguments:
        where: the group or dataset, for messages.
        columns: by what they hold.
        names: what the file calls them.
        ignored: datasets or fields that are none of them.
    """

    where: str
    columns: dict[str, Column]
    names: dict[str, str]
    ignored: tuple[str, ...]

    def check(self) -> None:
        """**Raises** `FileError` unless there are times and places, one of each per event."""
        held = (*self.names.values(), *self.ignored)
        for needed, name in ((("time", "step"), "t"), (("neuron", "x"), "x")):
            if not set(needed) & set(self.columns):
                raise FileError(f"{self.where} has no {name!r}; {did_you_mean(name, held)}")
        first = "time" if "time" in self.columns else "step"
        shape = self.columns[first].shape
        for what, column in self.columns.items():
            wide = what == "neuron" and len(column.shape) == 2 and column.shape[:1] == shape
            if len(shape) != 1 or (column.shape != shape and not wide):
                raise FileError(
                    f"{self.where}: {self.names[what]} has shape {column.shape}, "
                    f"{self.names[first]} has {shape}; expected one axis, the events"
                )


def event_group(file: OpenFile, item: Any, form: EventFormat) -> EventGroup | None:
    """The events in a group, or in a dataset of records.

    Returns: None where nothing in it is recognised, or where stated columns are missing.

    **Raises**: `FileError`.
    """
    if isinstance(item, h5py.Group):
        names = file.names(item)
        if RECORDS in names:
            records = file.child(item, RECORDS)
            if isinstance(records, h5py.Dataset):
                if not _fields(file, records):
                    raise FileError(f"{file.where(item, RECORDS)} has no fields x, y, p and t")
                item = records
        fields = None if isinstance(item, h5py.Group) else _fields(file, item)
    else:
        names, fields = [], _fields(file, item)
        if not fields:
            return None
    names = names if fields is None else fields
    if not set(form.columns.values()) <= set(names):
        return None
    where = f"{file.path}: {item.name}"
    camera = not form.columns and {"x", "t"} <= set(names)
    found = form.match(where, [n for n in names if n in CAMERA] if camera else names)
    columns = {
        what: file.column(item, name) if fields else file.column(file.child(item, name))
        for what, name in found.items()
        if what != "node"
    }
    if not {"time", "step", "x", "neuron"} & set(columns):
        return None
    ignored = tuple(name for name in names if name not in found.values())
    return EventGroup(where, columns, found, ignored)


def _fields(file: OpenFile, item: Any) -> list[str]:
    with file.reading():
        return list(item.dtype.names or ())
