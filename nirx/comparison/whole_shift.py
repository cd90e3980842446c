"""Whether one recording is another one, a whole number of steps late or early."""

from __future__ import annotations

import numpy as np

from nirx.comparison.divergence import differing

__all__ = ["MOST", "WholeShift", "shift_of", "shift_text"]

MOST = 8
"""The largest shift that is tried, in steps, unless a caller asks for more."""


class WholeShift:
    """Tries all shifts at once; each is dropped in the first step that it does not explain.

    Arguments:
        width: number of columns.
        dtype: of the spike counts.
        most: the largest shift.
    """

    def __init__(self, width: int, dtype: np.dtype, most: int = MOST):
        # Shifts that are left, and whether any spike supports them yet.
        self._left = dict.fromkeys([k for n in range(1, most + 1) for k in (n, -n)], False)
        self._most = most
        self._reference = np.zeros((most, width), dtype)
        self._observed = np.zeros((most, width), dtype)
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
        self._reference, self._observed = a[-self._most :].copy(), b[-self._most :].copy()
        self._start += steps

    def _try(self, shift: int, a: np.ndarray, b: np.ndarray, steps: int) -> None:
        # Late: the recording has now what the reference had `back` steps ago. Early: the other
        # way round; the recording had the reference's first steps before step 0.
        earlier, later = (a, b) if shift > 0 else (b, a)
        back = abs(shift)
        skip = max(0, -shift - self._start) if shift < 0 else 0
        then = earlier[self._most - back + skip : self._most - back + steps]
        now = later[self._most + skip :]
        if not np.array_equal(then, now):
            del self._left[shift]
        elif now.any():
            self._left[shift] = True

    @property
    def found(self) -> int | None:
        """The only shift that explains everything (positive: late), or None."""
        supported = [shift for shift, seen in self._left.items() if seen]
        return supported[0] if len(supported) == 1 else None


def shift_of(
    reference: np.ndarray, observed: np.ndarray, tolerance: float | None, most: int = MOST
) -> int | None:
    """The only whole number of steps that explains every difference (positive: late), or None.

    Arguments:
        reference, observed: whole recordings, `[time, ...]`.
        tolerance: None for spikes. Values have to agree within this share of the largest
            magnitude; before the late one has anything to say, it has to stand still.
        most: the largest shift.
    """
    a, b = (array.reshape(len(array), -1) for array in (reference, observed))
    if tolerance is None:
        test = WholeShift(a.shape[1], a.dtype, most)
        test.take(a, b)
        return test.found
    shifts = [k for n in range(1, min(most, len(a) - 1) + 1) for k in (n, -n)]
    found = [k for k in shifts if _explains(k, a, b, tolerance)]
    return found[0] if len(found) == 1 else None


def _explains(shift: int, a: np.ndarray, b: np.ndarray, tolerance: float) -> bool:
    first, late = (a, b) if shift > 0 else (b, a)
    back = abs(shift)
    then, now = first[:-back], late[back:]
    moves = bool((now[1:] != now[:-1]).any())
    still = bool((late[:back] == late[0]).all())
    return moves and still and not differing(then, now, tolerance).any()


def shift_text(shift: int) -> str:
    """`"2 steps later"`; a negative shift is earlier."""
    late = "later" if shift > 0 else "earlier"
    return f"{abs(shift)} step{'s' * (abs(shift) > 1)} {late}"
