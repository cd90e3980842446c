"""SpikingJelly's surrogate functions.

**Source**: spikingjelly 2.0.0, activation_based.surrogate; held to it by tests/libraries.
"""

# The library is not in .venv, where types are checked.
# pyright: reportMissingImports=false

from __future__ import annotations

import math
from typing import Any

import torch
from spikingjelly.activation_based import surrogate as own

from nirx.bridging.surrogates import known, library_surrogate
from nirx.dynamics import surrogates
from nirx.dynamics.surrogate_formulas import (
    Arctan,
    Boxcar,
    Exponential,
    FastSigmoid,
    Gaussian,
    Heaviside,
    NamedSurrogate,
    Sigmoid,
    StraightThrough,
    Triangular,
)
from nirx_torch.surrogate import with_surrogate

__all__ = ["surrogate_function", "surrogate_of"]

BUILDS = {
    "Sigmoid": lambda alpha: surrogates.sigmoid(alpha),
    "ATan": lambda alpha: surrogates.arctan(alpha),
    "PiecewiseQuadratic": lambda alpha: surrogates.triangular(1.0 / alpha, alpha),
    "PiecewiseExp": lambda alpha: surrogates.exponential(alpha, 0.5 * alpha),
    "SoftSign": lambda alpha: surrogates.fast_sigmoid(alpha, 0.5 * alpha),
    "SuperSpike": lambda alpha: surrogates.fast_sigmoid(1.0, alpha),
    "Erf": lambda alpha: surrogates.gaussian(math.sqrt(0.5) / alpha),
    "Rect": lambda alpha: surrogates.boxcar(1.0 / alpha, alpha),
    "PiecewiseLeakyReLU": lambda w, c: surrogates.boxcar(2.0 * w, 0.5 / w, c),
    "LeakyKReLU": lambda leak, k: surrogates.heaviside(0.0, k, leak),
    "DeterministicPass": lambda: surrogates.straight_through(),
}


class FormulaFunction(own.SurrogateFunctionBase):
    """A formula of nirx as a surrogate function of SpikingJelly."""

    def __init__(self, formula: NamedSurrogate):
        super().__init__(spiking=True)
        self.formula = formula

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Spikes of v - v_threshold."""
        return with_surrogate((x >= 0).to(x), x, x.new_zeros(()), self.formula)

    def extra_repr(self) -> str:
        return repr(self.formula)


def surrogate_of(cell: Any) -> tuple[NamedSurrogate | None, str]:
    """The surrogate of a node, and its name in SpikingJelly."""
    function = cell.surrogate_function
    kind = type(function)
    if isinstance(function, FormulaFunction):
        return function.formula, kind.__name__
    numbers = getattr(function, "_sg_params", {})
    mine = kind.__module__ == own.__name__
    return known(BUILDS, kind.__name__, numbers) if mine else None, kind.__name__


def surrogate_function(node: Any, scale: Any) -> dict[str, Any]:
    """The option of SpikingJelly's nodes for the surrogate in a node's metadata."""
    found = library_surrogate(node, "spikingjelly", _function, scale)
    return {} if found is None else {"surrogate_function": found}


def _function(surrogate: NamedSurrogate) -> Any:
    for name, numbers in _candidates(surrogate):
        if _close(BUILDS[name](**numbers), surrogate):
            return getattr(own, name)(**numbers)
    return FormulaFunction(surrogate)


def _candidates(surrogate: NamedSurrogate) -> list[tuple[str, dict[str, float]]]:
    """SpikingJelly's functions that may be equal, with the numbers that they would have."""
    if isinstance(surrogate, Sigmoid):
        return [("Sigmoid", {"alpha": surrogate.slope})]
    if isinstance(surrogate, Arctan):
        return [("ATan", {"alpha": surrogate.alpha})]
    if isinstance(surrogate, Triangular):
        return [("PiecewiseQuadratic", {"alpha": 1.0 / surrogate.width})]
    if isinstance(surrogate, Exponential):
        return [("PiecewiseExp", {"alpha": surrogate.slope})]
    if isinstance(surrogate, FastSigmoid):
        soft = ("SoftSign", {"alpha": surrogate.slope})
        return [soft, ("SuperSpike", {"alpha": surrogate.height})]
    if isinstance(surrogate, Gaussian):
        return [("Erf", {"alpha": math.sqrt(0.5) / surrogate.sigma})]
    if isinstance(surrogate, Boxcar):
        leaky = {"w": 0.5 * surrogate.width, "c": surrogate.outside}
        return [("Rect", {"alpha": 1.0 / surrogate.width}), ("PiecewiseLeakyReLU", leaky)]
    if isinstance(surrogate, Heaviside):
        return [("LeakyKReLU", {"leak": surrogate.below, "k": surrogate.height})]
    if isinstance(surrogate, StraightThrough):
        return [("DeterministicPass", {})]
    return []


def _close(a: NamedSurrogate, b: NamedSurrogate) -> bool:
    """Whether the numbers are equal up to the rounding of a conversion there and back."""
    theirs = b.numbers()
    return type(a) is type(b) and all(
        math.isclose(v, theirs[k], rel_tol=1e-12) for k, v in a.numbers().items()
    )
