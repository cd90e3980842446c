"""NaN and infinity are no input: they spread to everything that a neuron ever computes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from nirx.dynamics.arithmetic import is_exact
from nirx.errors import InputError

__all__ = ["look_through", "refuse_infinite", "require_finite", "require_whole"]

LOOK_BYTES = 2**19
"""What is looked through at a time."""


def require_finite(
    where: str, name: str, start: int, given: Any, cast: np.ndarray, first: int = 0
) -> None:
    """**Raises** `InputError` for a number that is not finite, with its place.

    Arguments:
        where: what to call the data.
        name: of the Input.
        start: the first step.
        given: the numbers as the data has them, `[steps, samples, features]`, both flat; or what
            broadcasts to that.
        cast: the same numbers in the dtype of the run.
        first: the first sample.
    """
    good = np.isfinite(cast)
    if good.all():
        return
    step, sample, index = (int(i[0]) for i in np.nonzero(~good))
    found = float(np.broadcast_to(given, cast.shape)[step, sample, index])
    place = f"{where}: Input {name!r}, step {start + step}, sample {first + sample}, index {index}"
    refuse_infinite(place, found, cast.dtype)


def require_whole(where: str, name: str, start: int, given: np.ndarray, first: int = 0) -> None:
    """**Raises** `InputError` for a number that is not whole: the input of a network in integers.

    Arguments: as for `require_finite`; `given` has all its axes.
    """
    if given.dtype.kind == "b":
        return
    if given.dtype.kind not in "iuf":
        raise InputError(f"{where}: Input {name!r} has dtype {given.dtype}; expected real numbers")
    good = is_exact(given)
    if good.all():
        return
    step, sample, index = (int(i[0]) for i in np.nonzero(~good))
    found = given[step, sample, index].item()
    place = f"{where}: Input {name!r}, step {start + step}, sample {first + sample}, index {index}"
    raise InputError(
        f"{place}: {found:.9g}; the graph computes in integers: expected whole numbers below "
        "2**53, such as spikes of 0 and 1 or counts"
    )


def refuse_infinite(place: str, found: float, dtype: np.dtype) -> None:
    """**Raises** `InputError` for a number that is not finite in a dtype."""
    if math.isfinite(found):
        raise InputError(
            f"{place}: {found:g} is beyond {dtype.name}; expected smaller numbers, or a run in "
            "float64 (dtype=, --dtype)"
        )
    raise InputError(f"{place}: {found:g}; expected finite numbers; mend the data")


def look_through(source: Any, step_bytes: int) -> None:
    """Read a source once, so that what it refuses is refused before a run starts.

    Arguments:
        step_bytes: size of a step.

    **Raises**: whatever `source.read` raises.
    """
    length = max(1, LOOK_BYTES // max(1, step_bytes))
    for start in range(0, source.steps, length):
        source.read(start, min(start + length, source.steps))
