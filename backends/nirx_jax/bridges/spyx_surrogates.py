"""spyx' surrogate gradients: the functions of `spyx.axn`.

**Source**: spyx 1.0.0, spyx.axn; held to it by tests/libraries.
"""

# The library is not in .venv, where types are checked.
# pyright: reportMissingImports=false

from __future__ import annotations

import inspect
import math
from typing import Any

from spyx import axn

from nirx.bridging.surrogates import free_variables, known, library_surrogate
from nirx.dynamics import surrogates
from nirx.dynamics.surrogate_formulas import (
    Arctan,
    Boxcar,
    FastSigmoid,
    NamedSurrogate,
    Sigmoid,
    Triangular,
)

__all__ = ["activation", "surrogate_of"]

BUILDS = {
    "superspike": lambda k: surrogates.fast_sigmoid(k),
    "arctan": lambda k_pi: surrogates.arctan(2.0 * k_pi / math.pi, 1.0 / math.pi),
    "triangular": lambda k: surrogates.triangular(1.0 / k),
    "boxcar": lambda h, k: surrogates.boxcar(2.0 * k, h),
    "tanh": lambda k: surrogates.sigmoid(2.0 * k, 1.0),
}
"""By the numbers that the functions keep: boxcar has half its width as k, arctan k times pi."""


def surrogate_of(cell: Any) -> tuple[NamedSurrogate | None, str]:
    """The surrogate of a neuron, and its name in spyx."""
    # axn.custom wraps a function of "bwd" by jax.custom_gradient, which keeps it as "fun".
    wrapped = free_variables(inspect.unwrap(cell.spike)).get("fun")
    backward = free_variables(wrapped).get("bwd")
    if isinstance(backward, NamedSurrogate):
        return backward, "custom"
    name = getattr(backward, "__qualname__", "of its activation").split(".")[0]
    if getattr(backward, "__module__", None) != axn.__name__:
        return None, name
    return known(BUILDS, name, free_variables(backward)), name


def activation(node: Any) -> Any | None:
    """spyx' function for the surrogate in a node's metadata, or None for its default."""
    return library_surrogate(node, "spyx", _function)


def _function(surrogate: NamedSurrogate) -> Any:
    if isinstance(surrogate, FastSigmoid) and surrogate.height == 1:
        return axn.superspike(surrogate.slope)
    if isinstance(surrogate, Arctan) and math.isclose(surrogate.height, 1.0 / math.pi):
        return axn.arctan(0.5 * surrogate.alpha)
    if isinstance(surrogate, Triangular) and surrogate.height == 1:
        return axn.triangular(1.0 / surrogate.width)
    if isinstance(surrogate, Boxcar) and surrogate.outside == 0:
        return axn.boxcar(surrogate.width, surrogate.height)
    if isinstance(surrogate, Sigmoid) and surrogate.height == 1:
        return axn.tanh(0.5 * surrogate.slope)
    return axn.custom(surrogate)
