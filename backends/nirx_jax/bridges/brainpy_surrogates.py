"""The surrogate gradients of braintools, which brainpy's neurons use.

Their argument is (V - V_th)/(V_th - V_reset), or (V - V_th)/V_th in IF.

**Source**: braintools 0.3.0, braintools.surrogate; held to it by tests/libraries.
"""

# The library is not in .venv, where types are checked.
# pyright: reportMissingImports=false

from __future__ import annotations

import math
from typing import Any

import numpy as np
from braintools import surrogate as own

from nirx.bridging.surrogates import known, library_surrogate, one_number
from nirx.dynamics import surrogates
from nirx.dynamics.surrogate_formulas import NamedSurrogate, Triangular
from nirx_jax.bridges.formula_spikes import FormulaSpikes

__all__ = ["spike_function", "surrogate_of"]

BUILDS = {
    "ReluGrad": lambda alpha, width: surrogates.triangular(width, alpha * width),
    "Sigmoid": lambda alpha: surrogates.sigmoid(alpha),
    "PiecewiseQuadratic": lambda alpha: surrogates.triangular(1.0 / alpha, alpha),
    "PiecewiseExp": lambda alpha: surrogates.exponential(alpha, 0.5 * alpha),
    "SoftSign": lambda alpha: surrogates.fast_sigmoid(alpha, 0.5 * alpha),
    "Arctan": lambda alpha: surrogates.arctan(alpha),
    "ERF": lambda alpha: surrogates.gaussian(math.sqrt(0.5) / alpha),
    "PiecewiseLeakyRelu": lambda c, w: surrogates.boxcar(2.0 * w, 0.5 / w, c),
    "LeakyRelu": lambda alpha, beta: surrogates.heaviside(0.0, beta, alpha),
}


def surrogate_of(cell: Any, height: np.ndarray) -> tuple[NamedSurrogate | None, str]:
    """The surrogate of a neuron in V - V_th, and its name in braintools.

    Arguments:
        height: what its argument is divided by, for every neuron.
    """
    function = cell.spk_fun
    name, by = type(function).__name__, one_number(height)
    if isinstance(function, FormulaSpikes):
        found = function.formula
    elif type(function).__module__.startswith(own.__name__):
        found = known(BUILDS, name, vars(function))
    else:
        found = None
    if found is None:
        return None, name
    if by is None:
        return None, f"{name}, whose width differs from neuron to neuron with the threshold,"
    return found.scaled(1.0 / by), name


def spike_function(node: Any, height: Any) -> dict[str, Any]:
    """The option of brainpy's neurons for the surrogate in a node's metadata."""
    found = library_surrogate(node, "brainpy", _function, height)
    return {} if found is None else {"spk_fun": found}


def _function(surrogate: NamedSurrogate) -> Any:
    if isinstance(surrogate, Triangular):
        return own.ReluGrad(alpha=surrogate.height / surrogate.width, width=surrogate.width)
    for name, numbers in (("Sigmoid", "slope"), ("SoftSign", "slope"), ("Arctan", "alpha")):
        value = surrogate.numbers().get(numbers)
        if value is not None and BUILDS[name](value) == surrogate:
            return getattr(own, name)(alpha=value)
    return FormulaSpikes(surrogate)
