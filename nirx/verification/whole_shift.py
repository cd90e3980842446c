"""Whether one spike train is the other, a whole number of steps late or early."""

from __future__ import annotations

import numpy as np

__all__ = ["MOST", "WholeShift"]

MOST = 8
"""Steps, late or early, that are tried."""


class WholeShift:
    """Every shift is a suspect until a step refutes it.

    Arguments:
        width: number of columns.
        dtype: of the numbers of spikes.
    """

    def __init__(self, width: int, dtype: np.dtype):
        self._suspects = dict.fromkeys([k for n in range(1, MOST + 1) for k in (n, -n)], False)
        self._reference = np.zeros((MOST, width), dtype)
        self._other = np.zeros((MOST, width), dtype)
        self._start = 0

    def take(self, reference: np.ndarray, other: np.ndarray) -> None:
        """The next steps of both, [time, column]."""
        steps = len(reference)
        if not self._suspects or not steps:
            return
        a = np.concatenate([self._reference, reference])
        b = np.concatenate([self._other, other])
        if a.any() or b.any():
            for shift in list(self._suspects):
                self._try(shift, a, b, steps)
        self._reference, self._other = a[-MOST:].copy(), b[-MOST:].copy()
        self._start += steps

    def _try(self, shift: int, a: np.ndarray, b: np.ndarray, steps: int) -> None:
        # Late: the other's spikes are those that the reference had before. Early: the other
        # way round; what the reference did in its first steps, the other did before step 0.
        earlier, later = (a, b) if shift > 0 else (b, a)
        back = abs(shift)
        skip = max(0, -shift - self._start) if shift < 0 else 0
        then = earlier[MOST - back + skip : MOST - back + steps]
        now = later[MOST + skip :]
        if not np.array_equal(then, now):
            del self._suspects[shift]
        elif now.any():
            self._suspects[shift] = True

    @property
    def found(self) -> int | None:
        """The only shift that explains all (positive: late), or None."""
        left = [shift for shift, seen in self._suspects.items() if seen]
        return left[0] if len(left) == 1 else None
