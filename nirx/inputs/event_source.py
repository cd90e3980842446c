"""Events of any kind as arrays over time; only blocks with events of the steps read are loaded."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, Literal, Protocol

import numpy as np

from nirx.errors import warn_caller
from nirx.inputs.finite import refuse_infinite
from nirx.inputs.protocol import USUAL_STEPS, SlicedSource, Wanted, require_usual
from nirx.inputs.watched import is_reopening

__all__ = ["EventSource", "Events"]

BLOCK = 2**16
"""Events that are read together."""


class Events(Protocol):
    """The events of one sample, in any order."""

    @property
    def count(self) -> int: ...

    def block(self, start: int, stop: int) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """Step and flat index (int64) of events start..stop-1, and their values (None: all 1).

        Padding is left out.
        """
        ...


class EventSource(SlicedSource):
    """Events per Input and sample.

    Arguments:
        where: what to call the data in messages.
        events: by the name of the Input, one per sample.
        length: steps of the data; None ends it with its last event.
        merge: of events in one place and step: the sum, 1, or the last one's value.
        kind, identity: for `Source.identity`.
        check: called before every read.
        row: what to call an event, by its sample and number, in messages.

    **Raises**: `InputError`, `FileError`. All events are read once to see which steps they are in,
    and that their values are finite; where another process has seen that, a sample is when it is
    needed.
    """

    def __init__(
        self,
        where: str,
        wanted: Wanted,
        events: Mapping[str, Sequence[Events]],
        kind: str,
        identity: Mapping[str, Any],
        length: int | None = None,
        merge: Literal["sum", "any", "last"] = "sum",
        check: Callable[[], object] = lambda: None,
        row: Callable[[int, int], str] | None = None,
    ):
        self._where, self._row = where, row
        self._events = events
        self._merge = merge
        self._spans_of = cache(
            lambda name, k: _spans(events[name][k], f"{where}: sample {k}", wanted.floating)
        )
        seen = wanted.steps if is_reopening() else None
        last = seen - 1 if seen is not None else self._last_step()
        needed = last + 1 if length is None else length
        if needed > USUAL_STEPS:
            named = self._name_of(last) if length is None else f"{where}: its stated end"
            require_usual(named, needed, wanted.steps)
        steps = wanted.steps_for(where, needed, True)
        batch = wanted.batch_for(where, (len(next(iter(events.values()))),))
        identity = {"dt": wanted.dt, "merge": merge, **identity}
        super().__init__(wanted, kind, steps, batch, identity, check)
        if steps <= last:
            warn_caller(f"{where}: events after step {steps - 1} are left out")

    def _last_step(self) -> int:
        """The last step with an event; -1 without any."""
        samples = [(name, k) for name, own in self._events.items() for k in range(len(own))]
        return max((int(self._spans_of(*s)[1].max(initial=-1)) for s in samples), default=-1)

    def _name_of(self, step: int) -> str:
        """What to call the first event in a step."""
        for name, own in self._events.items():
            for sample, events in enumerate(own):
                _, most = self._spans_of(name, sample)
                for number in np.flatnonzero(most == step).tolist():
                    first = number * BLOCK
                    steps, _, _ = events.block(first, min(first + BLOCK, events.count))
                    place = first + int(np.argmax(steps == step))
                    if self._row is not None:
                        return self._row(sample, place)
                    return f"{self._where}: sample {sample}, event {place}"
        return self._where

    def _values(self, name: str, start: int, stop: int) -> np.ndarray:
        return self._some_values(name, start, stop, 0, self._samples)

    def _some_values(self, name: str, start: int, stop: int, first: int, last: int) -> np.ndarray:
        size, count = math.prod(self._wanted.features[name]), last - first
        array = np.zeros((stop - start, count, size), self._wanted.floating)
        flat = array.reshape(-1)
        for sample, events in enumerate(self._events[name][first:last]):
            least, most = self._spans_of(name, first + sample)
            for number in np.flatnonzero((least < stop) & (most >= start)).tolist():
                begin = number * BLOCK
                steps, places, values = events.block(begin, min(begin + BLOCK, events.count))
                here = (steps >= start) & (steps < stop)
                target = ((steps[here] - start) * count + sample) * size + places[here]
                own = 1 if values is None else values[here].astype(array.dtype)
                if self._merge == "sum":
                    np.add.at(flat, target, own)
                else:
                    flat[target] = 1 if self._merge == "any" else own
        return array


def _spans(events: Events, where: str, dtype: np.dtype) -> tuple[np.ndarray, np.ndarray]:
    """First and last step of every block. **Raises** `InputError` for a value without end."""
    count = -(-events.count // BLOCK)
    least = np.full(count, np.iinfo(np.int64).max)
    most = np.full(count, -1, np.int64)
    for number in range(count):
        first = number * BLOCK
        steps, places, values = events.block(first, min(first + BLOCK, events.count))
        if steps.size:
            least[number], most[number] = steps.min(), steps.max()
        if values is not None:
            with np.errstate(over="ignore", invalid="ignore"):
                good = np.isfinite(values.astype(dtype))
            if not good.all():
                wrong = int(np.argmin(good))
                place = f"{where}, step {steps[wrong]}, index {places[wrong]}"
                refuse_infinite(place, float(values[wrong]), dtype)
    return least, most
