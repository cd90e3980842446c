"""`nirx.surrogates`: surrogate gradients with their parameters.

Each function returns an object that maps u = v - v_threshold to d(spike)/du, with `height` its
largest value. Objects with the same numbers are equal, so that they share a compilation. A node
carries its own in its metadata:

    node.metadata["nirx_surrogate"] = nirx.surrogates.arctan(alpha=4).to_json()
"""

from __future__ import annotations

import math
from dataclasses import replace

from nirx.dynamics.surrogate_formulas import (
    Arctan,
    Boxcar,
    Exponential,
    FastSigmoid,
    Formula,
    Gaussian,
    Heaviside,
    MultiGaussian,
    Sigmoid,
    StraightThrough,
    Surrogate,
    Triangular,
    surrogate_from_json,
)

__all__ = [
    "arctan",
    "boxcar",
    "exponential",
    "fast_sigmoid",
    "formula",
    "from_json",
    "gaussian",
    "heaviside",
    "multi_gaussian",
    "piecewise_linear",
    "sigmoid",
    "straight_through",
    "superspike",
    "triangular",
]


ONE = 1.0
"""A height until the other numbers are known to be right."""


def fast_sigmoid(slope: float = 25.0, height: float = 1.0) -> FastSigmoid:
    """height / (1 + slope |u|)^2. **Source**: Zenke & Ganguli 2018; snntorch's default slope."""
    return FastSigmoid(slope, height)


def superspike() -> FastSigmoid:
    """1 / (1 + 100 |u|)^2, nirx's default. **Source**: Zenke & Ganguli 2018."""
    return FastSigmoid(100.0, 1.0)


def arctan(alpha: float = 2.0, height: float | None = None) -> Arctan:
    """height / (1 + (pi alpha u / 2)^2); height is alpha/2. **Source**: Fang et al. 2021."""
    own = Arctan(alpha, ONE if height is None else height)
    return own if height is not None else replace(own, height=0.5 * own.alpha)


def triangular(width: float = 1.0, height: float = 1.0) -> Triangular:
    """height max(0, 1 - |u|/width). **Source**: Esser et al. 2016; Bellec et al. 2018."""
    return Triangular(width, height)


def sigmoid(slope: float = 25.0, height: float | None = None) -> Sigmoid:
    """height sech^2(slope u / 2), the derivative of a sigmoid; height is slope/4."""
    own = Sigmoid(slope, ONE if height is None else height)
    return own if height is not None else replace(own, height=0.25 * own.slope)


def gaussian(sigma: float = 0.5, height: float | None = None, center: float = 0.0) -> Gaussian:
    """height exp(-((u - center)/sigma)^2 / 2); height is that of the normal density."""
    own = Gaussian(sigma, ONE if height is None else height, center)
    normal = 1.0 / (own.sigma * math.sqrt(2.0 * math.pi))
    return own if height is not None else replace(own, height=normal)


def multi_gaussian(
    sigma: float = 0.5, h: float = 0.15, s: float = 6.0, scale: float = 1.0, center: float = 0.0
) -> MultiGaussian:
    """A normal density times 1 + h, less h times two that are s times as wide, at center - sigma
    and center + sigma; all of it times scale. **Source**: Yin et al. 2021."""
    return MultiGaussian(sigma, h, s, scale, center)


def exponential(slope: float = 2.0, height: float = 1.0, center: float = 0.0) -> Exponential:
    """height exp(-slope |u - center|). **Source**: Shrestha & Orchard 2018."""
    return Exponential(slope, height, center)


def straight_through(height: float = 1.0) -> StraightThrough:
    """height everywhere. **Source**: Bengio et al. 2013."""
    return StraightThrough(height)


def boxcar(width: float = 2.0, height: float = 0.5, outside: float = 0.0) -> Boxcar:
    """height where |u| <= width/2, else outside. **Source**: spyx' parameters."""
    return Boxcar(width, height, outside)


def piecewise_linear(width: float = 2.0) -> Boxcar:
    """The boxcar of area 1: the derivative of a line from 0 to 1 over this width."""
    own = Boxcar(width, ONE, 0.0)
    return replace(own, height=1.0 / own.width)


def heaviside(window: float = 0.0, height: float = 1.0, below: float = 0.0) -> Heaviside:
    """height where u >= -window, else below. **Source**: sinabs' and Rockpool's window."""
    return Heaviside(window, height, below)


def formula(function: Surrogate) -> Formula:
    """Your own function of u. Written with Python operators and `abs` only, it works on every
    backend and in fused kernels. It cannot be written to a file."""
    return Formula(function)


from_json = surrogate_from_json
