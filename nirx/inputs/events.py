"""HDF5 event lists: x, y, p and t of an event camera, one group per sample."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from nirx.errors import FileError, InputError, did_you_mean
from nirx.inputs.binning import Clock
from nirx.inputs.event_source import MERGES, EventSource, Merge
from nirx.inputs.hdf5 import Column, OpenFile
from nirx.inputs.options import Options
from nirx.inputs.pixels import POLARITIES, Pixels, pixels_for
from nirx.inputs.protocol import Wanted
from nirx.inputs.watched import Watched

__all__ = ["EVENT_OPTIONS", "events_source", "merge_of", "only_input", "start_of"]

EVENT_OPTIONS = ("unit", "start", "merge", "polarity", "height", "width")
MICROSECONDS = 1e-6
RECORDS = "events"
"""Name of a dataset of records with the fields x, y, p, t."""
BLOCK = 2**16


def events_source(wanted: Wanted, path: Path, options: Options) -> EventSource:
    """Event lists of an HDF5 file.

    Arguments:
        path: datasets x, t and perhaps y and p, or one dataset "events" of records with these
            fields: at the root (one sample), or in groups (a sample each, in order of name).
        options: `unit`, `start`, `merge`, `polarity`, `height`, `width`; see docs/inputs.md.

    **Units**: t is in microseconds (dt in seconds) unless `unit` says otherwise.

    **Raises**: `FileError`, `InputError`.
    """
    name, features = only_input(str(path), wanted, "an event list")
    file = OpenFile(Watched(path))
    samples = _samples(file)
    sensor = (options.whole("height", None, 1), options.whole("width", None, 1))
    polarity = options.text("polarity", "channel", POLARITIES)
    clocks, lists = [], []
    for columns in samples:
        grid = pixels_for(str(path), features, "y" in columns, polarity, sensor)
        start = start_of(options, lambda c=columns: _least(c["t"]))
        clocks.append(Clock(options.unit(MICROSECONDS), wanted.dt, start))
        lists.append(_FileEvents(columns, grid, clocks[-1]))
    own = {
        "sha256": file.watched.sha256,
        "unit": options.unit(MICROSECONDS),
        "start": options.text("start", "0"),
        "polarity": polarity,
        "sensor": list(sensor),
    }
    merge, check = merge_of(options), file.watched.check
    source = EventSource(str(path), wanted, {name: lists}, "events", own, merge=merge, check=check)
    for clock in clocks:
        clock.warn(str(path))
    return source


def only_input(where: str, wanted: Wanted, what: str) -> tuple[str, tuple[int, ...]]:
    """Name and features of the only Input. **Raises** `InputError` if there are several."""
    names = list(wanted.features)
    if len(names) > 1:
        listed = ", ".join(map(repr, names))
        raise InputError(
            f"{where}: {what} drives one Input, but the graph has {listed}; expected an .npz or "
            "NIRData, which name theirs"
        )
    return names[0], wanted.features[names[0]]


def merge_of(options: Options) -> Merge:
    """The option `merge`. **Raises** `InputError`."""
    return "any" if options.text("merge", "sum", MERGES) == "any" else "sum"


def start_of(options: Options, first: Any) -> float:
    """The option `start`: ticks, or "first" for the first event's. **Raises** `InputError`."""
    if options.text("start", "0") == "first":
        return first()
    return options.number("start", 0.0)


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


def _least(times: Column) -> float:
    count = times.shape[0]
    parts = (times[a : a + BLOCK] for a in range(0, count, BLOCK))
    return min((part.min().item() for part in parts), default=0)


class _FileEvents:
    """The events of one sample, which stay in the file."""

    def __init__(self, columns: dict[str, Column], grid: Pixels, clock: Clock):
        self._columns, self._grid, self._clock = columns, grid, clock
        self.count = columns["t"].shape[0]

    def block(self, start: int, stop: int) -> tuple[np.ndarray, np.ndarray, None]:
        place = slice(start, stop)
        found = {name: column[place] for name, column in self._columns.items()}
        where = self._columns["t"].where
        steps = self._clock.steps(found["t"], where)
        return steps, self._grid.places(where, found["x"], found.get("y"), found.get("p")), None
