"""A file as an `ObservedRun`: a reference, NIRData, plain HDF5, `.npz`, `.csv` or AEDAT4."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np

from nirx.basics.name_list import name_list
from nirx.errors import InputError
from nirx.inputs.event_format import EventFormat
from nirx.inputs.hdf5 import OpenFile
from nirx.inputs.nirdata import GRAPH_DATA
from nirx.inputs.watched import Watched
from nirx.recordings.event_layers import Loaded
from nirx.recordings.load_event_groups import load_event_groups
from nirx.recordings.load_file import HDF5, datasets, load_file, refuse_format
from nirx.recordings.observed_run import ObservedRun, array_track, match_keys, stream_arrays
from nirx.recordings.run_layout import RunLayout
from nirx.recordings.stream_nirdata import require_dt, stream_nirdata
from nirx.references.damage import damage_as_file_error
from nirx.references.layout import HEADER, Observable
from nirx.references.reading import ReferenceFile

__all__ = ["is_nirdata", "stream_file"]


def stream_file(
    layout: RunLayout,
    path: Path,
    advance: Callable[[int], object] = lambda steps: None,
    form: EventFormat | None = None,
) -> ObservedRun:
    """The recordings of a file.

    Arguments:
        form: how events are laid out; None recognises the usual names.
        advance: called with a number of steps as the digests of a reference are computed.

    **Raises**: `FileError`, `InputError`.
    """
    kind = path.suffix.lower()
    if kind not in HDF5:
        loaded = load_file(path, layout.schedule, layout.lead, form)
        run = _stream_csv if kind == ".csv" else _stream_loaded
        return run(layout, path, loaded)
    file = OpenFile(Watched(path))
    try:
        if _is_reference(file):
            file.close()
            refuse_format(str(path), form)
            return _stream_reference(layout, path, advance)
        if file.kind(file.root) == GRAPH_DATA:
            refuse_format(str(path), form)
            return stream_nirdata(layout, file)
        return _stream_hdf5(layout, file, form)
    except BaseException:
        file.close()
        raise


def _stream_loaded(layout: RunLayout, path: Path, loaded: Loaded) -> ObservedRun:
    """Arrays of a file that was loaded whole."""
    run = stream_arrays(layout, loaded.arrays, str(path))
    extra = (*run.extra, *loaded.unknown)
    return replace(run, extra=extra, notes=loaded.notes, timing=loaded.timing)


def _stream_csv(layout: RunLayout, path: Path, loaded: Loaded) -> ObservedRun:
    """What `load_file` found in a CSV file, where nodes that never spiked have no rows."""
    trains = [
        o for o in layout.observables if layout.spiking(o) and layout.node(o).type_name != "Input"
    ]
    if not loaded.arrays:  # a list of spikes without spikes names no node: no node has spiked
        zeros = {o.key: np.broadcast_to(0.0, (*layout.lead, *o.features)) for o in trains}
        silent = {o.key: array_track(layout, o, zeros[o.key], o.key) for o in trains}
        note = f"{path} has no rows: compared as no spikes at all"
        return ObservedRun(str(path), silent, notes=(*loaded.notes, note), timing=loaded.timing)
    run = _stream_loaded(layout, path, loaded)
    if not loaded.lists_layers:
        return run
    # Spike trains without rows, where others have some: these layers may be dead.
    lost = [o.key for o in trains if o.key not in run.tracks and not layout.repeats(o)]
    if not lost or not any(o.key in run.tracks for o in trains):
        return run
    each = "it" if len(lost) == 1 else "each"
    note = (
        f"no rows of {name_list(map(repr, lost))}: not compared; a layer that never spiked looks "
        f"the same: add a row of {each} with value 0"
    )
    return replace(run, notes=(*run.notes, note))


def is_nirdata(path: Path) -> bool:
    """Whether a file holds NIRGraphData, as `nir.write_data` and `nirx reference` write it."""
    if path.suffix.lower() not in HDF5 or not path.is_file():
        return False
    with closing(OpenFile(Watched(path))) as file:
        return _is_reference(file) or file.kind(file.root) == GRAPH_DATA


def _is_reference(file: OpenFile) -> bool:
    with file.reading():
        return HEADER in file.root


def _stream_reference(
    layout: RunLayout, path: Path, advance: Callable[[int], object]
) -> ObservedRun:
    """Another reference, which has to match its digests as well."""
    with damage_as_file_error(str(path)):
        file = ReferenceFile(path)
    try:
        file.verify_content(advance)
        require_dt(str(path), file.discretization.dt, layout.dt)
        tracks, extra = {}, []
        for own in file.observables:
            observable = layout.find(own.path, own.variable)
            if observable is None:
                extra.append(own.key)
                continue
            where = f"{path}: {own.key!r}"
            tracks[observable.key] = array_track(layout, observable, _Slices(file, own), where)
    except BaseException:
        file.close()
        raise
    return ObservedRun(str(path), tracks, tuple(extra), close=file.close)


class _Slices:
    """A recording of a reference as an array that is read by slices of time."""

    def __init__(self, file: ReferenceFile, observable: Observable):
        self._file, self._observable = file, observable
        self.shape, self.dtype = file.shape(observable), np.dtype(file.dtype)

    def __getitem__(self, steps: slice) -> np.ndarray:
        return self._file.read(self._observable, steps.start, steps.stop)


def _stream_hdf5(layout: RunLayout, file: OpenFile, form: EventFormat | None) -> ObservedRun:
    """HDF5 where paths of datasets, or of groups of events, are record keys."""
    loaded, taken = load_event_groups(file, layout.schedule, layout.lead, form)
    rest = dict(datasets(file, taken))
    matched, extra = match_keys(layout, sorted(rest), str(file.path))
    tracks = {
        o.key: array_track(layout, o, file.column(rest[key]), f"{file.path}: {key!r}")
        for key, o in matched.items()
    }
    if loaded is None:
        refuse_format(str(file.path), form)
        return ObservedRun(str(file.path), tracks, extra, close=file.close)
    run = _stream_loaded(layout, file.path, loaded)
    for key in run.tracks:
        if key in tracks:
            raise InputError(f"{file.path}: {key!r} is there twice, as events and as an array")
    tracks |= run.tracks
    return replace(run, tracks=tracks, extra=(*run.extra, *extra), close=file.close)
