"""snnTorch's surrogate gradients: closures of `snntorch.surrogate`.

**Source**: snntorch 1.0.0, snntorch.surrogate; held to it by tests/libraries.
"""

# The library is not in .venv, where types are checked.
# pyright: reportMissingImports=false

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from snntorch import surrogate as own

from nirx.bridging.surrogates import NO_GRADIENT, free_variables, known, library_surrogate
from nirx.dynamics import surrogates
from nirx.dynamics.surrogate_formulas import (
    Arctan,
    Exponential,
    FastSigmoid,
    Heaviside,
    NamedSurrogate,
    StraightThrough,
)

__all__ = ["spike_grad", "surrogate_of"]

TINY = float(np.finfo("float32").tiny)

BUILDS = {
    "fast_sigmoid": lambda slope: surrogates.fast_sigmoid(slope),
    "atan": lambda alpha: surrogates.arctan(alpha),
    "sigmoid": lambda slope: surrogates.sigmoid(slope),
    "straight_through_estimator": lambda: surrogates.straight_through(),
    # Its sign changes at the threshold, whatever its name says.
    "triangular": lambda threshold: surrogates.heaviside(0.0, -threshold, threshold),
    "heaviside": lambda: surrogates.heaviside(-TINY),  # where there is a spike: u > 0
    "spike_rate_escape": lambda beta, slope: surrogates.exponential(beta, slope, 1.0),
}


@dataclass(frozen=True)
class _Gradient:
    """A formula as `snntorch.surrogate.custom_surrogate` takes it."""

    surrogate: NamedSurrogate

    def __call__(self, input_: Any, grad_input: Any, spikes: Any) -> Any:
        return grad_input * self.surrogate(input_)


def surrogate_of(cell: Any) -> tuple[NamedSurrogate | None, str]:
    """The surrogate of a neuron, and its name in snnTorch."""
    function = cell.spike_grad
    name = getattr(function, "__qualname__", type(function).__name__).split(".")[0]
    if getattr(cell, "surrogate_disable", False):
        return surrogates.straight_through(NO_GRADIENT), name
    if getattr(function, "__module__", None) != own.__name__:
        return None, name
    numbers = free_variables(function)
    custom = numbers.get("func")
    if isinstance(custom, _Gradient):
        return custom.surrogate, name
    return known(BUILDS, name, numbers), name


def spike_grad(node: Any) -> Any | None:
    """snnTorch's function for the surrogate in a node's metadata, or None for its default."""
    return library_surrogate(node, "snntorch", _function)


def _function(surrogate: NamedSurrogate) -> Any:
    if isinstance(surrogate, FastSigmoid) and surrogate.height == 1:
        return own.fast_sigmoid(surrogate.slope)
    if isinstance(surrogate, Arctan) and surrogate == surrogates.arctan(surrogate.alpha):
        return own.atan(surrogate.alpha)
    if isinstance(surrogate, StraightThrough) and surrogate.height == 1:
        return own.straight_through_estimator()
    if isinstance(surrogate, Heaviside):
        if (surrogate.window, surrogate.below) == (0, -surrogate.height):
            return own.triangular(surrogate.below)
        if surrogate == BUILDS["heaviside"]():
            return own.heaviside()
    if isinstance(surrogate, Exponential) and surrogate.center == 1:
        return own.spike_rate_escape(surrogate.slope, surrogate.height)
    # Also a sigmoid: snnTorch's is NaN where exp(-slope*u) overflows.
    return own.custom_surrogate(_Gradient(surrogate))
