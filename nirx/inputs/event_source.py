"""Events of any kind as arrays over time: only what falls into the steps asked for is read."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, Protocol

import numpy as np

from nirx.errors import warn_caller
from nirx.inputs.protocol import Wanted, check_span

__all__ = ["MERGES", "EventSource", "Events", "Merge"]

BLOCK = 2**16
"""Events that are looked at together."""

Merge = Literal["sum", "any", "last"]
MERGES = ("sum", "any")
"""What a user may choose: events in one place and step add up, or count as one."""


class Events(Protocol):
    """The events of one sample, in any order."""

    @property
    def count(self) -> int: ...

    def block(self, start: int, stop: int) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """Step and flat index (int64) of events start..stop-1, and their values (None: all 1).

        What is no event (padding) is left out.
        """
        ...


class EventSource:
    """Events per Input and sample.

    Arguments:
        where: what to call the data in messages.
        events: by the name of the Input, one per sample.
        length: steps of the data; None ends it with its last event.
        merge: of events in one place and step: the sum, 1, or the last one's value.
        identity: for `Source.identity`.
        check: called before every read.

    **Raises**: `InputError`, `FileError`: all events are looked at once.
    """

    def __init__(
        self,
        where: str,
        wanted: Wanted,
        events: Mapping[str, Sequence[Events]],
        kind: str,
        identity: Mapping[str, Any],
        length: int | None = None,
        merge: Merge = "sum",
        check: Callable[[], object] = lambda: None,
    ):
        self._events = {name: list(own) for name, own in events.items()}
        self._wanted, self._merge, self._check = wanted, merge, check
        self._spans = {name: [_spans(e) for e in own] for name, own in self._events.items()}
        every = [span for own in self._spans.values() for span in own]
        last = max((int(most.max(initial=-1)) for _, most in every), default=-1)
        own_steps = last + 1 if length is None else length
        self.steps = wanted.steps_for(where, own_steps, goes_on=True)
        self._samples = len(next(iter(self._events.values())))
        self.batch = wanted.batch_for(where, (self._samples,))
        self.identity = wanted.identity(
            kind, self.steps, self.batch, dt=wanted.dt, merge=merge, **identity
        )
        if self.steps <= last:
            warn_caller(f"{where}: events after step {self.steps - 1} are left out")

    def read(self, start: int, stop: int) -> dict[str, np.ndarray]:
        """Steps start..stop-1 by Input, [stop-start, *batch, *features]."""
        check_span(self.steps, start, stop)
        self._check()
        return {name: self._filled(name, start, stop) for name in self._wanted.features}

    def _filled(self, name: str, start: int, stop: int) -> np.ndarray:
        features = self._wanted.features[name]
        size = math.prod(features)
        array = np.zeros((stop - start, *self.batch, *features), self._wanted.dtype)
        flat = array.reshape(-1)
        pairs = zip(self._events[name], self._spans[name], strict=True)
        for sample, (events, (least, most)) in enumerate(pairs):
            for number in np.flatnonzero((least < stop) & (most >= start)).tolist():
                first = number * BLOCK
                steps, places, values = events.block(first, min(first + BLOCK, events.count))
                here = (steps >= start) & (steps < stop)
                target = ((steps[here] - start) * self._samples + sample) * size + places[here]
                given = 1 if values is None else values[here].astype(array.dtype)
                if self._merge == "sum":
                    np.add.at(flat, target, given)
                else:
                    flat[target] = 1 if self._merge == "any" else given
        return array


def _spans(events: Events) -> tuple[np.ndarray, np.ndarray]:
    """First and last step of every block."""
    count = -(-events.count // BLOCK)
    least = np.full(count, np.iinfo(np.int64).max)
    most = np.full(count, -1, np.int64)
    for number in range(count):
        first = number * BLOCK
        steps, _, _ = events.block(first, min(first + BLOCK, events.count))
        if steps.size:
            least[number], most[number] = steps.min(), steps.max()
    return least, most
