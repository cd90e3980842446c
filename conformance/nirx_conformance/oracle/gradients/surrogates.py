"""The derivatives that stand in for that of a spike, as functions of u = v - v_threshold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from nirx_conformance.oracle.node import Array

Formula = Callable[[Array], Array]


def superspike(u: Array) -> Array:
    """(100 |u| + 1)^-2."""
    return np.power(100 * np.abs(u) + 1, -2)


def arctan(u: Array) -> Array:
    """The derivative of arctan(pi u) / pi."""
    return 1 / (np.square(np.pi * u) + 1)


def triangular(u: Array) -> Array:
    """A triangle of height 1 from -1 to 1."""
    return np.clip(np.minimum(1 + u, 1 - u), 0, None)


def straight_through(u: Array) -> Array:
    """1 everywhere."""
    return np.ones_like(u)


FORMULAS: dict[str, Formula] = {
    "superspike": superspike,
    "arctan": arctan,
    "triangular": triangular,
    "straight-through": straight_through,
}


def formula_of(surrogate: Any) -> Formula:
    """The formula of a name; a function of u is its own."""
    return FORMULAS[surrogate] if isinstance(surrogate, str) else surrogate
