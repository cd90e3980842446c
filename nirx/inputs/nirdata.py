"""NIR's own data format, NIRGraphData: the nodes in it that are the graph's Inputs."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from nirx.dynamics.ops import Shape
from nirx.errors import FileError, InputError, did_you_mean
from nirx.files.hdf5_attributes import text_attribute
from nirx.files.names import MARK, MARK_VALUE, encode_name
from nirx.inputs.arrays import ArraySource, Sliced
from nirx.inputs.binning import Clock
from nirx.inputs.event_source import EventSource
from nirx.inputs.hdf5 import Column, OpenFile
from nirx.inputs.options import Options
from nirx.inputs.protocol import Source, Wanted
from nirx.inputs.watched import Watched

__all__ = [
    "GRAPH_DATA",
    "NIRDATA_OPTIONS",
    "SAME_DT",
    "SampleEvents",
    "event_columns",
    "grid_column",
    "nirdata_source",
]

GRAPH_DATA = "NIRGraphData"
NIRDATA_OPTIONS = ("observable",)
SAME_DT = 1e-6
MOST_SAMPLES = 2**20


def nirdata_source(wanted: Wanted, path: Path, options: Options) -> Source:
    """The data of the Inputs in a file of `nir.write_data`, or in a reference of nirx.

    Arguments:
        options: `observable`, which one of a node; by default "input", or the only one.

    Samples are the batch; neurons are the features, flat. If a neuron has several events in one
    step, the last value counts, as in nir's `to_time_gridded`.

    **Units**: dt and times in the unit of the graph's time constants.

    **Raises**: `FileError`, `InputError`.

    **Source**: nir 1.0.8, nir.serialization and nir.data_ir.
    """
    file = OpenFile(Watched(path))
    if file.kind(file.root) != GRAPH_DATA:
        raise FileError(f"{path}: not NIRData: its root has no __type__ = {GRAPH_DATA!r}")
    groups = {n: _observable(file, wanted, n, options) for n in wanted.features}
    kinds = {name: file.kind(group) for name, group in groups.items()}
    own = {"sha256": file.watched.sha256, "observable": options.text("observable", "")}
    if all(kind == "TimeGriddedData" for kind in kinds.values()):
        arrays: dict[str, Sliced] = {
            name: _Gridded(file, group, wanted, name) for name, group in groups.items()
        }
        return ArraySource(str(path), wanted, arrays, "nirdata", own, file.watched.check)
    for name, kind in kinds.items():
        if kind not in ("EventData", "ValuedEventData"):
            raise FileError(
                f"{path}: Input {name!r} has data of type {kind!r}; expected TimeGriddedData, or "
                "EventData or ValuedEventData for all Inputs"
            )
    return _event_source(file, wanted, groups, own)


def _observable(file: OpenFile, wanted: Wanted, name: str, options: Options) -> Any:
    """The group of the observable of the node that is the Input."""
    nodes = file.group(file.root, "nodes")
    with file.reading():
        encoded = text_attribute(file.root, MARK) == MARK_VALUE
    key, names = (encode_name(name) if encoded else name), file.names(nodes)
    if key not in names:
        raise InputError(f"{file.path}: no node {name!r}, the Input; {did_you_mean(key, names)}")
    node = file.group(nodes, key)
    if file.kind(node) != "NIRNodeData":
        raise FileError(f"{file.path}: {node.name} is {file.kind(node)!r}; expected NIRNodeData")
    observed = file.group(node, "observables")
    there = file.names(observed)
    default = "input" if "input" in there or len(there) != 1 else there[0]
    own = options.text("observable", default)
    if own not in there:
        raise InputError(
            f"{file.path}: node {name!r} has no observable {own!r}; {did_you_mean(own, there)}; "
            "choose one with nirdata:FILE,observable=NAME"
        )
    return file.group(observed, own)


def grid_column(file: OpenFile, group: Any, where: str) -> Column:
    """The data of TimeGriddedData, `[samples, time, neurons]`. **Raises** `FileError`."""
    data = file.column(file.child(group, "data") if file.has(group, "data") else group)
    if len(data.shape) != 3:
        raise FileError(f"{where} has shape {data.shape}; expected (samples, time, neurons)")
    return data


def event_columns(file: OpenFile, group: Any, where: str) -> dict[str, Column]:
    """The columns of EventData or ValuedEventData, `[samples, events]`. **Raises** `FileError`."""
    names = ["idx", "time"] + ["value"] * (file.kind(group) == "ValuedEventData")
    columns = {k: file.column(file.child(group, k)) for k in names if file.has(group, k)}
    shapes = {column.shape for column in columns.values()}
    if list(columns) != names or len(shapes) != 1 or len(columns["idx"].shape) != 2:
        raise FileError(
            f"{where} needs {', '.join(names)} of the same shape (samples, events); it has "
            f"{ {k: c.shape for k, c in columns.items()} }"
        )
    return columns


class _Gridded:
    """TimeGriddedData `[samples, time, neurons]` as `[time, samples, *features]`."""

    def __init__(self, file: OpenFile, group: Any, wanted: Wanted, name: str):
        features, where = wanted.features[name], f"{file.path}: {group.name}"
        self._data = grid_column(file, group, where)
        dt = file.number(group, "dt")
        if not abs(dt - wanted.dt) <= SAME_DT * wanted.dt:
            raise InputError(
                f"{where} has steps of dt={dt}, but the run has dt={wanted.dt}; run with "
                "that dt, or write the data again"
            )
        shape = self._data.shape
        if shape[2] != math.prod(features):
            raise InputError(_other_size(where, shape[2], name, features))
        self.shape, self.dtype = (shape[1], shape[0], *features), self._data.dtype

    def __getitem__(self, steps: slice, /) -> np.ndarray:
        return self._data[:, steps].swapaxes(0, 1)

    def of_samples(self, start: int, stop: int, first: int, last: int) -> np.ndarray:
        return self._data[first:last, start:stop].swapaxes(0, 1)


def _event_source(file: OpenFile, wanted: Wanted, groups: dict[str, Any], own: Any) -> EventSource:
    clock = Clock(1.0, wanted.dt)
    events: dict[str, list[SampleEvents]] = {}
    lengths: dict[str, int] = {}
    for name, group in groups.items():
        where, features = f"{file.path}: {group.name}", wanted.features[name]
        columns = event_columns(file, group, where)
        size, neurons = math.prod(features), file.number(group, "n_neurons")
        if neurons != size:
            raise InputError(_other_size(where, f"{neurons:g}", name, features))
        end = file.number(group, "t_max")
        lengths[name] = Clock(1.0, wanted.dt).length(end, f"{where}: t_max")
        samples = columns["idx"].shape[0]
        if samples > MOST_SAMPLES:
            raise FileError(f"{where} claims {samples} samples; expected at most {MOST_SAMPLES}")
        events[name] = [
            SampleEvents(columns, sample, size, clock, lengths[name], where)
            for sample in range(samples)
        ]
    counts = {name: len(lists) for name, lists in events.items()}
    if len({*counts.values()}) > 1 or len({*lengths.values()}) > 1:
        raise InputError(
            f"{file.path}: Inputs with {counts} samples and {lengths} steps; expected the same "
            "for all"
        )
    length, check = next(iter(lengths.values())), file.watched.check
    where = str(file.path)
    source = EventSource(where, wanted, events, "nirdata", own, length, "last", check)
    clock.warn(where)
    return source


def _other_size(where: str, neurons: Any, name: str, features: Shape) -> str:
    return (
        f"{where} has {neurons} neurons, but Input {name!r} has {math.prod(features)}, "
        f"{list(features)}"
    )


class SampleEvents:
    """One row of EventData or ValuedEventData; idx = -1 is padding.

    Arguments:
        length: steps of the data; an event after them is an error, unless it is None.
    """

    def __init__(
        self,
        columns: dict[str, Column],
        sample: int,
        neurons: int,
        clock: Clock,
        length: int | None,
        where: str,
    ):
        self._columns, self._sample, self._neurons = columns, sample, neurons
        self._clock, self._length, self._where = clock, length, where
        self.count = columns["idx"].shape[1]

    def block(self, start: int, stop: int) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        found = {k: c[self._sample, start:stop] for k, c in self._columns.items()}
        with np.errstate(invalid="ignore"):  # NaN is not a whole number either
            idx = found["idx"].astype(np.int64)
        if (idx != found["idx"]).any():
            odd = found["idx"][idx != found["idx"]][0]
            raise InputError(f"{self._where} has an event of neuron {odd}; expected whole numbers")
        here = idx != -1
        places = idx[here]
        if places.size and (places.min() < 0 or places.max() >= self._neurons):
            wrong = places.min() if places.min() < 0 else places.max()
            raise InputError(
                f"{self._where} has an event of neuron {wrong}; expected 0..{self._neurons - 1}, "
                "or -1 for none"
            )
        steps = self._clock.steps(found["time"][here], self._where)
        if self._length is not None and steps.size and steps.max() >= self._length:
            raise InputError(
                f"{self._where} has an event in step {steps.max()}, but t_max ends after "
                f"{self._length} steps"
            )
        values = found.get("value")
        return steps, places, None if values is None else values[here]
