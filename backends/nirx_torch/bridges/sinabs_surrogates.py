"""sinabs' surrogate gradients: objects that are called with v_mem and the threshold.

**Source**: sinabs 3.1.3, sinabs.activation.surrogate_gradient_fn; held to it by tests/libraries.
"""

# The library is not in .venv, where types are checked.
# pyright: reportMissingImports=false

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from sinabs import activation as own

from nirx.bridging.surrogates import known, library_surrogate, one_number
from nirx.dynamics import surrogates
from nirx.dynamics.surrogate_formulas import (
    Exponential,
    Gaussian,
    Heaviside,
    MultiGaussian,
    NamedSurrogate,
)
from nirx_torch.bridges.neuron import numbers

__all__ = ["surrogate_grad_fn", "surrogate_of"]

ROOT = math.sqrt(2.0 * math.pi)


def _exponential(threshold: float, grad_width: float, grad_scale: float) -> NamedSurrogate:
    width = threshold * grad_width
    return surrogates.exponential(1.0 / width, grad_scale / width)


def _multi(
    threshold: float, mu: float, sigma: float, h: float, s: float, grad_scale: float
) -> NamedSurrogate | None:
    # Of its three densities mu shifts one only.
    return None if mu else surrogates.multi_gaussian(sigma, h, s, grad_scale)


BUILDS = {
    "SingleExponential": _exponential,
    "Gaussian": lambda threshold, mu, sigma, grad_scale: surrogates.gaussian(
        sigma, grad_scale / (sigma * ROOT), mu
    ),
    "MultiGaussian": _multi,
    "Heaviside": lambda threshold, window: surrogates.heaviside(window, 1.0 / threshold),
}


@dataclass(frozen=True)
class FormulaGradient:
    """A formula of nirx as sinabs calls a surrogate gradient."""

    formula: NamedSurrogate

    def __call__(self, v_mem: Any, spike_threshold: Any) -> Any:
        return self.formula(v_mem - spike_threshold)


def surrogate_of(cell: Any) -> tuple[NamedSurrogate | None, str]:
    """The surrogate of a layer, and its name in sinabs."""
    function = cell.surrogate_grad_fn
    name = getattr(function, "__name__", type(function).__name__)
    if isinstance(function, FormulaGradient):
        return function.formula, name
    if type(function) is not getattr(own, name, None):
        return None, name
    threshold = one_number(numbers(cell.spike_threshold))
    if threshold is None and name in ("SingleExponential", "Heaviside"):
        return None, f"{name}, whose width differs from neuron to neuron with the threshold,"
    given = {"threshold": threshold or 0.0, **vars(function)}
    return known(BUILDS, name, given), name


def surrogate_grad_fn(node: Any, threshold: Any, scale: Any) -> Any | None:
    """sinabs' object for the surrogate in a node's metadata, or None for its default.

    Arguments:
        threshold, scale: of the layer, in its own coordinates, and of these.
    """
    one = one_number(threshold)
    return library_surrogate(node, "sinabs", lambda s: _function(s, one), scale)


def _function(surrogate: NamedSurrogate, threshold: float | None) -> Any:
    if isinstance(surrogate, Gaussian):
        scale = surrogate.height * surrogate.sigma * ROOT
        return own.Gaussian(surrogate.center, surrogate.sigma, scale)
    if isinstance(surrogate, MultiGaussian) and surrogate.center == 0:
        _, h, s, scale, _ = surrogate.numbers().values()
        return own.MultiGaussian(0.0, surrogate.sigma, h, s, scale)
    if threshold is not None and threshold > 0:
        if isinstance(surrogate, Exponential) and surrogate.center == 0:
            width = 1.0 / surrogate.slope
            return own.SingleExponential(width / threshold, surrogate.height * width)
        one = math.isclose(surrogate.numbers().get("height", 0.0) * threshold, 1.0, rel_tol=1e-6)
        if isinstance(surrogate, Heaviside) and one and surrogate.below == 0:
            return own.Heaviside(surrogate.window)
    return FormulaGradient(surrogate)
