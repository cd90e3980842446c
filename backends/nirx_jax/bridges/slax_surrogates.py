"""slax' surrogate gradients.

**Source**: slax 0.0.1, slax.models.surrogates; held to it by tests/libraries.
"""

# The library is not in .venv, where types are checked.
# pyright: reportMissingImports=false

from __future__ import annotations

from typing import Any

import jax
import slax
from slax.models import surrogates as own

from nirx.bridging.surrogates import free_variables, known, library_surrogate
from nirx.dynamics import surrogates
from nirx.dynamics.surrogate_formulas import Arctan, FastSigmoid, MultiGaussian, NamedSurrogate
from nirx_jax.bridges.formula_spikes import FormulaSpikes

__all__ = ["spike_fn", "surrogate_of"]

BUILDS = {
    "fast_sigmoid": lambda slope: surrogates.fast_sigmoid(slope),
    "atan": lambda alpha: surrogates.arctan(alpha),
    "multi_gauss": lambda gamma, lens, scale, height: surrogates.multi_gaussian(
        lens, height, scale, gamma
    ),
}


def surrogate_of(cell: Any) -> tuple[NamedSurrogate | None, str]:
    """The surrogate of a neuron, and its name in slax."""
    function = cell.spike_fn
    if isinstance(function, FormulaSpikes):
        return function.formula, "of nirx"
    name = getattr(function, "__qualname__", type(function).__name__).split(".")[0]
    if getattr(function, "__module__", None) != own.__name__:
        return None, name
    backward = free_variables(getattr(function, "jvp", None))
    numbers = {k: v for k, v in backward.items() if isinstance(v, int | float)}
    return known(BUILDS, name, numbers), name


def spike_fn(node: Any) -> dict[str, Any]:
    """The option of slax' LIF for the surrogate in a node's metadata."""
    found = library_surrogate(node, "slax", _function)
    return {} if found is None else {"spike_fn": found}


def _function(surrogate: NamedSurrogate) -> jax.custom_jvp | FormulaSpikes:
    if isinstance(surrogate, FastSigmoid) and surrogate.height == 1:
        return slax.fast_sigmoid(surrogate.slope)
    if isinstance(surrogate, Arctan) and surrogate == surrogates.arctan(surrogate.alpha):
        return slax.atan(surrogate.alpha)
    if isinstance(surrogate, MultiGaussian) and surrogate.center == 0:
        lens, height, scale, gamma, _ = surrogate.numbers().values()
        return slax.multi_gauss(gamma, lens, scale, height)
    return FormulaSpikes(surrogate)
