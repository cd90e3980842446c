"""What is held against the reference: recordings of any origin, read in slices of time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from nirx.basics.foreign_arrays import to_numpy
from nirx.dynamics.ops import Shape
from nirx.errors import InputError
from nirx.graphs.recording import resolve_record
from nirx.recordings.subject import Subject
from nirx.references.layout import Observable

__all__ = ["Other", "Track", "by_key", "extent", "flat_track", "of_arrays"]


@dataclass(frozen=True)
class Track:
    """One recording.

    Arguments:
        steps, samples: how many it has.
        read: gives steps start..stop-1 as numbers, [time, samples, neurons].
    """

    steps: int
    samples: int
    read: Callable[[int, int], np.ndarray]


@dataclass(frozen=True)
class Other:
    """All recordings.

    Arguments:
        name: for people.
        tracks: by the reference's keys.
        extra: what the reference has no counterpart of.
        given: keys that were taken from the reference itself, so that they say nothing.
        close: called when all is done.
        notes: what was taken for granted, in sentences.
    """

    name: str
    tracks: Mapping[str, Track]
    extra: tuple[str, ...] = ()
    given: tuple[str, ...] = ()
    close: Callable[[], object] = lambda: None
    notes: tuple[str, ...] = ()


def of_arrays(subject: Subject, found: Any, name: str) -> Other:
    """Arrays by record key, [time, *batch, *features]. **Raises** `InputError`."""
    if not isinstance(found, Mapping):
        raise InputError(
            f"observed is a {type(found).__name__}; expected a path, or {{record key: array}} as "
            'in {"lif1": spikes, "lif1.v": trace}'
        )
    matched, extra = by_key(subject, list(found), name)
    tracks = {}
    for key, observable in matched.items():
        where = f"{name}: {key!r}"
        try:
            array = to_numpy(found[key])
        except Exception as error:  # whatever a foreign array type raises
            kind = type(found[key]).__name__
            raise InputError(f"{where} is a {kind}; expected an array") from error
        tracks[observable.key] = flat_track(subject, observable, array, where)
    return Other(name, tracks, extra)


def by_key(
    subject: Subject, keys: list[Any], name: str
) -> tuple[dict[Any, Observable], tuple[str, ...]]:
    """Which recording of the reference each key means, and those that mean none.

    **Raises**: `InputError` where two keys mean the same.
    """
    exact = {o.key: o for o in subject.file.observables}
    matched: dict[Any, Observable] = {}
    extra: list[str] = []
    seen: dict[str, Any] = {}
    for key in keys:
        found = exact.get(key) if isinstance(key, str) else None
        found = found or _resolved(subject, key)
        if found is None:
            extra.append(str(key))
            continue
        if found.key in seen:
            raise InputError(f"{name}: {seen[found.key]!r} and {key!r} are the same recording")
        seen[found.key], matched[key] = key, found
    return matched, tuple(extra)


def _resolved(subject: Subject, key: Any) -> Observable | None:
    try:
        (probe,) = resolve_record(subject.schedule, [key])
    except (InputError, TypeError):
        return None
    return subject.of(subject.schedule.nodes[probe.position].path, probe.variable)


def flat_track(subject: Subject, observable: Observable, array: Any, where: str) -> Track:
    """An array [time, *batch, *features], or a dataset of such a shape, as a track.

    **Raises**: `InputError` for another shape or no real numbers.
    """
    if array.dtype.kind not in "biuf":
        raise InputError(f"{where} has dtype {array.dtype}; expected real numbers")
    batch, features = subject.file.batch, observable.features
    if _is_swapped(tuple(array.shape), subject.file.steps, batch, features):
        raise InputError(
            f"{where} has shape {tuple(array.shape)}; time comes first: expected "
            f"{(subject.file.steps, *batch, *features)}, [time, batch, features]"
        )
    samples = _samples(tuple(array.shape), batch, features)
    if samples is None:
        expected = (subject.file.steps, *batch, *features)
        raise InputError(
            f"{where} has shape {tuple(array.shape)}; expected {expected}: time, batch and "
            "features of the reference"
        )

    def read(start: int, stop: int) -> np.ndarray:
        return np.asarray(array[start:stop]).reshape(stop - start, samples, observable.neurons)

    return Track(array.shape[0], samples, read)


def _samples(shape: Shape, batch: Shape, features: Shape) -> int | None:
    """Number of samples in [time, *batch, *features]; None for any other shape."""
    if not shape:
        return None
    lead = shape[1 : len(shape) - len(features)]
    fits = len(shape) > len(features) and shape[len(shape) - len(features) :] == features
    size = int(np.prod(batch, dtype=np.int64))
    if not fits:
        return None
    if lead == batch or (not lead and size == 1):
        return size
    return lead[0] if len(batch) == len(lead) == 1 else None


def _is_swapped(shape: Shape, steps: int, batch: Shape, features: Shape) -> bool:
    """Whether the samples come first, and then time."""
    samples = int(np.prod(batch, dtype=np.int64))
    swapped = [(*lead, steps, *features) for lead in (batch, (samples,)) if lead]
    return shape in swapped and shape != (steps, *batch, *features)


def extent(subject: Subject, other: Other, partial: bool) -> tuple[int, int]:
    """How many steps and samples are compared: those of the reference.

    Arguments:
        partial: those that all recordings have, from the first on.

    **Raises**: `InputError` where a recording has more or fewer and `partial` is not asked for.
    """
    wanted = {"steps": subject.file.steps, "samples": subject.file.samples}
    shared = dict(wanted)
    for key, track in other.tracks.items():
        for what, has in (("steps", track.steps), ("samples", track.samples)):
            if has != wanted[what] and not partial:
                raise InputError(
                    f"{other.name}: {key!r} has {has} {what}, the reference {wanted[what]}; "
                    "to compare those that both have, ask for partial (--partial)"
                )
            shared[what] = min(shared[what], has)
    if 0 in shared.values():
        raise InputError(f"{other.name}: nothing to compare: no steps or no samples")
    return shared["steps"], shared["samples"]
