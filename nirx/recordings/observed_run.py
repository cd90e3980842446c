"""Recordings of any origin, read in slices of time; arrays are the simplest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from nirx.basics.foreign_arrays import to_numpy
from nirx.dynamics.ops import Shape
from nirx.errors import InputError
from nirx.graphs.recording import resolve_record
from nirx.recordings.event_timing import EventTiming
from nirx.recordings.run_layout import RunLayout
from nirx.references.layout import Observable

__all__ = ["ObservedRun", "Track", "array_track", "match_keys", "stream_arrays"]


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
        timing: how events fell between steps; None for arrays.
    """

    name: str
    tracks: Mapping[str, Track]
    extra: tuple[str, ...] = ()
    given: tuple[str, ...] = ()
    close: Callable[[], object] = lambda: None
    notes: tuple[str, ...] = ()
    timing: EventTiming | None = None


def stream_arrays(layout: RunLayout, arrays: Any, name: str) -> ObservedRun:
    """Arrays `[time, *batch, *features]` by record key. **Raises** `InputError`."""
    if not isinstance(arrays, Mapping):
        raise InputError(
            f"observed is a {type(arrays).__name__}; expected a path, or {{record key: array}} as "
            'in {"lif1": spikes, "lif1.v": trace}'
        )
    matched, extra = match_keys(layout, list(arrays), name)
    tracks = {}
    for key, observable in matched.items():
        where = f"{name}: {key!r}"
        try:
            array = to_numpy(arrays[key])
        except Exception as error:  # a foreign array type can raise anything
            kind = type(arrays[key]).__name__
            raise InputError(f"{where} is a {kind}; expected an array") from error
        tracks[observable.key] = array_track(layout, observable, array, where)
    return ObservedRun(name, tracks, extra)


def match_keys(
    layout: RunLayout, keys: list[Any], name: str
) -> tuple[dict[Any, Observable], tuple[str, ...]]:
    """The recording that each key stands for, and the keys that match none.

    **Raises**: `InputError` if two keys stand for the same recording.
    """
    exact: dict[Any, Observable] = {o.key: o for o in layout.observables}
    matched: dict[Any, Observable] = {}
    extra: list[str] = []
    seen: dict[str, Any] = {}
    for key in keys:
        found = (exact.get(key) if isinstance(key, str) else None) or _resolved(layout, key)
        if found is None:
            extra.append(str(key))
            continue
        if found.key in seen:
            raise InputError(f"{name}: {seen[found.key]!r} and {key!r} are the same recording")
        seen[found.key], matched[key] = key, found
    return matched, tuple(extra)


def _resolved(layout: RunLayout, key: Any) -> Observable | None:
    try:
        (probe,) = resolve_record(layout.schedule, [key])
    except (InputError, TypeError):
        return None
    return layout.find(layout.schedule.nodes[probe.position].path, probe.variable)


def array_track(layout: RunLayout, observable: Observable, array: Any, where: str) -> Track:
    """An array [time, *batch, *features], or a dataset of this shape, as a track.

    **Raises**: `InputError` for another shape or dtype.
    """
    if array.dtype.kind not in "biuf":
        raise InputError(f"{where} has dtype {array.dtype}; expected real numbers")
    shape, features = tuple(array.shape), observable.features
    expected = (*layout.lead, *features)
    leads = [lead for lead in (layout.batch, (layout.samples,)) if lead]
    if shape != expected and shape in [(*lead, layout.steps, *features) for lead in leads]:
        raise InputError(
            f"{where} has shape {shape}; time comes first: expected {expected}, "
            "[time, batch, features]"
        )
    samples = _samples(shape, layout.batch, features)
    if samples is None:
        raise InputError(
            f"{where} has shape {shape}; expected {expected}: time, batch and "
            "features of the reference"
        )

    def read(start: int, stop: int) -> np.ndarray:
        return np.asarray(array[start:stop]).reshape(stop - start, samples, observable.neurons)

    return Track(shape[0], samples, read)


def _samples(shape: Shape, batch: Shape, features: Shape) -> int | None:
    """Number of samples in `[time, *batch, *features]`; None for any other shape."""
    axes = len(shape) - len(features)
    if axes < 1 or shape[axes:] != features:
        return None
    lead, size = shape[1:axes], int(np.prod(batch, dtype=np.int64))
    if lead == batch or (not lead and size == 1):
        return size
    return lead[0] if len(batch) == len(lead) == 1 else None
