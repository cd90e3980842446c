"""`Source`: an input of any length, read in slices of time; and what a run asks of one."""

from __future__ import annotations

import math
import operator
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np

from nirx.dynamics.ops import Shape
from nirx.errors import InputError
from nirx.execution.accept import accept_batch
from nirx.graphs.schedule import Schedule

__all__ = ["Source", "Wanted", "check_span", "wanted_of", "whole_number"]


@runtime_checkable
class Source(Protocol):
    """What drives a run, however long it is.

    Arguments:
        steps: length in time.
        batch: axes of samples, at least one; (1,) where the data has none.
        identity: what the numbers depend on, as JSON; equal identities mean equal numbers.
            It names no folder and no date.
    """

    steps: int
    batch: Shape
    identity: dict[str, Any]

    def read(self, start: int, stop: int) -> dict[str, np.ndarray]:
        """Steps start..stop-1 by the name of the Input, [stop-start, *batch, *features].

        New arrays in the run's dtype. Calls may come in any order and with any cut: the
        numbers of a step are always the same.
        """
        ...


@dataclass(frozen=True)
class Wanted:
    """What a run asks of its input.

    Arguments:
        features: by the name of the Input, in the schedule's order.
        dt: length of a step, in the unit of the graph's time constants.
        dtype: of the run.
        steps, batch: asked for by the caller; None takes what the data has.
    """

    features: dict[str, Shape]
    dt: float
    dtype: np.dtype
    steps: int | None
    batch: Shape | None

    def batch_for(self, where: str, own: Shape) -> Shape:
        """The batch of data whose own one is `own`. **Raises** `InputError` if it must differ."""
        own = own or (1,)
        if 0 in own:
            raise InputError(f"{where} has no samples: its batch is {list(own)}")
        if self.batch is None:
            return own
        if math.prod(self.batch) != math.prod(own):
            raise InputError(
                f"{where} has {_samples(own)}, but batch={self.batch} was asked for; leave batch "
                "out to take what is there"
            )
        return self.batch

    def steps_for(self, where: str, own: int, goes_on: bool = False) -> int:
        """The length of data with `own` steps; `goes_on`: after them there is silence."""
        if self.steps is None:
            return own
        if self.steps > own and not goes_on:
            raise InputError(f"{where} has {own} steps, but steps={self.steps} was asked for")
        return self.steps

    def identity(self, kind: str, steps: int, batch: Shape, **own: Any) -> dict[str, Any]:
        """An identity: the kind of source, its own entries, and the form of what it gives."""
        return {
            "kind": kind,
            **own,
            "steps": steps,
            "batch": list(batch),
            "dtype": self.dtype.name,
            "inputs": {name: list(shape) for name, shape in self.features.items()},
        }


def wanted_of(schedule: Schedule, dtype: Any, steps: Any, batch: Any) -> Wanted:
    """What a run of this schedule asks for. **Raises** `InputError` for odd steps and batches."""
    features = {name: schedule.nodes[p].input_shape for name, p in schedule.inputs}
    if steps is not None:
        steps = whole_number("steps", steps)
    if batch is not None:
        batch = accept_batch(batch) or (1,)
        if 0 in batch:
            raise InputError(f"batch={batch!r}; expected at least one sample")
    return Wanted(features, schedule.discretization.dt, np.dtype(dtype), steps, batch)


def whole_number(name: str, value: Any) -> int:
    """An argument that counts. **Raises** `InputError` for a negative or no whole number."""
    try:
        number = -1 if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = -1
    if number < 0:
        raise InputError(f"{name}={value!r}; expected a whole number, 0 or more")
    return number


def check_span(steps: int, start: int, stop: int) -> None:
    """**Raises** `InputError` for steps that a source does not have."""
    if not 0 <= start <= stop <= steps:
        raise InputError(f"steps {start} to {stop} of an input of {steps} steps")


def _samples(batch: Shape) -> str:
    return f"a batch of {batch[0] if len(batch) == 1 else batch}"
