"""Recordings in `.npz`, HDF5 and CSV files as whole arrays; the files are not trusted."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from nirx.dynamics.ops import Shape
from nirx.errors import FileError
from nirx.files.archive import load_arrays, member_name
from nirx.files.hdf5_tree import read_tree
from nirx.graphs.recording import resolve_record
from nirx.graphs.schedule import Schedule
from nirx.inputs.hdf5 import OpenFile
from nirx.inputs.watched import Watched
from nirx.recordings.load_csv import load_csv

__all__ = ["HDF5", "load_file"]

HDF5 = (".h5", ".hdf5")


def load_file(path: Path, schedule: Schedule, lead: Shape) -> dict[str, np.ndarray]:
    """The arrays of a file by record key.

    Arguments:
        path: `.npz` (member names are record keys), `.h5` or `.hdf5` (paths of datasets are),
            or `.csv` (one row per event or sample: step, node, index, value, perhaps sample).
        schedule: of the graph; a CSV file itself says neither shapes nor which nodes spike.
        lead: time and batch of the input.

    Returns: {record key: array [time, *batch, *features]}, not yet compared with the graph.

    **Raises**: `FileError` for unreadable files, `InputError` for CSV rows that do not match.
    """
    kind = path.suffix.lower()
    if kind not in (".npz", ".csv", *HDF5):
        raise FileError(
            f"{path}: a recording of unknown format {kind!r}; expected .npz, .h5, .hdf5 or .csv"
        )
    if not path.is_file():
        raise FileError(f"{path}: " + ("not a file" if path.exists() else "no such file"))
    if kind == ".csv":
        return load_csv(path, schedule, lead)
    return _load_npz(path, schedule) if kind == ".npz" else _load_hdf5(path)


def _load_npz(path: Path, schedule: Schedule) -> dict[str, np.ndarray]:
    found = load_arrays(path)
    if isinstance(found, np.ndarray):
        raise FileError(f"{path}: one array without a name; expected an .npz with one per key")
    every = (probe.key for probe in resolve_record(schedule, "all"))
    keys = {member_name(key): key for key in every if isinstance(key, str)}
    return {keys.get(name, name): array for name, array in found.items()}


def _load_hdf5(path: Path) -> dict[str, np.ndarray]:
    try:
        with closing(OpenFile(Watched(path))) as file, file.reading():
            tree = read_tree(file.root, str(path), str)
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
