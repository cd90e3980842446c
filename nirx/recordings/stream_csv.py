"""The arrays of a CSV file as an `ObservedRun`: what it means that a node has no rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from nirx.basics.name_list import name_list
from nirx.recordings.observed_run import ObservedRun
from nirx.recordings.run_layout import RunLayout
from nirx.recordings.stream_arrays import array_track, stream_arrays

__all__ = ["stream_csv"]


def stream_csv(layout: RunLayout, path: Path, arrays: Mapping[str, np.ndarray]) -> ObservedRun:
    """The recordings of a CSV file. **Raises** `InputError`.

    Arguments:
        arrays: what `load_file` found in it.
    """
    trains = [
        o for o in layout.observables if layout.spiking(o) and layout.node(o).type_name != "Input"
    ]
    if not arrays:  # a list of spikes without spikes names no node: no node has spiked
        zero = np.zeros(())
        silent = {
            o.key: array_track(layout, o, np.broadcast_to(zero, (*layout.lead, *o.features)), o.key)
            for o in trains
        }
        note = f"{path} has no rows: compared as no spikes at all"
        return ObservedRun(str(path), silent, notes=(note,))
    run = stream_arrays(layout, arrays, str(path))
    # Spike trains without rows, where others have some: these layers may be dead.
    lost = [o.key for o in trains if o.key not in run.tracks and not layout.repeats(o)]
    if not lost or not any(o.key in run.tracks for o in trains):
        return run
    each = "it" if len(lost) == 1 else "each"
    note = (
        f"no rows of {name_list(map(repr, lost))}: not compared; a layer that never spiked looks "
        f"the same: add a row of {each} with value 0"
    )
    return replace(run, notes=(note,))
