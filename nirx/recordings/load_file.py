"""Recordings in `.npz`, HDF5, CSV and AEDAT4 files as whole arrays; the files are not trusted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from nirx.dynamics.ops import Shape
from nirx.errors import FileError, InputError
from nirx.files.archive import member_name
from nirx.files.archive_reading import Members, load_arrays
from nirx.files.hdf5_tree import read_tree
from nirx.files.limits import DATA_LIMITS
from nirx.files.source import require_file
from nirx.graphs.recording import resolve_record
from nirx.graphs.schedule import Schedule
from nirx.inputs.event_format import EventFormat
from nirx.inputs.hdf5 import OpenFile
from nirx.inputs.watched import Watched
from nirx.recordings.event_layers import Loaded
from nirx.recordings.load_csv import load_csv
from nirx.recordings.load_event_groups import load_aedat, load_event_groups, walk

__all__ = ["HDF5", "datasets", "load_file", "load_run", "refuse_format"]

HDF5 = (".h5", ".hdf5")
AEDAT = ".aedat4"


def load_file(
    path: Path, schedule: Schedule, lead: Shape, form: EventFormat | None = None
) -> Loaded:
    """The arrays of a file by record key.

    Arguments:
        path: `.npz` (member names are record keys), `.h5` or `.hdf5` (paths of datasets are, or
            of groups of events), `.csv` (one row per event or sample) or `.aedat4` (events).
        schedule: of the graph; events themselves say neither shapes nor which nodes spike.
        lead: time and batch of the input.
        form: how events are laid out; None recognises the usual names.

    Returns: arrays [time, *batch, *features], not yet compared with the graph, and how events
    fell between steps.

    **Raises**: `FileError` for unreadable files, `InputError` for events that do not match,
    `UnsupportedError` for AEDAT4 without the package aedat.
    """
    kind = _kind_of(path, (".npz", *HDF5, ".csv", AEDAT))
    if kind == ".csv":
        return load_csv(path, schedule, lead, form)
    if kind == AEDAT:
        return load_aedat(path, schedule, lead, form)
    if kind in HDF5:
        return _load_hdf5(path, schedule, lead, form)
    refuse_format(str(path), form)
    return Loaded(_load_npz(path, schedule))


def load_run(path: Path, schedule: Schedule) -> Mapping[str, np.ndarray]:
    """The arrays by record key that `nirx run --out` wrote.

    Arguments:
        path: `.npz`, `.h5` or `.hdf5`.
        schedule: of the graph.

    **Raises**: `FileError`.
    """
    is_npz = _kind_of(path, (".npz", *HDF5)) == ".npz"
    return _load_npz(path, schedule) if is_npz else _load_datasets(path)


def _kind_of(path: Path, kinds: tuple[str, ...]) -> str:
    """The suffix of a file that is there. **Raises** `FileError`, also for one of no known kind."""
    kind = path.suffix.lower()
    if kind not in kinds:
        *most, last = kinds
        raise FileError(
            f"{path}: a recording of unknown format {kind!r}; expected {', '.join(most)} or {last}"
        )
    require_file(path)
    return kind


def refuse_format(where: str, form: EventFormat | None) -> None:
    """**Raises** `InputError` if a file without lists of events was given a format of events."""
    if form is not None:
        raise InputError(
            f"{where}: it holds no lists of events; columns, units, offsets and address maps "
            "go with .csv, .aedat4, and HDF5 with groups of events"
        )


def _load_npz(path: Path, schedule: Schedule) -> Members:
    found = load_arrays(path)
    if isinstance(found, np.ndarray):
        raise FileError(f"{path}: one array without a name; expected an .npz with one per key")
    every = (probe.key for probe in resolve_record(schedule, "all"))
    found.rename({member_name(key): key for key in every if isinstance(key, str)})
    return found


def _load_hdf5(path: Path, schedule: Schedule, lead: Shape, form: EventFormat | None) -> Loaded:
    with closing(OpenFile(Watched(path))) as file:
        found, taken = load_event_groups(file, schedule, lead, form)
        if found is not None:
            rest = dict(datasets(file, taken))
            arrays = {key: file.column(item)[()] for key, item in sorted(rest.items())}
            return replace(found, arrays={**found.arrays, **arrays})
    refuse_format(str(path), form)
    return Loaded(_load_datasets(path))


def datasets(file: OpenFile, skip: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Every dataset with its path, but for those in groups that hold events.

    **Raises**: `FileError`.
    """
    return ((p, item) for p, item in walk(file, skip) if not isinstance(item, h5py.Group))


def _load_datasets(path: Path) -> dict[str, np.ndarray]:
    try:
        with closing(OpenFile(Watched(path))) as file, file.reading():
            size = file.watched.size
            tree = read_tree(file.root, str(path), str, size, DATA_LIMITS, fills=True)
    except FileError as error:  # `read_tree` expects a NIR file, whose nodes are below "/node"
        raise FileError(str(error).replace(f"{path}: /node/", f"{path}: /")) from error
    arrays: dict[str, np.ndarray] = {}
    work: list[tuple[str, Mapping[str, Any]]] = [("", tree)]
    while work:
        place, group = work.pop()
        for name, item in group.items():
            if isinstance(item, Mapping):
                work.append((f"{place}{name}/", item))
            elif isinstance(item, np.ndarray | np.generic):
                arrays[place + name] = np.asarray(item)
            else:
                raise FileError(f"{path}: /{place}{name} holds text; expected numbers")
    return dict(sorted(arrays.items()))
