"""NIR's own data format, NIRGraphData: of its nodes, those that are the graph's Inputs."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from nirx.errors import FileError, InputError, did_you_mean
from nirx.files.names import MARK, MARK_VALUE, encode_name
from nirx.inputs.arrays import ArraySource, Sliced
from nirx.inputs.binning import Clock
from nirx.inputs.event_source import EventSource
from nirx.inputs.hdf5 import Column, OpenFile
from nirx.inputs.options import Options
from nirx.inputs.protocol import Source, Wanted
from nirx.inputs.watched import Watched

__all__ = ["GRAPH_DATA", "NIRDATA_OPTIONS", "SAME_DT", "SampleEvents", "nirdata_source"]

GRAPH_DATA = "NIRGraphData"
NIRDATA_OPTIONS = ("observable",)
SAME_DT = 1e-6
MOST_SAMPLES = 2**20


def nirdata_source(wanted: Wanted, path: Path, options: Options) -> Source:
    """The data of the Inputs in a file of `nir.write_data`, or in a reference of nirx.

    Arguments:
        options: `observable`, which one of a node; without it "input", else the only one.

    Samples are the batch; neurons are the features, flat. Of several events of a neuron in
    one step one counts (the last value), as in nir's `to_time_gridded`.

    **Units**: dt and times in the unit of the graph's time constants.

    **Raises**: `FileError`, `InputError`.

    **Source**: nir 1.0.8, nir.serialization and nir.data_ir.
    """
    file = OpenFile(Watched(path))
    if file.kind(file.root) != GRAPH_DATA:
        raise FileError(f"{path}: no NIRData: its root has no __type__ = {GRAPH_DATA!r}")
    groups = {n: _observable(file, wanted, n, options) for n in wanted.features}
    kinds = {name: file.kind(group) for name, group in groups.items()}
    own = {"sha256": file.watched.sha256, "observable": options.text("observable", "")}
    if all(kind == "TimeGriddedData" for kind in kinds.values()):
        arrays: dict[str, Sliced] = {
            name: _Gridded(file, group, wanted, name) for name, group in groups.items()
        }
        return ArraySource(str(path), wanted, arrays, "nirdata", own)
    for name, kind in kinds.items():
        if kind not in ("EventData", "ValuedEventData"):
            raise FileError(
                f"{path}: Input {name!r} has data of type {kind!r}; expected TimeGriddedData, or "
                "EventData or ValuedEventData for all Inputs"
            )
    return _event_source(file, wanted, groups, kinds, own)


def _observable(file: OpenFile, wanted: Wanted, name: str, options: Options) -> Any:
    """The group of the observable of the node that is the Input."""
    nodes = file.group(file.root, "nodes")
    with file.reading():
        encoded = file.root.attrs.get(MARK) == MARK_VALUE
    key, names = (encode_name(name) if encoded else name), file.names(nodes)
    if key not in names:
        raise InputError(f"{file.path}: no node {name!r}, the Input; {did_you_mean(key, names)}")
    node = file.group(nodes, key)
    if file.kind(node) != "NIRNodeData":
        raise FileError(f"{file.path}: {node.name} is {file.kind(node)!r}; expected NIRNodeData")
    observed = file.group(node, "observables")
    there = file.names(observed)
    wish = options.text("observable", "input" if "input" in there or len(there) != 1 else there[0])
    if wish not in there:
        raise InputError(
            f"{file.path}: node {name!r} has no observable {wish!r}; {did_you_mean(wish, there)}; "
            "choose one with nirdata:FILE,observable=NAME"
        )
    return file.group(observed, wish)


class _Gridded:
    """TimeGriddedData [samples, time, neurons] as [time, samples, *features]."""

    def __init__(self, file: OpenFile, group: Any, wanted: Wanted, name: str):
        features, where = wanted.features[name], f"{file.path}: {group.name}"
        self._watched = file.watched
        self._data = file.column(file.child(group, "data") if file.has(group, "data") else group)
        dt = file.number(group, "dt")
        if not abs(dt - wanted.dt) <= SAME_DT * wanted.dt:
            raise InputError(
                f"{where} has steps of dt={dt}, but the run has dt={wanted.dt}; run with "
                "that dt, or write the data anew"
            )
        shape = self._data.shape
        if len(shape) != 3:
            raise FileError(f"{where} has shape {shape}; expected (samples, time, neurons)")
        if shape[2] != math.prod(features):
            raise InputError(
                f"{where} has {shape[2]} neurons, but Input {name!r} has {math.prod(features)}, "
                f"{list(features)}"
            )
        self.shape, self.dtype = (shape[1], shape[0], *features), self._data.dtype

    def read(self, start: int, stop: int) -> np.ndarray:
        self._watched.check()
        piece = self._data[:, start:stop].swapaxes(0, 1)
        return piece.reshape(stop - start, *self.shape[1:])


def _event_source(
    file: OpenFile, wanted: Wanted, groups: dict[str, Any], kinds: dict[str, str], own: Any
) -> EventSource:
    clock = Clock(1.0, wanted.dt)
    events: dict[str, list[SampleEvents]] = {}
    lengths: set[int] = set()
    for name, group in groups.items():
        where, size = f"{file.path}: {group.name}", math.prod(wanted.features[name])
        columns = {
            k: file.column(file.child(group, k)) for k in ("idx", "time") if file.has(group, k)
        }
        if kinds[name] == "ValuedEventData" and file.has(group, "value"):
            columns["value"] = file.column(file.child(group, "value"))
        wish = ("idx", "time", "value") if kinds[name] == "ValuedEventData" else ("idx", "time")
        shapes = {column.shape for column in columns.values()}
        if set(wish) != set(columns) or len(shapes) != 1 or len(columns["idx"].shape) != 2:
            raise FileError(
                f"{where} needs {', '.join(wish)} of the same shape (samples, events); it has "
                f"{ {k: c.shape for k, c in columns.items()} }"
            )
        if file.number(group, "n_neurons") != size:
            raise InputError(
                f"{where} has {file.number(group, 'n_neurons'):g} neurons, but Input {name!r} has "
                f"{size}, {list(wanted.features[name])}"
            )
        lengths.add(Clock(1.0, wanted.dt).length(file.number(group, "t_max"), f"{where}: t_max"))
        samples = columns["idx"].shape[0]
        if samples > MOST_SAMPLES:
            raise FileError(f"{where} claims {samples} samples; expected at most {MOST_SAMPLES}")
        own_length = max(lengths)
        events[name] = [
            SampleEvents(columns, sample, size, clock, own_length, where)
            for sample in range(samples)
        ]
    counts = {name: len(lists) for name, lists in events.items()}
    if len(set(counts.values())) > 1 or len(lengths) > 1:
        raise InputError(
            f"{file.path}: Inputs with {counts} samples and {sorted(lengths)} steps; expected the "
            "same for all"
        )
    source = EventSource(
        str(file.path),
        wanted,
        events,
        "nirdata",
        own,
        length=lengths.pop(),
        merge="last",
        check=file.watched.check,
    )
    clock.warn(str(file.path))
    return source


class SampleEvents:
    """One row of EventData or ValuedEventData; idx = -1 is padding.

    Arguments:
        length: steps of the data, which no event may be beyond; None lets them be.
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
        with np.errstate(invalid="ignore"):  # NaN is no whole number either
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
