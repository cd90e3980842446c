"""Norse's surrogate gradients: a `method` by name and its `alpha`.

**Source**: norse 1.1.0, norse.torch.functional.threshold (its "super" has slope 1, whatever alpha
is); held to it by tests/libraries.
"""

from __future__ import annotations

import math
from typing import Any

from nirx.bridging.surrogates import NO_GRADIENT, known, library_surrogate
from nirx.dynamics import surrogates
from nirx.dynamics.surrogate_formulas import (
    Gaussian,
    NamedSurrogate,
    Sigmoid,
    StraightThrough,
    Triangular,
)

__all__ = ["method_and_alpha", "surrogate_of"]

PEAK = 2.0 / math.sqrt(math.pi)

BUILDS = {
    "super": lambda alpha: surrogates.fast_sigmoid(1.0),
    "triangle": lambda alpha: surrogates.triangular(1.0, alpha),
    "tanh": lambda alpha: surrogates.sigmoid(2.0 * alpha, 1.0),
    "heavi_erfc": lambda alpha: surrogates.gaussian(math.sqrt(0.5) / alpha, PEAK),
    "heaviside": lambda alpha: surrogates.straight_through(NO_GRADIENT),
}


def surrogate_of(cell: Any) -> tuple[NamedSurrogate | None, str]:
    """The surrogate of a cell, and its name in Norse."""
    return known(BUILDS, cell.p.method, {"alpha": cell.p.alpha}), repr(cell.p.method)


def method_and_alpha(node: Any) -> tuple[str, float]:
    """Norse's choice for the surrogate in a node's metadata, else its default."""
    return library_surrogate(node, "norse", _method) or ("super", 100.0)


def _method(surrogate: NamedSurrogate) -> tuple[str, float] | None:
    if surrogate == surrogates.fast_sigmoid(1.0):
        return "super", 100.0
    if isinstance(surrogate, Triangular) and surrogate.width == 1:
        return "triangle", surrogate.height
    if isinstance(surrogate, Sigmoid) and surrogate.height == 1:
        return "tanh", 0.5 * surrogate.slope
    if isinstance(surrogate, Gaussian) and surrogate.center == 0 and _is(surrogate.height, PEAK):
        return "heavi_erfc", math.sqrt(0.5) / surrogate.sigma
    if isinstance(surrogate, StraightThrough) and surrogate.height == NO_GRADIENT:
        return "heaviside", 100.0
    return None


def _is(a: float, b: float) -> bool:
    return math.isclose(a, b, rel_tol=1e-12)
