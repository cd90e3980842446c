"""`Source`: an input of any length, read in slices of time; and what a run needs from one."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from nirx.dynamics.ops import Shape
from nirx.errors import InputError, NirxError
from nirx.execution.accept import accept_batch
from nirx.graphs.schedule import Schedule
from nirx.inputs.finite import require_finite, require_whole
from nirx.inputs.mapped import release

if TYPE_CHECKING:
    from nirx.inputs.reopening import Reopening

__all__ = [
    "MOST_STEPS",
    "USUAL_STEPS",
    "SlicedSource",
    "Source",
    "Wanted",
    "read_samples",
    "require_usual",
    "wanted_of",
    "whole",
    "whole_number",
]

MOST_STEPS = 2**40
"""No run gets to its end with more; a time after this step is taken for a mistake in its unit."""
USUAL_STEPS = 10**8
"""A rule or a list of events makes a longer run only if the caller states its length."""


@runtime_checkable
class Source(Protocol):
    """An input of any length.

    Arguments:
        steps: number of time steps.
        batch: axes of samples, at least one; (1,) where the data has none.
        identity: what the numbers depend on, as JSON, without folders or dates. Equal
            identities mean equal numbers.
    """

    steps: int
    batch: Shape
    identity: dict[str, Any]

    def read(self, start: int, stop: int) -> dict[str, np.ndarray]:
        """Steps start..stop-1 by the name of the Input, `[stop-start, *batch, *features]`.

        The arrays are new and have the run's dtype. The numbers of a step are the same whatever
        the order and the limits of the calls.
        """
        ...


@dataclass(frozen=True)
class Wanted:
    """What a run needs from its input.

    Arguments:
        features: shape by the name of the Input, in the schedule's order.
        dt: length of a step.
        dtype: of the input; int64 where the graph computes in integers.
        steps, batch: requested by the caller; None takes what the data has.
        bare: whether an array keeps the batch that it has, also if it has none or an empty one.
        where: what to call the data in messages.

    **Units**: dt in the unit of the graph's time constants.
    """

    features: dict[str, Shape]
    dt: float
    dtype: np.dtype
    steps: int | None
    batch: Shape | None
    bare: bool = False
    where: str = "the input"

    @property
    def whole(self) -> bool:
        """Whether only whole numbers will do."""
        return self.dtype.kind == "i"

    @property
    def floating(self) -> np.dtype:
        """In which values of the data are gathered before they are checked."""
        return np.dtype("float64") if self.whole else self.dtype

    def batch_for(self, where: str, own: Shape) -> Shape:
        """The batch of data that has `own`. **Raises** `InputError` for another requested one."""
        if self.bare and self.batch is None:
            return own
        own = own or (1,)
        if 0 in own:
            raise InputError(f"{where} has no samples: its batch is {list(own)}")
        if self.batch is None:
            return own
        if math.prod(self.batch) != math.prod(own):
            raise InputError(
                f"{where} has {_samples(own)}, but batch={self.batch} was requested; leave batch "
                "out to take the batch of the data"
            )
        return self.batch

    def steps_for(self, where: str, own: int, silence_follows: bool = False) -> int:
        """The length of data that has `own` steps. **Raises** `InputError` if it is too short."""
        if self.steps is None:
            return own
        if self.steps > own and not silence_follows:
            raise InputError(f"{where} has {own} steps, but steps={self.steps} was requested")
        return self.steps


def require_usual(where: str, steps: int, requested: int | None) -> None:
    """**Raises** `InputError` for more than `USUAL_STEPS` steps that nobody requested.

    A single wrong time would start a run without end.
    """
    if requested is None and steps > USUAL_STEPS:
        raise InputError(
            f"{where} makes a run of {steps} steps; expected at most {USUAL_STEPS}; if that is "
            "meant, state the length (steps=, --steps), else mend the time or its unit"
        )


def _nothing() -> None:
    """A check of what cannot change; a lambda could not be pickled."""


class SlicedSource:
    """A `Source` whose subclasses only compute values: its length, batch, identity and reads.

    Arguments:
        kind, own: for `Source.identity`.
        check: called before every read.
    """

    portable = False
    """Whether it can be pickled and is small: a rule, not data."""
    reopening: Reopening | None = None
    """How another process opens it, if it can."""

    def __init__(
        self,
        wanted: Wanted,
        kind: str,
        steps: int,
        batch: Shape,
        own: Mapping[str, Any],
        check: Callable[[], object] = _nothing,
    ):
        self.steps, self.batch = steps, batch
        self.identity: dict[str, Any] = {
            "kind": kind,
            **own,
            "steps": steps,
            "batch": list(batch),
            "dtype": wanted.dtype.name,
            "inputs": {name: list(shape) for name, shape in wanted.features.items()},
        }
        self._wanted, self._check, self._samples = wanted, check, math.prod(batch)

    def read(
        self, start: int, stop: int, samples: tuple[int, int] | None = None
    ) -> dict[str, np.ndarray]:
        """Steps start..stop-1 by Input, `[stop-start, *batch, *features]`.

        Arguments:
            samples: the first one, and the one after the last, of a flat batch; what is returned
                then is `[stop-start, samples, *features]`. None reads all.

        **Raises**: `InputError` for NaN and infinity; for fractions if the graph computes in
        integers.
        """
        if not 0 <= start <= stop <= self.steps:
            raise InputError(f"steps {start} to {stop} of an input of {self.steps} steps")
        self._check()
        found, where = {}, self._wanted.where
        first, last = samples or (0, self._samples)
        batch = self.batch if samples is None else (last - first,)
        for name, features in self._wanted.features.items():
            if samples is None:
                values = self._values(name, start, stop)
            else:
                values = self._some_values(name, start, stop, first, last)
            wide = np.broadcast_to(values, (stop - start, last - first, math.prod(features)))
            if self._wanted.whole:
                require_whole(where, name, start, wide, first)
            with np.errstate(over="ignore", invalid="ignore"):  # refused in the next line
                array = wide.astype(self._wanted.dtype, order="C")
            require_finite(where, name, start, values, array, first)
            release(values)
            found[name] = array.reshape(stop - start, *batch, *features)
        return found

    def _some_values(self, name: str, start: int, stop: int, first: int, last: int) -> np.ndarray:
        """`_values` of samples first..last-1; a source may have a way that costs less."""
        values = self._values(name, start, stop)
        shape = (stop - start, self._samples, math.prod(self._wanted.features[name]))
        return np.broadcast_to(values, shape)[:, first:last]

    def _values(self, name: str, start: int, stop: int) -> np.ndarray:
        """What broadcasts to `[stop-start, samples, features]`, both flat."""
        raise NotImplementedError


def wanted_of(schedule: Schedule, dtype: Any, steps: Any, batch: Any, bare: bool = False) -> Wanted:
    """What a run of this schedule needs. **Raises** `InputError` for bad steps and batches.

    Arguments:
        dtype: of the run; a graph in integers takes int64 instead.
    """
    features = {name: schedule.nodes[p].input_shape for name, p in schedule.inputs}
    if steps is not None:
        steps = whole_number("steps", steps)
        if steps > MOST_STEPS:
            raise InputError(f"steps={steps}; expected at most {MOST_STEPS}: no run would end")
    if batch is not None:
        batch = accept_batch(batch) or (1,)
        if 0 in batch:
            raise InputError(f"batch={batch!r}; expected at least one sample")
    kind = "int64" if schedule.discretization.in_integers else dtype
    return Wanted(features, schedule.discretization.dt, np.dtype(kind), steps, batch, bare)


def read_samples(
    source: Source, steps: tuple[int, int], samples: tuple[int, int]
) -> dict[str, np.ndarray]:
    """Some steps of some samples of a flat batch, `[steps, samples, *features]` by Input."""
    if isinstance(source, SlicedSource):
        return source.read(*steps, samples)
    found, axes = source.read(*steps), 1 + len(source.batch)
    return {
        name: array.reshape(len(array), -1, *array.shape[axes:])[:, slice(*samples)]
        for name, array in found.items()
    }


def whole(source: Source) -> dict[str, np.ndarray]:
    """All steps of an input, by the name of the Input.

    **Raises**: `InputError` if there is not enough memory for them.
    """
    try:
        return source.read(0, source.steps)
    except NirxError:
        raise
    except (MemoryError, ValueError) as error:  # ValueError: beyond the address space
        raise InputError(
            f"not enough memory for an input of {source.steps} steps and the batch "
            f"{list(source.batch)}; expected a shorter or smaller one"
        ) from error


def whole_number(name: str, value: Any) -> int:
    """A whole number, 0 or more. **Raises** `InputError` for anything else."""
    try:
        number = -1 if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = -1
    if number < 0:
        raise InputError(f"{name}={value!r}; expected a whole number, 0 or more")
    return number


def _samples(batch: Shape) -> str:
    return f"a batch of {batch[0] if len(batch) == 1 else batch}"
