"""NIR's data format, written from part files: one pass per observable, never all of it in memory.

`nir.read_data` reads it. nir 1.0.8's own writer has neither nested graphs nor events in the middle
of their step; see `event_rows`.

**Source**: nir 1.0.8, nir.serialization and nir.data_ir.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import h5py
import numpy as np

from nirx.files.names import MARK, MARK_VALUE, encode_name, needs_encoding
from nirx.references.event_rows import end_of_run, event_rows
from nirx.references.layout import GRAPH, HEADER, Observable, Run, by_sample

__all__ = ["Pieces", "write_file", "write_structure"]

Pieces = Callable[[], Iterable[np.ndarray]]
"""Returns a recording chunk by chunk, each `[time, *batch, *features]`."""

CHUNK_BYTES = 2**20
CHUNK_STEPS = 2**12
"""Of an HDF5 chunk: narrow recordings of many samples are read in slices of time."""


def write_file(
    file: h5py.File,
    recordings: Sequence[tuple[Observable, Pieces]],
    run: Run,
    header: str,
    graph: bytes,
    compression: str | None,
) -> None:
    """Write a reference.

    Arguments:
        header: its text.
        graph: the bytes of a `.nir` file.
        compression: h5py's name of a filter, or None.
    """
    rename = _write_nodes(file, [observable for observable, _ in recordings])
    for observable, pieces in recordings:
        group = _write_group(file, rename, observable, run)
        write = _write_events if observable.form == "events" else _write_values
        write(group, observable, pieces, run, compression)
    for name, data in ((HEADER, header.encode()), (GRAPH, graph)):
        file.create_dataset(name, data=np.frombuffer(data, np.uint8))


def write_structure(file: h5py.File, observables: Sequence[Observable], run: Run) -> None:
    """Write everything that `write_file` writes, except that all datasets are empty."""
    rename = _write_nodes(file, observables)
    for observable in observables:
        group = _write_group(file, rename, observable, run)
        for name, dtype in _dtypes(observable, run).items():
            group.create_dataset(name, (0,), dtype)
    for name in (HEADER, GRAPH):
        file.create_dataset(name, (0,), np.uint8)


def _write_nodes(file: h5py.File, observables: Sequence[Observable]) -> Callable[[str], str]:
    """Make the groups of all nodes. Returns: how names are written in this file."""
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


def _write_group(
    file: h5py.File, rename: Callable[[str], str], observable: Observable, run: Run
) -> h5py.Group:
    """Make the group of an observable with its attributes."""
    group: Any = file
    for name in observable.path:
        group = group["nodes"][rename(name)]
    group = group["observables"].create_group(observable.name)
    group.attrs["shape"] = np.array(observable.features, np.int64)
    if observable.form == "events":
        group.attrs["__type__"] = "EventData"
        group.attrs["n_neurons"] = observable.neurons
        group.attrs["t_max"] = end_of_run(run)
    else:
        group.attrs["__type__"] = "TimeGriddedData"
        group.attrs["dt"] = run.dt
    return group


def _dtypes(observable: Observable, run: Run) -> dict[str, np.dtype]:
    """Name and dtype of each dataset of an observable."""
    if observable.form == "events":
        return {"idx": np.dtype(np.int64), "time": np.dtype(np.float64)}
    return {"data": np.dtype(bool if observable.form == "bool" else run.dtype)}


def _write_values(
    group: h5py.Group, observable: Observable, pieces: Pieces, run: Run, compression: str | None
) -> None:
    neurons = observable.neurons
    ((name, dtype),) = _dtypes(observable, run).items()
    data = group.create_dataset(
        name,
        (run.samples, run.steps, neurons),
        dtype,
        chunks=_chunks(run.steps, neurons, dtype.itemsize),
        compression=compression,
        shuffle=compression is not None and dtype.itemsize > 1,
    )
    start = 0
    for piece in pieces():
        flat = by_sample(piece, run.samples, neurons)
        data[:, start : start + len(piece)] = flat.astype(dtype)
        start += len(piece)


def _write_events(
    group: h5py.Group, observable: Observable, pieces: Pieces, run: Run, compression: str | None
) -> None:
    neurons = observable.neurons
    counts = np.zeros(run.samples, np.int64)
    for piece in pieces():
        counts += np.count_nonzero(by_sample(piece, run.samples, neurons), axis=(1, 2))
    most = int(counts.max(initial=0))
    options: dict[str, Any] = {}
    if most and run.samples:
        options = {"chunks": (1, min(most, CHUNK_BYTES // 8)), "compression": compression}
    idx, time = (
        group.create_dataset(name, (run.samples, most), dtype, fillvalue=fill, **options)
        for (name, dtype), fill in zip(_dtypes(observable, run).items(), (-1, np.inf), strict=True)
    )
    for sample, place, neuron, when in event_rows(pieces(), neurons, run):
        idx[sample, place], time[sample, place] = neuron, when


def _chunks(steps: int, neurons: int, itemsize: int) -> tuple[int, int, int] | None:
    if not steps or not neurons:
        return None
    wide = min(neurons, CHUNK_BYTES // itemsize)
    return (1, max(1, min(steps, CHUNK_STEPS, CHUNK_BYTES // (wide * itemsize))), wide)
