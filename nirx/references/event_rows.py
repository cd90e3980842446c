"""Events of a reference, held to the one form in which nirx writes them."""

from __future__ import annotations

from typing import Any

import numpy as np

from nirx.errors import FileError
from nirx.references.contents import CHANGED
from nirx.references.event_times import steps_of, times_of

__all__ = ["require_event_rows"]

EVENTS = 2**16
"""Events that are looked at together."""


def require_event_rows(
    where: str, idx: Any, time: Any, shape: tuple[int, int, int], dt: float
) -> None:
    """Raise `FileError` for events that nirx would not have written so.

    The digest is of the spikes: events between two steps, twice, in another order or after the
    end would be the same to it, but not to other readers.

    Arguments:
        where: file and recording, for messages.
        idx, time: arrays or datasets (samples, events).
        shape: samples, steps and neurons.
    """
    samples = shape[0]
    if idx.shape != time.shape or len(idx.shape) != 2 or idx.shape[0] != samples:
        raise FileError(
            f"{where} has idx of shape {idx.shape} and time of {time.shape}; nirx writes both "
            f"with {samples} rows of one length: {CHANGED}"
        )
    counts = [_count(f"{where}, sample {n}", idx, time, n, shape, dt) for n in range(samples)]
    if max(counts, default=0) != idx.shape[1] and samples:
        raise FileError(f"{where} is padded further than its longest row: {CHANGED}")


def _count(
    where: str, idx: Any, time: Any, sample: int, shape: tuple[int, int, int], dt: float
) -> int:
    """How many events a sample has."""
    _, steps, neurons = shape
    count, width = 0, idx.shape[1]
    last_step, last_neuron = np.full(1, -1.0), np.full(1, -1)
    for start in range(0, width, EVENTS):
        own = np.asarray(idx[sample, start : start + EVENTS])
        times = np.asarray(time[sample, start : start + EVENTS])
        events = int((own == -1).argmax()) if (own == -1).any() else len(own)
        if (own[events:] != -1).any() or (times[events:] != np.inf).any():
            raise FileError(f"{where}: padding is not idx -1 at time inf: {CHANGED}")
        if not events:
            continue
        if count < start:
            raise FileError(f"{where}: there is an event after the padding: {CHANGED}")
        own, times = own[:events], times[:events]
        step = steps_of(times, dt)
        odd = ~((step >= 0) & (step < steps) & (times_of(step, dt) == times))
        if odd.any():
            raise FileError(
                f"{where}: an event has the time {float(times[odd.argmax()])!r}; expected the "
                f"middle of one of {steps} steps of {dt!r}: {CHANGED}"
            )
        if ((own < 0) | (own >= neurons)).any():
            raise FileError(f"{where}: an event is of none of {neurons} neurons: {CHANGED}")
        moves = np.diff(np.concatenate([last_step, step]))
        rises = np.diff(np.concatenate([last_neuron, own]))
        if not ((moves > 0) | ((moves == 0) & (rises > 0))).all():
            raise FileError(
                f"{where}: events are there twice, or not in order of step and neuron: {CHANGED}"
            )
        last_step, last_neuron, count = step[-1:], own[-1:], count + events
    return count
