"""Files that `nirx verify` takes: a reference, NIRData, plain HDF5, `.npz` and `.csv`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from nirx.errors import FileError
from nirx.files.hdf5_tree import MOST_DEPTH
from nirx.inputs.hdf5 import OpenFile
from nirx.inputs.nirdata import GRAPH_DATA
from nirx.inputs.watched import Watched
from nirx.recordings.csv_recordings import of_csv
from nirx.recordings.nirdata_tracks import of_nirdata, require_dt
from nirx.recordings.other import Other, Track, by_key, flat_track, of_arrays
from nirx.recordings.recording_file import FORMATS, read_recording
from nirx.recordings.subject import Subject
from nirx.references.damage import damage_as_file_error
from nirx.references.reading import HEADER, ReferenceFile

__all__ = ["of_file"]


def of_file(subject: Subject, path: Path, advance: Callable[[int], object]) -> Other:
    """The recordings of a file.

    Arguments:
        advance: called with steps of a reference as its digests are computed.

    **Raises**: `FileError`, `InputError`.
    """
    kind = path.suffix.lower()
    if kind == ".csv":
        return of_csv(subject, path)
    if kind == ".npz":
        lead = (subject.file.steps, *subject.file.batch)
        return of_arrays(subject, read_recording(path, subject.schedule, lead), str(path))
    if kind not in (".h5", ".hdf5"):
        raise FileError(f"{path}: a recording of unknown format {kind!r}; expected {FORMATS}")
    file = OpenFile(Watched(path))
    try:
        with file.reading():
            sealed = HEADER in file.root
        if sealed:
            file.root.close()
            return _of_reference(subject, path, advance)
        if file.kind(file.root) == GRAPH_DATA:
            return of_nirdata(subject, file)
        return _of_datasets(subject, file)
    except BaseException:
        file.root.close()
        raise


def _of_reference(subject: Subject, path: Path, advance: Callable[[int], object]) -> Other:
    """Another reference, which has to match its digests as well."""
    with damage_as_file_error(str(path)):
        file = ReferenceFile(path)
    try:
        file.verify_content(advance)
        dt = subject.file.discretization.dt
        require_dt(str(path), file.discretization.dt, dt)
        tracks, extra = {}, []
        for own in file.observables:
            observable = subject.of(own.path, own.variable)
            if observable is None:
                extra.append(own.key)
                continue
            view = _Slices(file, own)
            tracks[observable.key] = flat_track(subject, observable, view, f"{path}: {own.key!r}")
    except BaseException:
        file.close()
        raise
    return Other(str(path), tracks, tuple(extra), close=file.close)


class _Slices:
    """A recording of a reference as an array that is read by slices of time."""

    def __init__(self, file: ReferenceFile, observable: Any):
        self._file, self._observable = file, observable
        self.shape, self.dtype = file.shape(observable), np.dtype(file.dtype)

    def __getitem__(self, steps: slice) -> Any:
        return self._file.read(self._observable, steps.start, steps.stop)


def _of_datasets(subject: Subject, file: OpenFile) -> Other:
    """Plain HDF5: paths of datasets are record keys."""
    found = dict(_datasets(file))
    matched, extra = by_key(subject, sorted(found), str(file.path))
    tracks: dict[str, Track] = {}
    for key, observable in matched.items():
        where = f"{file.path}: {key!r}"
        tracks[observable.key] = flat_track(subject, observable, file.column(found[key]), where)
    return Other(str(file.path), tracks, extra, close=file.root.close)


def _datasets(file: OpenFile) -> Iterator[tuple[str, Any]]:
    """Every dataset with its path."""
    work: list[tuple[str, int, Any]] = [("", 0, file.root)]
    while work:
        place, depth, group = work.pop()
        if depth > MOST_DEPTH:
            raise FileError(f"{file.path}: groups are nested deeper than {MOST_DEPTH}")
        for name in file.names(group):
            item = file.child(group, name)
            if isinstance(item, h5py.Group):
                work.append((f"{place}{name}/", depth + 1, item))
            else:
                yield place + name, item
