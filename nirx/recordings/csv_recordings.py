"""A recording in CSV, and what no row of it names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from nirx.recordings.other import Other, Track, of_arrays
from nirx.recordings.recording_file import read_recording
from nirx.recordings.subject import Subject
from nirx.references.layout import Observable

__all__ = ["of_csv"]

MOST_NAMES = 8


def of_csv(subject: Subject, path: Path) -> Other:
    """The recordings of a CSV file. **Raises** `FileError`, `InputError`; both name the line."""
    lead = (subject.file.steps, *subject.file.batch)
    found = read_recording(path, subject.schedule, lead)
    if not found:
        return _silence(subject, path)
    other = of_arrays(subject, found, str(path))
    return replace(other, notes=_unnamed(subject, other))


def _silence(subject: Subject, path: Path) -> Other:
    """A list of spikes that has none, and so names no node: none of them has spiked."""
    samples, steps = subject.file.samples, subject.file.steps
    tracks = {
        o.key: Track(steps, samples, _zeros(samples, o.neurons)) for o in _spike_trains(subject)
    }
    note = f"{path} has no rows: compared as no spikes at all"
    return Other(str(path), tracks, notes=(note,))


def _unnamed(subject: Subject, other: Other) -> tuple[str, ...]:
    """Says of which spikes there are no rows, if there are of others: they may be dead layers."""
    trains = _spike_trains(subject)
    lost = [o.key for o in trains if o.key not in other.tracks and not subject.repeats(o)]
    if not lost or not any(o.key in other.tracks for o in trains):
        return ()
    names = ", ".join(map(repr, lost[:MOST_NAMES]))
    more = f" and {len(lost) - MOST_NAMES} more" if len(lost) > MOST_NAMES else ""
    each = "it" if len(lost) == 1 else "each"
    return (
        f"no rows of {names}{more}: not compared; a layer that never spiked looks the same: add "
        f"a row of {each} with value 0",
    )


def _spike_trains(subject: Subject) -> list[Observable]:
    """What a list of spikes can tell of: all that spikes, but for what the graph is given."""
    nodes, positions = subject.schedule.nodes, subject.schedule.positions
    return [
        o
        for o in subject.file.observables
        if subject.spiking(o) and nodes[positions[o.path]].type_name != "Input"
    ]


def _zeros(samples: int, neurons: int) -> Callable[[int, int], np.ndarray]:
    return lambda start, stop: np.zeros((stop - start, samples, neurons))
