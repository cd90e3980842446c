"""The first place where two recordings of one network diverge."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from nirx.comparison.ulp import same_bits

__all__ = ["Divergence", "differing", "find_first"]


@dataclass(frozen=True)
class Divergence:
    """Where a backend first differs from the reference.

    Arguments:
        step: time step, from 0.
        node: the recording (`"lif1/lif"`, or `"lif1/lif.v"` for a state variable).
        index: position in [*batch, *features].
        reference, other: the two values.
    """

    step: int
    node: str
    index: tuple[int, ...]
    reference: float
    other: float

    def __str__(self) -> str:
        place = ", ".join(map(str, self.index))
        return f"step {self.step}, {self.node}[{place}]: {self.reference!r} against {self.other!r}"

    def to_dict(self, reference: str = "reference", other: str = "other") -> dict[str, Any]:
        """The divergence as plain data, for JSON.

        Arguments:
            reference, other: keys of the two values, such as `"recorded"` and `"simulated"`.
        """
        values = {reference: self.reference, other: self.other}
        return {"step": self.step, "node": self.node, "index": list(self.index), **values}


def differing(
    a: Float[np.ndarray, "time ..."], b: Float[np.ndarray, "time ..."], tolerance: float
) -> Bool[np.ndarray, "time ..."]:
    """Where two arrays differ by more than `tolerance` times the largest magnitude of `a`.

    With a tolerance of 0: where they are not the same number.
    """
    if tolerance == 0:
        return ~same_bits(a, b)
    finite = np.abs(a[np.isfinite(a)])
    scale = float(finite.max()) if finite.size else 0.0
    with np.errstate(invalid="ignore"):
        near = np.abs(a - b) <= tolerance * scale
    return ~(near | same_bits(a, b))


def find_first(marked: Iterable[tuple[str, np.ndarray, Any, Any]]) -> Divergence | None:
    """The earliest marked element.

    Arguments:
        marked: for each recording its name, where it differs, and both arrays, all
            [time, *batch, *features]. Within a step, the recording that comes first wins.
    """
    best: Divergence | None = None
    for name, where, a, b in marked:
        steps = np.flatnonzero(where.any(axis=tuple(range(1, where.ndim))))
        if steps.size and (best is None or steps[0] < best.step):
            step = int(steps[0])
            index = tuple(np.argwhere(where[step])[0].tolist())
            best = Divergence(step, name, index, float(a[step][index]), float(b[step][index]))
    return best
