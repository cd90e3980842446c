"""Whether one spike train is the other one, a whole number of steps late or early."""

from __future__ import annotations

import numpy as np

__all__ = ["MOST", "WholeShift"]

MOST = 8
"""The largest shift that is tried, in steps."""


class WholeShift:
    """Tries all shifts at once; each is dropped in the first step that it does not explain.

    Arguments:
        width: number of columns.
        dtype: of the spike counts.
    """

    def __init__(self, width: int, dtype: np.dtype):
        # Shifts that are left, and whether any spike supports them yet.
        self._left = dict.fromkeys([k for n in range(1, MOST + 1) for k in (n, -n)], False)
        self._reference = np.zeros((MOST, width), dtype)
        self._observed = np.zeros((MOST, width), dtype)
        self._start = 0

    def take(self, reference: np.ndarray, observed: np.ndarray) -> None:
        """The next steps of both, `[time, column]`."""
        steps = len(reference)
        if not self._left or not steps:
            return
        a = np.concatenate([self._reference, reference])
        b = np.concatenate([self._observed, observed])
        if a.any() or b.any():
            for shift in list(self._left):
                self._try(shift, a, b, steps)
        self._reference, self._observed = a[-MOST:].copy(), b[-MOST:].copy()
        self._start += steps

    def _try(self, shift: int, a: np.ndarray, b: np.ndarray, steps: int) -> None:
        # Late: the recording has now what the reference had `back` steps ago. Early: the other
        # way round; the recording had the reference's first steps before step 0.
        earlier, later = (a, b) if shift > 0 else (b, a)
        back = abs(shift)
        skip = max(0, -shift - self._start) if shift < 0 else 0
        then = earlier[MOST - back + skip : MOST - back + steps]
        now = later[MOST + skip :]
        if not np.array_equal(then, now):
            del self._left[shift]
        elif now.any():
            self._left[shift] = True

    @property
    def found(self) -> int | None:
        """The only shift that explains everything (positive: late), or None."""
        supported = [shift for shift, seen in self._left.items() if seen]
        return supported[0] if len(supported) == 1 else None
