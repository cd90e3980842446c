"""The derivatives that stand in for that of a spike, as functions of u = v - v_threshold."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np

from nirx_conformance.oracle.node import Array

Formula = Callable[[Array], Array]


def fast_sigmoid(slope: float, height: float) -> Formula:
    """height (slope |u| + 1)^-2."""
    return lambda u: height * np.power(slope * np.abs(u) + 1, -2)


def arctan(alpha: float, height: float) -> Formula:
    """The derivative of arctan(k u) height / k, where k = pi alpha / 2."""
    return lambda u: height / (np.square(np.pi * alpha / 2 * u) + 1)


def triangular(width: float, height: float) -> Formula:
    """A triangle from -width to width."""
    return lambda u: height * np.clip(np.minimum(1 + u / width, 1 - u / width), 0, None)


def sigmoid(slope: float, height: float) -> Formula:
    """The derivative of tanh(slope u / 2), times height 2 / slope."""
    return lambda u: height * (1 - np.square(np.tanh(slope / 2 * u)))


def gaussian(sigma: float, height: float, center: float) -> Formula:
    """A bell around its center, with the standard deviation sigma."""
    return lambda u: height * np.exp(-np.square(u - center) / (2 * sigma**2))


def multi_gaussian(sigma: float, h: float, s: float, scale: float, center: float) -> Formula:
    """(1 + h) times a normal density, less h times two wider ones at a distance of sigma."""

    def normal(u: Array, mean: float, deviation: float) -> Array:
        return gaussian(deviation, 1 / (deviation * np.sqrt(2 * np.pi)), center + mean)(u)

    return lambda u: (
        scale
        * (
            normal(u, 0, sigma) * (1 + h)
            - (normal(u, sigma, s * sigma) + normal(u, -sigma, s * sigma)) * h
        )
    )


def exponential(slope: float, height: float, center: float) -> Formula:
    """Falls by e for every 1/slope to either side of its center."""
    return lambda u: height * np.exp(-slope * np.abs(u - center))


def straight_through(height: float) -> Formula:
    """The same everywhere."""
    return lambda u: np.full_like(u, height)


def boxcar(width: float, height: float, outside: float) -> Formula:
    """One height from -width/2 to width/2, another outside."""
    return lambda u: np.where(2 * np.abs(u) <= width, height, outside)


def heaviside(window: float, height: float, below: float) -> Formula:
    """One height from -window on, another below."""
    return lambda u: np.where(u + window >= 0, height, below)


WITH_NUMBERS: dict[str, Callable[..., Formula]] = {
    own.__name__: own
    for own in (
        fast_sigmoid,
        arctan,
        triangular,
        sigmoid,
        gaussian,
        multi_gaussian,
        exponential,
        straight_through,
        boxcar,
        heaviside,
    )
}
"""By the name in a surrogate's JSON, whose other entries are the arguments."""

FORMULAS: dict[str, Formula] = {
    "superspike": fast_sigmoid(100, 1),
    "arctan": arctan(2, 1),
    "triangular": triangular(1, 1),
    "straight-through": straight_through(1),
}
"""By the names that a caller may give instead of numbers."""


def formula_of(surrogate: Any) -> Formula:
    """The formula of a name in `FORMULAS`, or of an object that says its numbers as JSON; a
    function of u is its own."""
    if isinstance(surrogate, str):
        return FORMULAS[surrogate]
    return of_json(surrogate.to_json()) if hasattr(surrogate, "to_json") else surrogate


def of_json(text: str) -> Formula:
    """The formula of a name with its numbers."""
    numbers = json.loads(text)
    return WITH_NUMBERS[numbers.pop("name")](**numbers)
