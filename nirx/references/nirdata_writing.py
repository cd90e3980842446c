"""NIR's data format, written from part files: one pass per observable, never all of it in memory.

nir.read_data reads it. What nir 1.0.8's own writer lacks: nested graphs, and events in the
middle of their step ((k + 1/2)*dt), since its `to_time_gridded` loses some that sit on k*dt.

**Source**: nir 1.0.8, nir.serialization and nir.data_ir.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import h5py
import numpy as np

from nirx.files.names import MARK, MARK_VALUE, encode_name, needs_encoding
from nirx.references.event_times import end_of_run, times_of
from nirx.references.layout import Observable

__all__ = ["Pieces", "write_observable", "write_root"]

Pieces = Callable[[], Iterable[np.ndarray]]
"""Gives a recording chunk by chunk, each [time, *batch, *features]."""

CHUNK_BYTES = 2**20
CHUNK_STEPS = 2**12
"""Of one chunk of HDF5: narrow recordings of many samples are read in slices of time."""


def write_root(file: h5py.File, observables: list[Observable]) -> Callable[[str], str]:
    """Make the groups of all nodes; gives how names are written in this file."""
    encoded = any(needs_encoding(name) for o in observables for name in o.path)
    if encoded:
        file.attrs[MARK] = MARK_VALUE
    rename = encode_name if encoded else str
    file.attrs["__type__"] = "NIRGraphData"
    file.create_group("nodes")
    for observable in observables:
        group: Any = file
        for depth, name in enumerate(observable.path):
            group = group.require_group("nodes").require_group(rename(name))
            last = depth == len(observable.path) - 1
            group.attrs["__type__"] = "NIRNodeData" if last else "NIRGraphData"
            if not last:
                group.require_group("nodes")
        group.require_group("observables")
    return rename


def write_observable(
    file: h5py.File,
    rename: Callable[[str], str],
    observable: Observable,
    pieces: Pieces,
    steps: int,
    samples: int,
    dt: float,
    dtype: str,
    compression: str | None,
) -> None:
    """Write one observable.

    Arguments:
        pieces: the recording, chunk by chunk.
        samples: number of elements of the batch; its axes are flattened.
        dt: unit of all times in the file.
        compression: h5py's name of a filter, or None.
    """
    group: Any = file
    for name in observable.path:
        group = group["nodes"][rename(name)]
    group = group["observables"].create_group(observable.name)
    group.attrs["shape"] = np.array(observable.features, np.int64)
    if observable.form == "events":
        _write_events(group, observable, pieces, steps, samples, dt, compression)
        return
    kind = np.dtype(bool if observable.form == "bool" else dtype)
    group.attrs["__type__"] = "TimeGriddedData"
    group.attrs["dt"] = dt
    neurons = observable.neurons
    data = group.create_dataset(
        "data",
        (samples, steps, neurons),
        kind,
        chunks=_chunks(steps, neurons, kind.itemsize),
        compression=compression,
        shuffle=compression is not None and kind.itemsize > 1,
    )
    start = 0
    for piece in pieces():
        flat = _flat(piece, samples, neurons)
        data[:, start : start + len(piece)] = flat.astype(kind)
        start += len(piece)


def _write_events(
    group: h5py.Group,
    observable: Observable,
    pieces: Pieces,
    steps: int,
    samples: int,
    dt: float,
    compression: str | None,
) -> None:
    counts = np.zeros(samples, np.int64)
    for piece in pieces():
        counts += np.count_nonzero(_flat(piece, samples, observable.neurons), axis=(1, 2))
    most = int(counts.max(initial=0))
    group.attrs["__type__"] = "EventData"
    group.attrs["n_neurons"] = observable.neurons
    group.attrs["t_max"] = end_of_run(steps, dt)
    options: dict[str, Any] = {}
    if most and samples:
        options = {"chunks": (1, min(most, CHUNK_BYTES // 8)), "compression": compression}
    idx = group.create_dataset("idx", (samples, most), np.int64, fillvalue=-1, **options)
    time = group.create_dataset("time", (samples, most), np.float64, fillvalue=np.inf, **options)
    filled = np.zeros(samples, np.int64)
    start = 0
    for piece in pieces():
        flat = _flat(piece, samples, observable.neurons)
        for sample in range(samples):
            step, neuron = np.nonzero(flat[sample])  # in order of time, then of the neuron
            own = slice(filled[sample], filled[sample] + len(step))
            idx[sample, own] = neuron
            time[sample, own] = times_of(start + step, dt)
            filled[sample] += len(step)
        start += len(piece)


def _flat(piece: np.ndarray, samples: int, neurons: int) -> np.ndarray:
    """[time, *batch, *features] as NIR has it: [samples, time, neurons]."""
    return piece.reshape(len(piece), samples, neurons).swapaxes(0, 1)


def _chunks(steps: int, neurons: int, itemsize: int) -> tuple[int, int, int] | None:
    if not steps or not neurons:
        return None
    wide = min(neurons, CHUNK_BYTES // itemsize)
    return (1, max(1, min(steps, CHUNK_STEPS, CHUNK_BYTES // (wide * itemsize))), wide)
