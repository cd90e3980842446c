"""Shapes of features, and the shapes and dtypes in which parameters come."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from nirx_conformance.strategies.draw import Draw

Shape = tuple[int, ...]

MOST_ELEMENTS = 24
"""Of a node's output, so that a run takes milliseconds."""

IMAGES: list[Shape] = [(2, 3, 4), (1, 4, 4), (4, 3, 2), (2, 2, 3), (1, 5, 3), (4, 2, 3)]
SEQUENCES: list[Shape] = [(2, 5), (4, 4), (1, 7), (2, 9), (3, 3), (4, 6)]
VECTORS: list[Shape] = [(3,), (2,), (4,), (1,), (5,)]


def feature_shape(draw: Draw) -> Shape:
    """Features of an Input: a vector, a sequence with channels, an image; rarely a number."""
    if draw.chance(0.03):
        return ()
    kind = draw.choice([VECTORS, VECTORS, SEQUENCES, IMAGES, IMAGES])
    return draw.choice(kind)


def parameter_shape(draw: Draw, shape: Shape) -> Shape:
    """A shape that broadcasts to the features: mostly the same shape."""
    way = draw.choice(["full", "full", "full", "scalar", "tail", "ones"])
    if way == "scalar":
        return ()
    if way == "tail" and shape:
        return shape[draw.integer(0, len(shape) - 1) :]
    if way == "ones":
        return tuple(1 if draw.chance(0.5) else n for n in shape)
    return shape


def stored(draw: Draw, values: NDArray[np.float64]) -> NDArray[np.floating]:
    """Values as in a file: float64, or rounded to float32."""
    return values.astype(np.float32) if draw.chance(0.3) else values


def log_uniform(draw: Draw, shape: Shape, low: float, high: float) -> NDArray[np.float64]:
    """Numbers spread evenly over the orders of magnitude."""
    return np.exp(draw.uniform(shape, math.log(low), math.log(high)))


def weights(draw: Draw, shape: Shape, fan_in: int) -> NDArray:
    """Mostly positive weights that roughly keep the magnitude of a signal."""
    if draw.chance(0.1):
        return np.rint(draw.uniform(shape, -0.6, 1.4)).astype(np.int64)
    return stored(draw, draw.uniform(shape, -0.7, 1.1) * (1.5 / math.sqrt(fan_in)))
