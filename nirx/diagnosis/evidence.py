"""What spikes and states say about gains: inequalities for the spikes, equations for v and i.

All are in A, B and C of v = A + g*B + h*C, for a gain g of the input and h of the threshold.
"""

from __future__ import annotations

import math

import numpy as np

__all__ = ["Evidence", "Interval", "Parts"]

Parts = tuple[np.ndarray, np.ndarray, np.ndarray]
"""A, B and C, each [steps, lane, shift, elements]."""

SLACK = 1e-9
"""Of the threshold: rounding moves v by less, and a tie is no contradiction."""
CLOSE = 1 / 8
"""Of the tolerance: how far a rounded gain may move a sample."""
CANCELLED = 1e-11
"""Relative rounding error of a sum of squares."""
MOST_DIGITS = 17


class Interval:
    """The values of one gain that no step contradicts, each [lane, shift]."""

    def __init__(self, shape: tuple[int, ...]):
        self.low, self.high = np.full(shape, -np.inf), np.full(shape, np.inf)

    def require(self, p: np.ndarray, q: np.ndarray, where: np.ndarray, slack: float) -> None:
        """Require p + q*gain >= 0 where told: [steps, lane, shift, elements]."""
        p = p + slack
        with np.errstate(all="ignore"):
            bound = -p / q
        low = np.where(where & (q > 0), bound, -np.inf).max(axis=(0, 3))
        high = np.where(where & (q < 0), bound, np.inf).min(axis=(0, 3))
        never = (where & (q == 0) & (p < 0)).any(axis=(0, 3))
        self.low = np.where(never, np.inf, np.maximum(self.low, low))
        self.high = np.minimum(self.high, high)

    @property
    def possible(self) -> np.ndarray:
        """Where a positive gain is left."""
        return (self.low < self.high) & (self.high > 0)


class Evidence:
    """What the spikes and the states say about the gains of some lanes at some shifts.

    Arguments:
        shape: numbers of lanes and of shifts.
        fixed: a gain of the input [lane, shift] for `threshold_then`; None if it is not known.
    """

    def __init__(self, shape: tuple[int, ...], fixed: np.ndarray | None):
        self.fixed = fixed
        self.input, self.input_multi = Interval(shape), Interval(shape)
        self.threshold, self.threshold_multi = Interval(shape), Interval(shape)
        self.both, self.both_multi = Interval(shape), Interval(shape)
        self.sums = np.zeros((7, *shape))
        """n, BB, BC, CC, yB, yC, yy over all samples, in units of the tolerance."""
        self.largest = np.zeros((2, *shape))
        """The largest |B| and |C|, in units of the tolerance."""

    def add_spikes(self, parts: Parts, z: np.ndarray, known: np.ndarray, top: np.ndarray) -> None:
        """Gather inequalities.

        Arguments:
            parts: A, B, C of the decided v, each [steps, lane, shift, elements].
            z: the spikes that it has to decide; known: where they were recorded.
            top: the threshold as it is, [elements].
        """
        a, b, c = parts
        slack = SLACK * float(np.abs(top).max(initial=0.0))

        def require(intervals: tuple[Interval, ...], sign: int, n: np.ndarray, where) -> None:
            # sign * (v - n*h*threshold) >= 0, with v = a + g*b + h*c
            least = n * top
            single, other, third = intervals
            single.require(sign * (a + c - least), sign * b, where, slack)
            other.require(sign * (a + b), sign * (c - least), where, slack)
            if self.fixed is not None:
                known_input = a + self.fixed[None, :, :, None] * b
                third.require(sign * known_input, sign * (c - least), where, slack)

        plain = self.input, self.threshold, self.both
        multi = self.input_multi, self.threshold_multi, self.both_multi
        require(plain, 1, z, known & (z > 0))
        require(plain, -1, np.ones_like(z), known & (z == 0))
        require(multi, -1, z + 1, known & (z > 0))

    def add_states(self, parts: Parts, seen: np.ndarray, known: np.ndarray, unit: float) -> None:
        """Gather equations a + g*b + h*c = seen where known."""
        with np.errstate(all="ignore"):  # where it overflows, no gain fits
            a, b, c = (np.where(known, own / unit, 0.0) for own in parts)
            y = np.where(known, seen / unit - a, 0.0)
            count = known + np.zeros_like(y)
            terms = (count, b * b, b * c, c * c, y * b, y * c, y * y)
            self.sums += np.stack([own.sum(axis=(0, 3)) for own in terms])
        for row, own in enumerate((b, c)):
            self.largest[row] = np.maximum(self.largest[row], np.abs(own).max(axis=(0, 3)))

    def bounds(self, name: str, at: tuple[int, int], multi: bool) -> tuple[float, float]:
        """The least and greatest gain that the spikes of a lane at a shift allow.

        Arguments:
            name: `"input"` or `"threshold"`, with the other at 1; `"both"`: of the threshold,
                with the input at `fixed`.
            multi: whether a neuron may spike several times in a step.
        """
        one = getattr(self, name)
        low, high = float(one.low[at]), float(one.high[at])
        if multi:
            other = getattr(self, f"{name}_multi")
            low, high = max(low, float(other.low[at])), min(high, float(other.high[at]))
        return max(low, 0.0), high

    def least_squares(self, at: tuple[int, int], how: str) -> tuple[float, float] | None:
        """Gains of input and threshold, if they may bring all samples within the tolerance.

        Arguments:
            how: which of them is free: `"input"`, `"threshold"`, `"both"`.
        """
        n, bb, bc, cc, yb, yc, yy = (float(own[at]) for own in self.sums)
        g = h = 1.0
        if how == "input":
            g = (yb - bc) / bb if bb else math.nan
        elif how == "threshold":
            h = (yc - bc) / cc if cc else math.nan
        else:
            whole = bb * cc - bc * bc
            if not whole > CANCELLED * bb * cc:
                return None
            g, h = (yb * cc - yc * bc) / whole, (yc * bb - yb * bc) / whole
        rest = yy - 2 * (g * yb + h * yc) + g * g * bb + 2 * g * h * bc + h * h * cc
        if not rest <= n + CANCELLED * (yy + g * g * bb + h * h * cc):
            return None
        g, h = (_rounded(own, float(self.largest[row][at])) for row, own in enumerate((g, h)))
        return (g, h) if g > 0 and h > 0 and math.isfinite(g * h) else None

    @property
    def states(self) -> bool:
        """Whether v, i or a value was recorded."""
        return bool(self.sums[0].any())

    @property
    def possible(self) -> bool:
        """Whether some gain is left for some lane and shift, judged by what has been recorded."""
        if not self.states:
            return bool((self.input.possible | self.threshold.possible).any())
        every = np.ndindex(self.sums.shape[1:])
        hows = ("input", "threshold", "both")
        return any(self.least_squares(at, how) is not None for at in every for how in hows)


def _rounded(gain: float, largest: float) -> float:
    """The shortest number that moves no sample by much."""
    if not math.isfinite(gain):
        return gain
    for digits in range(1, MOST_DIGITS):
        near = float(f"{gain:.{digits}g}")
        if abs(near - gain) * largest <= CLOSE:
            return near
    return gain
