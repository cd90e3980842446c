"""The range in which a library's parameter has a NIR node, for training and for the way back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from nirx.dynamics.discretization import Discretization

__all__ = ["Range", "decay", "outside", "positive", "under"]


@dataclass(frozen=True)
class Range:
    """Legal numbers of a parameter; prints as `"0 < beta < 1"`.

    Arguments:
        name: of the parameter in its library.
        low, high: the limits; high is not legal itself.
        with_low: whether low is.
    """

    name: str
    low: float
    high: float = np.inf
    with_low: bool = False

    def allows(self, values: np.ndarray) -> np.ndarray:
        """Where the values are legal; NaN never is."""
        above = values >= self.low if self.with_low else values > self.low
        return above & (values < self.high)

    def __str__(self) -> str:
        sign = "<=" if self.with_low else "<"
        end = "" if np.isinf(self.high) else f" < {self.high:g}"
        return f"{self.low:g} {sign} {self.name}{end}"


def decay(name: str) -> Range:
    """Of a fraction of the state that a step keeps; 0 is legal too under Euler (`under`)."""
    return Range(name, 0.0, 1.0)


def positive(name: str) -> Range:
    """Of a time constant, or of its inverse."""
    return Range(name, 0.0)


def under(rule: Discretization, own: Range) -> Range:
    """The range under a discretization."""
    euler = rule.integrator == "euler" and own == decay(own.name)
    return replace(own, with_low=True) if euler else own


def outside(ranges: Iterable[Range], values: Mapping[str, np.ndarray]) -> str:
    """What is outside its range, in words; empty if nothing is.

    Returns: for example `"beta[3] is 1.25; expected 0 < beta < 1"`.
    """
    found = []
    for own in ranges:
        held = np.asarray(values[own.name])
        bad = ~own.allows(held)
        if bad.any():
            at = tuple(int(i) for i in np.argwhere(bad)[0])
            where = "".join(f"[{i}]" for i in at)
            found.append(f"{own.name}{where} is {float(held[at]):g}; expected {own}")
    return "; ".join(found)
