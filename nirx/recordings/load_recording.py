"""A recording of any format as whole arrays, for `nirx diagnose`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nirx.dynamics.ops import Shape
from nirx.errors import FileError, InputError, NirxError
from nirx.graphs.recording import resolve_record
from nirx.graphs.schedule import Schedule
from nirx.inputs.event_format import EventFormat
from nirx.recordings.event_timing import EventTiming
from nirx.recordings.load_file import load_file, refuse_format
from nirx.recordings.observed_run import Track
from nirx.recordings.run_layout import RunLayout
from nirx.recordings.stream_file import is_nirdata, stream_file
from nirx.references.layout import observables

__all__ = ["Recording", "load_recording"]

PLACE = re.compile(r"/?nodes/(?P<node>[^ :]*?)/observables/(?P<name>[^ :/]+)(/data)?")


@dataclass(frozen=True)
class Recording:
    """What was recorded.

    Arguments:
        arrays: `[time, *batch, *features]` by record key.
        timing: how events fell between steps; None for arrays.
        notes: assumptions that were made, in sentences.
    """

    arrays: Mapping[Any, np.ndarray]
    timing: EventTiming | None = None
    notes: tuple[str, ...] = ()


def load_recording(
    path: Path,
    schedule: Schedule,
    lead: Shape,
    dts: Sequence[float],
    form: EventFormat | None = None,
) -> Recording:
    """What was recorded of the graph's nodes, by record key, `[time, *batch, *features]`.

    Arguments:
        path, schedule, lead: as in `load_file`; here a file may also hold NIRData or be a
            reference of nirx.
        dts: lengths of a step; NIRData and references must have one of them, and times of
            other events need a single one.
        form: how events are laid out; None recognises the usual names.

    **Raises**: `FileError` for unreadable files, `InputError` for a recording that does not
    match the graph or the run.
    """
    if is_nirdata(path):
        refuse_format(str(path), form)
        return Recording(_load_nirdata(path, schedule, lead, dts))
    found = load_file(path, schedule, lead, form)
    if found.timing is not None and found.timing.unit != "steps" and len(dts) > 1:
        raise InputError(
            f"{path}: its events have times, so their steps depend on dt; expected one dt, "
            f"not {list(dts)}"
        )
    for key in (*found.arrays, *found.unknown):
        try:
            resolve_record(schedule, [key])
        except InputError as error:
            raise InputError(f"{path}: {error}") from error
    return Recording(found.arrays, found.timing, found.notes)


def _load_nirdata(
    path: Path, schedule: Schedule, lead: Shape, dts: Sequence[float]
) -> dict[Any, np.ndarray]:
    failures: list[NirxError] = []
    every, dtype = observables(schedule, "all"), np.dtype("float64")
    for dt in dts:
        layout = RunLayout(schedule, every, lead[0], lead[1:], dtype, dt)
        try:
            with closing(stream_file(layout, path)) as run:
                return _arrays(path, layout, run.tracks)
        except (FileError, InputError) as error:
            failures.append(error)
    raise type(failures[0])(_plain(str(failures[0]))) from failures[0]


def _arrays(path: Path, layout: RunLayout, tracks: Mapping[str, Track]) -> dict[Any, np.ndarray]:
    found: dict[Any, np.ndarray] = {}
    for own in layout.observables:
        track = tracks.get(own.key)
        if track is None or layout.node(own).type_name == "Input":  # Inputs drive the run
            continue
        if (track.steps, track.samples) != (layout.steps, layout.samples):
            raise InputError(
                f"{path}: {own.key!r} has {track.steps} steps and {track.samples} samples; "
                f"the input has {layout.steps} and {layout.samples}"
            )
        array = track.read(0, layout.steps).reshape(*layout.lead, *own.features)
        found[layout.record_key(own)] = array
    if not found:
        raise InputError(f"{path}: it holds no recording of a node of this graph")
    return found


def _plain(text: str) -> str:
    """A message of `stream_file` in terms of the graph and the run."""
    text = PLACE.sub(lambda m: f"{m['node'].replace('/nodes/', '/')}.{m['name']}", text)
    return text.replace("the reference dt=", "the run dt=").replace("the reference", "the graph")
