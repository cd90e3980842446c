"""Recordings of any origin, read in slices of time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

__all__ = ["ObservedRun", "Track"]


@dataclass(frozen=True)
class Track:
    """One recording.

    Arguments:
        steps, samples: its length and its number of samples.
        read: returns steps start..stop-1 as numbers, `[time, samples, neurons]`.
    """

    steps: int
    samples: int
    read: Callable[[int, int], np.ndarray]


@dataclass(frozen=True)
class ObservedRun:
    """All recordings of one run.

    Arguments:
        name: the file or backend, for messages.
        tracks: by the reference's keys.
        extra: recordings that the reference does not have.
        given: keys that are inputs of the run rather than observations.
        close: releases the files; called once, at the end.
        notes: assumptions that were made, in sentences.
    """

    name: str
    tracks: Mapping[str, Track]
    extra: tuple[str, ...] = ()
    given: tuple[str, ...] = ()
    close: Callable[[], object] = lambda: None
    notes: tuple[str, ...] = ()
