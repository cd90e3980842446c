"""Recordings in files: `.npz`, HDF5 and CSV, read without trust."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from nirx.dynamics.ops import Shape
from nirx.errors import FileError, InputError
from nirx.files.archive import load_arrays, member_name
from nirx.files.hdf5_heap import refuse_endless_heaps
from nirx.files.hdf5_tree import read_tree
from nirx.graphs.recording import resolve_record
from nirx.graphs.schedule import Schedule
from nirx.recordings.recording_csv import read_csv

__all__ = ["read_recording", "require_known"]

FORMATS = ".npz, .h5, .hdf5 or .csv"


def read_recording(path: Path, schedule: Schedule, lead: Shape) -> dict[str, np.ndarray]:
    """What was observed, by record key.

    Arguments:
        path: `.npz` (member names are record keys), `.h5` or `.hdf5` (paths of datasets are),
            or `.csv` (one row per event or sample: step, node, index, value, perhaps sample).
        schedule: of the graph; a CSV file says neither shapes nor what holds spikes.
        lead: time and batch of the input.

    Returns: {record key: array [time, *batch, *features]}, not yet compared with the graph.

    **Raises**: `FileError` for what cannot be read, `InputError` for rows that fit nothing.
    """
    kind = path.suffix.lower()
    if kind not in (".npz", ".h5", ".hdf5", ".csv"):
        raise FileError(f"{path}: a recording of unknown format {kind!r}; expected {FORMATS}")
    if not path.is_file():
        raise FileError(f"{path}: " + ("not a file" if path.exists() else "no such file"))
    if kind == ".csv":
        return read_csv(path, schedule, lead)
    return _of_npz(path, schedule) if kind == ".npz" else _of_hdf5(path)


def require_known(path: Path, schedule: Schedule, keys: Iterable[Any]) -> None:
    """**Raises** `InputError` that names the file for a record key that the graph lacks."""
    for key in keys:
        try:
            resolve_record(schedule, [key])
        except InputError as error:
            raise InputError(f"{path}: {error}") from error


def _of_npz(path: Path, schedule: Schedule) -> dict[str, np.ndarray]:
    found = load_arrays(path)
    if isinstance(found, np.ndarray):
        raise FileError(f"{path}: one array without a name; expected an .npz with one per key")
    every = (probe.key for probe in resolve_record(schedule, "all"))
    keys = {member_name(key): key for key in every if isinstance(key, str)}
    return {keys.get(name, name): array for name, array in found.items()}


def _of_hdf5(path: Path) -> dict[str, np.ndarray]:
    try:
        refuse_endless_heaps(str(path))
        with h5py.File(path, "r") as file:
            tree = read_tree(file, str(path), str)
    except FileError as error:  # of a NIR file, whose nodes stand below "/node"
        raise FileError(str(error).replace(f"{path}: /node/", f"{path}: /")) from error
    except (OSError, RuntimeError, ValueError, TypeError, KeyError, MemoryError) as error:
        # h5py lets through what HDF5 says of a damaged file in any of these.
        raise FileError(f"{path}: not a readable HDF5 file: {error}") from error
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
