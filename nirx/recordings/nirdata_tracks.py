"""Recordings in NIR's data format, NIRGraphData: arrays over time, or events.

Nothing is loaded whole. An observable "spikes" or "output" is what its node puts out, and so is
"input" of the graph's Inputs (of another node it is what the node was given); any other is the
state variable of that name.

**Source**: nir 1.0.8, nir.serialization and nir.data_ir.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from nirx.basics.paths import Path, format_path
from nirx.errors import FileError, InputError
from nirx.files.hdf5_tree import MOST_DEPTH
from nirx.files.names import MARK, MARK_VALUE, decode_name
from nirx.inputs.binning import Clock
from nirx.inputs.event_source import EventSource
from nirx.inputs.hdf5 import OpenFile
from nirx.inputs.nirdata import SAME_DT, SampleEvents
from nirx.inputs.protocol import Wanted
from nirx.recordings.other import Other, Track
from nirx.recordings.subject import Subject
from nirx.references.layout import INPUT, Observable, variable_of

__all__ = ["of_nirdata"]

EVENTS = 2**16
"""Events that are looked at together."""


def of_nirdata(subject: Subject, file: OpenFile) -> Other:
    """A file of `nir.write_data`, or of nirx. **Raises** `FileError`, `InputError`."""
    tracks: dict[str, Track] = {}
    extra: list[str] = []
    for path, name, group in _observables(file):
        place = f"{format_path(path)}.{name}"
        observable = subject.of(path, variable_of(name))
        if observable is None or (name == INPUT and observable.name != INPUT):
            extra.append(place)
            continue
        where = f"{file.path}: {place}"
        if observable.key in tracks:
            raise InputError(f"{where}: the output of this node is there twice")
        tracks[observable.key] = _track(subject, file, observable, group, where)
    return Other(str(file.path), tracks, tuple(extra), close=file.root.close)


def _observables(file: OpenFile) -> Iterator[tuple[Path, str, Any]]:
    """Path of the node, name and group of every observable."""
    with file.reading():
        rename = decode_name if file.root.attrs.get(MARK) == MARK_VALUE else str
    work: list[tuple[Path, Any]] = [((), file.root)]
    while work:
        path, group = work.pop()
        if len(path) > MOST_DEPTH:
            raise FileError(f"{file.path}: nodes are nested deeper than {MOST_DEPTH}")
        names = file.names(group)
        if path and "observables" in names:
            observed = file.group(group, "observables")
            for name in file.names(observed):
                yield path, name, file.group(observed, name)
        if "nodes" in names:
            nodes = file.group(group, "nodes")
            work += [((*path, rename(n)), file.group(nodes, n)) for n in file.names(nodes)]


def _track(
    subject: Subject, file: OpenFile, observable: Observable, group: Any, where: str
) -> Track:
    kind = file.kind(group)
    if kind == "TimeGriddedData":
        return _gridded(subject, file, observable, group, where)
    if kind in ("EventData", "ValuedEventData"):
        return _events(subject, file, observable, group, where)
    raise FileError(
        f"{where} is of type {kind!r}; expected TimeGriddedData, EventData or ValuedEventData"
    )


def _gridded(
    subject: Subject, file: OpenFile, observable: Observable, group: Any, where: str
) -> Track:
    data = file.column(file.child(group, "data") if "data" in file.names(group) else group)
    if len(data.shape) != 3:
        raise FileError(f"{where} has shape {data.shape}; expected (samples, time, neurons)")
    require_dt(where, file.number(group, "dt"), subject.file.discretization.dt)
    _require_neurons(where, data.shape[2], observable)

    def read(start: int, stop: int) -> np.ndarray:
        return data[:, start:stop].swapaxes(0, 1)

    return Track(data.shape[1], data.shape[0], read)


def _events(
    subject: Subject, file: OpenFile, observable: Observable, group: Any, where: str
) -> Track:
    names = ["idx", "time"] + ["value"] * (file.kind(group) == "ValuedEventData")
    lacking = [name for name in names if name not in file.names(group)]
    if lacking:
        raise FileError(f"{where} has no {lacking[0]!r}")
    columns = {name: file.column(file.child(group, name)) for name in names}
    shape = columns["idx"].shape
    if len(shape) != 2 or any(column.shape != shape for column in columns.values()):
        raise FileError(f"{where}: idx and time need one shape, (samples, events)")
    _require_neurons(where, file.number(group, "n_neurons"), observable)
    dt = subject.file.discretization.dt
    steps = Clock(1.0, dt).length(file.number(group, "t_max"), f"{where}: t_max")
    clock = Clock(1.0, dt)
    neurons = observable.neurons
    rows = [SampleEvents(columns, k, neurons, clock, None, where) for k in range(shape[0])]
    if not rows:
        raise InputError(f"{where} has no samples")
    wanted = Wanted({observable.key: (observable.neurons,)}, dt, subject.dtype, steps, None)
    # Two events in one step are two spikes: a chip that doubles one is found out.
    source = EventSource(where, wanted, {observable.key: rows}, "recording", {}, length=steps)
    clock.warn(where)

    def read(start: int, stop: int) -> np.ndarray:
        return source.read(start, stop)[observable.key]

    return Track(steps, len(rows), read)


def require_dt(where: str, dt: float, wanted: float) -> None:
    """**Raises** `InputError` for steps of another length than the reference's."""
    if not abs(dt - wanted) <= SAME_DT * wanted:
        raise InputError(f"{where} has steps of dt={dt!r}, the reference dt={wanted!r}")


def _require_neurons(where: str, count: float, observable: Observable) -> None:
    if count != observable.neurons:
        raise InputError(
            f"{where} has {count:g} neurons, the reference {observable.neurons}, "
            f"{list(observable.features)}"
        )
