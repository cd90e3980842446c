"""Spikes as events: per sample a row of neurons and a row of times, in one form only.

An event of step k is at (k + 1/2)*dt: nir's own `to_time_gridded` loses some that are at k*dt.
Events are in order of step and neuron, each once. Padding is neuron -1 at infinity.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from nirx.errors import FileError
from nirx.references.damage import CHANGED
from nirx.references.layout import Run, by_sample

__all__ = ["end_of_run", "event_rows", "read_events", "require_event_rows"]

EVENTS = 2**16
"""Events that are read together."""


def end_of_run(run: Run) -> float:
    """t_max, half a step after the last one."""
    return (run.steps + 0.5) * run.dt


def event_rows(
    pieces: Iterable[np.ndarray], neurons: int, run: Run
) -> Iterator[tuple[int, slice, np.ndarray, np.ndarray]]:
    """The events of a recording, as they are stored.

    Arguments:
        pieces: the recording, chunk by chunk, each `[time, *batch, *features]`.

    Returns: sample, place in its row, neurons and times of some events at a time.
    """
    filled, start = [0] * run.samples, 0
    for piece in pieces:
        for sample, flat in enumerate(by_sample(piece, run.samples, neurons)):
            step, neuron = np.nonzero(flat)
            place = slice(filled[sample], filled[sample] + len(step))
            yield sample, place, neuron, (start + step + 0.5) * run.dt
            filled[sample] = place.stop
        start += len(piece)


def read_events(
    idx: Any, time: Any, neurons: int, run: Run, span: tuple[int, int], offsets: list[int]
) -> tuple[np.ndarray, list[int]]:
    """Some steps of a recording from its rows.

    Arguments:
        idx, time: arrays or datasets `[samples, events]`.
        span: first step, and the one after the last.
        offsets: where to begin in the row of each sample.

    Returns: `[samples, steps, neurons]`, and where the next step begins in each row.

    **Raises**: `ValueError` for a neuron that does not exist.
    """
    start, stop = span
    flat, ends = np.zeros((run.samples, stop - start, neurons), bool), list(offsets)
    for sample in range(run.samples):
        while ends[sample] < idx.shape[1]:
            block = slice(ends[sample], ends[sample] + EVENTS)
            own = np.asarray(idx[sample, block])
            with np.errstate(invalid="ignore", over="ignore"):  # padding is at infinity
                steps = np.floor(np.asarray(time[sample, block]) / run.dt)
            before_stop = (own >= 0) & (steps < stop)
            count = len(own) if before_stop.all() else int(before_stop.argmin())
            here = steps[:count] >= start
            spiking = own[:count][here]
            if (spiking >= neurons).any():
                raise ValueError(f"an event of neuron {own.max()}, but there are {neurons}")
            flat[sample, steps[:count][here].astype(np.int64) - start, spiking] = True
            ends[sample] += count
            if count < len(own):
                break
    return flat, ends


def require_event_rows(
    where: str, idx: Any, time: Any, pieces: Iterable[np.ndarray], neurons: int, run: Run
) -> None:
    """Raise `FileError` for events that nirx would have stored in another way.

    The digest covers the spikes. It does not see events between two steps, twice, in another
    order or after the end, but other readers do.

    Arguments:
        where: file and recording, for messages.
        pieces: the recording that was read from these rows.
    """
    filled = [0] * run.samples
    for sample, place, neuron, when in event_rows(pieces, neurons, run):
        _require_same(where, idx, time, sample, place, neuron, when)
        filled[sample] = place.stop
    for sample in range(run.samples):
        for start in range(filled[sample], idx.shape[1], EVENTS):
            _require_same(where, idx, time, sample, slice(start, start + EVENTS), -1, np.inf)
    if max(filled, default=0) < idx.shape[1]:
        raise FileError(f"{where} is padded beyond its longest row: {CHANGED}")


def _require_same(
    where: str, idx: Any, time: Any, sample: int, place: slice, neuron: Any, when: Any
) -> None:
    own, times = np.asarray(idx[sample, place]), np.asarray(time[sample, place])
    wrong = (own != neuron) | (times != when)
    if wrong.any():
        at = int(wrong.argmax())
        neuron, when = (np.broadcast_to(x, wrong.shape)[at].item() for x in (neuron, when))
        raise FileError(
            f"{where}, sample {sample}: event {place.start + at} is of neuron {own[at].item()} at "
            f"{times[at].item()!r}; nirx writes neuron {neuron} at {when!r} there: {CHANGED}"
        )
