"""From times to steps, by one rule for every kind of event.

An event at time t belongs to step floor(t / dt). Whole numbers of ticks are divided exactly. The
quotient of other times is rounded, and a time written as k*dt can end up just below k. Therefore
an event within 1e-6 steps before the beginning of a step belongs to that step.

A clock that rounds to the nearest step adds half a step first: floor(t / dt + 1/2).
"""

from __future__ import annotations

from fractions import Fraction
from typing import Literal

import numpy as np

from nirx.errors import InputError, warn_caller
from nirx.inputs.protocol import MOST_STEPS

__all__ = ["ROUNDINGS", "Clock", "Rounding"]

Rounding = Literal["down", "nearest"]
ROUNDINGS = ("down", "nearest")
"""To the step that has begun, or to the step whose beginning is nearest."""

NEAR = 1e-6
"""Fraction of a step."""
EXACT = 2**53


class Clock:
    """Turns times into steps.

    Arguments:
        unit: length of one tick, in the unit of dt.
        dt: length of a step.
        start: time, in ticks, at which step 0 begins.
        rounding: whether a time belongs to the step that has begun, or to the nearest beginning.

    **Raises**: `InputError` for a step of more ticks than a float can hold.
    """

    def __init__(self, unit: float, dt: float, start: float = 0, rounding: Rounding = "down"):
        # 1e-6 means the decimal number, not its binary approximation.
        self._ratio = Fraction(repr(float(unit))) / Fraction(repr(float(dt)))
        try:
            self._ticks, self._start = float(1 / self._ratio), start
        except OverflowError as error:
            text = f"a tick of {unit!r} in steps of dt={dt!r}: too many ticks in a step"
            raise InputError(text) from error
        self._early = 0.5 if rounding == "nearest" else 0.0
        self.moved = 0
        """Number of events that were assigned to the step that begins just after them."""
        self._count, self._last = 0, 0

    def steps(self, times: np.ndarray, where: str) -> np.ndarray:
        """Step of each time, int64.

        Arguments:
            times: in ticks.

        **Raises**: `InputError` for one that is negative, far too late or NaN.
        """
        if not times.size:
            return np.zeros(0, np.int64)
        if self._exact(times):
            self._check(int(times.min()), int(times.max()), where)
            ticks = times.astype(np.int64) - int(self._start)
            over, under = self._ratio.numerator, self._ratio.denominator
            if not self._early:
                return self._noted(ticks * over // under)
            return self._noted((2 * ticks * over + under) // (2 * under))
        exact = times.astype(np.float64)
        self._check(float(exact.min()), float(exact.max()), where)
        return self._noted(self._rounded(self._quotient(exact) + self._early))

    def distances(self, times: np.ndarray, steps: np.ndarray) -> np.ndarray:
        """How long after the beginning of its step each time is, in steps, float64.

        Arguments:
            times: in ticks.
            steps: what `steps` returned for them. Before the beginning, a distance is negative.
        """
        if times.size and self._exact(times):
            ticks = times.astype(np.int64) - int(self._start)
            over, under = self._ratio.numerator, self._ratio.denominator
            return (ticks * over - steps * under) / under
        return self._quotient(times.astype(np.float64)) - steps

    def _exact(self, times: np.ndarray) -> bool:
        """Whether these times are divided as whole numbers."""
        whole = times.dtype.kind in "iub" and float(self._start).is_integer()
        most = EXACT // 2 if self._early else EXACT  # rounding to the nearest doubles the product
        small = self._ratio.numerator <= 1000 and self._ratio.denominator < EXACT
        return whole and small and int(times.max()) < most

    def _quotient(self, times: np.ndarray) -> np.ndarray:
        return (times - self._start) / self._ticks

    def length(self, end: float, where: str) -> int:
        """Number of whole steps up to a time."""
        return int(self.steps(np.array([end], np.float64), where)[0])

    def warn(self, where: str) -> None:
        """Warn, once, if the times so far look wrong."""
        if self._count > 1 and self._last == 0:
            warn_caller(f"{where}: all events fall into step 0; is the unit of time right?")
        if self.moved:
            warn_caller(
                f"{where}: {self.moved} events lie within {NEAR} steps before the beginning of a "
                "step and are assigned to it; plain floor(t/dt) finds the step before. Write "
                "times in the middle of their step"
            )
        self.moved = 0

    def _noted(self, steps: np.ndarray) -> np.ndarray:
        self._count, self._last = self._count + steps.size, max(self._last, int(steps.max()))
        return steps

    def _rounded(self, quotient: np.ndarray) -> np.ndarray:
        down, near = np.floor(quotient), np.rint(quotient)
        moved = (near > down) & (near - quotient <= NEAR)
        self.moved += int(np.count_nonzero(moved))
        return np.where(moved, near, down).astype(np.int64)

    def _check(self, least: float, most: float, where: str) -> None:
        if not least >= self._start - self._early * self._ticks:
            raise InputError(f"{where}: time {least} is before the start, {self._start}")
        step = (most - self._start) / self._ticks
        if not step < MOST_STEPS:
            raise InputError(
                f"{where}: time {most} is in step {step:.3g}; is "
                "the unit right, and does the clock begin at 0? (options unit=, start=first)"
            )
