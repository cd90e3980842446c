"""The arrays of a CSV file as an `ObservedRun`: what it means that a node has no rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from nirx.basics.name_list import name_list
from nirx.recordings.observed_run import ObservedRun, Track
from nirx.recordings.run_layout import RunLayout
from nirx.recordings.stream_arrays import stream_arrays
from nirx.references.layout import Observable

__all__ = ["stream_csv"]


def stream_csv(layout: RunLayout, path: Path, arrays: Mapping[str, np.ndarray]) -> ObservedRun:
    """The recordings of a CSV file. **Raises** `InputError`.

    Arguments:
        arrays: what `load_file` found in it.
    """
    trains = _spike_trains(layout)
    if not arrays:  # a list of spikes without spikes names no node: no node has spiked
        silent = {o.key: _silence(layout, o.neurons) for o in trains}
        note = f"{path} has no rows: compared as no spikes at all"
        return ObservedRun(str(path), silent, notes=(note,))
    run = stream_arrays(layout, arrays, str(path))
    return replace(run, notes=_missing_trains(layout, trains, run))


def _missing_trains(
    layout: RunLayout, trains: list[Observable], run: ObservedRun
) -> tuple[str, ...]:
    """A note on spike trains without rows, if others have some: these layers may be dead."""
    lost = [o.key for o in trains if o.key not in run.tracks and not layout.repeats(o)]
    if not lost or not any(o.key in run.tracks for o in trains):
        return ()
    each = "it" if len(lost) == 1 else "each"
    return (
        f"no rows of {name_list(map(repr, lost))}: not compared; a layer that never spiked looks "
        f"the same: add a row of {each} with value 0",
    )


def _spike_trains(layout: RunLayout) -> list[Observable]:
    """All spike trains but the run's inputs."""
    return [
        o for o in layout.observables if layout.spiking(o) and layout.node(o).type_name != "Input"
    ]


def _silence(layout: RunLayout, neurons: int) -> Track:
    samples = layout.samples
    return Track(layout.steps, samples, lambda a, b: np.zeros((b - a, samples, neurons)))
