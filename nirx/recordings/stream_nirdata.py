"""Recordings in NIR's data format, NIRGraphData: arrays over time, or events.

Nothing is loaded whole. The observable "spikes" or "output" is the output of its node; so is
"input" of the graph's Inputs (of any other node, it is what the node received). Any other
observable is the state variable of that name.

**Source**: nir 1.0.8, nir.serialization and nir.data_ir.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from nirx.basics.paths import Path, format_path
from nirx.errors import FileError, InputError
from nirx.files.hdf5_attributes import text_attribute
from nirx.files.names import MARK, MARK_VALUE, decode_name
from nirx.inputs.binning import Clock
from nirx.inputs.event_source import EventSource
from nirx.inputs.hdf5 import OpenFile, Walk
from nirx.inputs.nirdata import SAME_DT, SampleEvents, event_columns, grid_column
from nirx.inputs.protocol import Wanted
from nirx.recordings.observed_run import ObservedRun, Track
from nirx.recordings.run_layout import RunLayout
from nirx.references.layout import INPUT, Observable, variable_of

__all__ = ["require_dt", "stream_nirdata"]


def stream_nirdata(layout: RunLayout, file: OpenFile) -> ObservedRun:
    """A file of `nir.write_data`, or of nirx. **Raises** `FileError`, `InputError`."""
    tracks: dict[str, Track] = {}
    extra: list[str] = []
    for path, name, group in _observables(file):
        place = f"{format_path(path)}.{name}"
        observable = layout.find(path, variable_of(name))
        if observable is None or (name == INPUT and observable.name != INPUT):
            extra.append(place)
            continue
        where = f"{file.path}: {place}"
        if observable.key in tracks:
            raise InputError(f"{where}: the output of this node is recorded twice")
        kind = file.kind(group)
        if kind not in READERS:
            raise FileError(f"{where} is of type {kind!r}; expected one of {', '.join(READERS)}")
        tracks[observable.key] = READERS[kind](layout, file, observable, group, where)
    return ObservedRun(str(file.path), tracks, tuple(extra), close=file.close)


def _observables(file: OpenFile) -> Iterator[tuple[Path, str, Any]]:
    """Path of the node, name and group of every observable."""
    with file.reading():
        rename = decode_name if text_attribute(file.root, MARK) == MARK_VALUE else str
    work: list[tuple[Path, Any]] = [((), file.root)]
    way = Walk(file)
    while work:
        path, group = work.pop()
        names = way.enter(group, len(path))
        if path and "observables" in names:
            observed = file.group(group, "observables")
            for name in file.names(observed):
                yield path, name, file.group(observed, name)
        if "nodes" in names:
            nodes = file.group(group, "nodes")
            work += [((*path, rename(n)), file.group(nodes, n)) for n in file.names(nodes)]


def _gridded(
    layout: RunLayout, file: OpenFile, observable: Observable, group: Any, where: str
) -> Track:
    data = grid_column(file, group, where)
    require_dt(where, file.number(group, "dt"), layout.dt)
    _require_neurons(where, data.shape[2], observable)
    samples, steps, _ = data.shape
    return Track(steps, samples, lambda start, stop: data[:, start:stop].swapaxes(0, 1))


def _events(
    layout: RunLayout, file: OpenFile, observable: Observable, group: Any, where: str
) -> Track:
    columns = event_columns(file, group, where)
    _require_neurons(where, file.number(group, "n_neurons"), observable)
    key, neurons, clock = observable.key, observable.neurons, Clock(1.0, layout.dt)
    steps = Clock(1.0, layout.dt).length(file.number(group, "t_max"), f"{where}: t_max")
    samples = range(columns["idx"].shape[0])
    rows = [SampleEvents(columns, k, neurons, clock, None, where) for k in samples]
    if not rows:
        raise InputError(f"{where} has no samples")
    wanted = Wanted({key: (neurons,)}, layout.dt, layout.dtype, steps, None)
    # Two events of a neuron in one step are two spikes, so a duplicated event shows up.
    source = EventSource(where, wanted, {key: rows}, "recording", {}, length=steps)
    clock.warn(where)
    return Track(steps, len(rows), lambda start, stop: source.read(start, stop)[key])


def require_dt(where: str, dt: float, wanted: float) -> None:
    """**Raises** `InputError` if the recording's dt is not the reference's."""
    if not abs(dt - wanted) <= SAME_DT * wanted:
        raise InputError(f"{where} has steps of dt={dt!r}, the reference dt={wanted!r}")


def _require_neurons(where: str, count: float, observable: Observable) -> None:
    if count != observable.neurons:
        raise InputError(
            f"{where} has {count:g} neurons, the reference {observable.neurons}, "
            f"{list(observable.features)}"
        )


READERS = {"TimeGriddedData": _gridded, "EventData": _events, "ValuedEventData": _events}
