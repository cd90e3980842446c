"""One node for a given input: any type that takes features of that shape."""

from __future__ import annotations

from typing import Any

import nir

from nirx_conformance.strategies.arrays import (
    MOST_ELEMENTS,
    VECTORS,
    Shape,
    parameter_shape,
    stored,
    weights,
)
from nirx_conformance.strategies.convolutions import convolution, flatten, pool
from nirx_conformance.strategies.draw import Draw
from nirx_conformance.strategies.neurons import NEURONS, delay_node, neuron, threshold_node


def node(draw: Draw, shape: Shape, dt: float, full: bool = False) -> tuple[Any, Shape]:
    """A node for inputs of `shape`, and the shape of its output.

    Arguments:
        full: elementwise parameters have the shape of the input.
    """
    kind = draw.choice(kinds(shape))
    if kind in ("Linear", "Affine"):
        return linear(draw, kind, shape)
    if kind == "Conv":
        return convolution(draw, shape)
    if kind == "Pool":
        return pool(draw, shape)
    if kind == "Flatten":
        return flatten(draw, shape)
    own = shape if full else parameter_shape(draw, shape)
    if kind == "Scale":
        return nir.Scale(stored(draw, draw.uniform(own, 0.4, 1.5))), shape
    if kind == "Threshold":
        return threshold_node(draw, own), shape
    if kind == "Delay":
        return delay_node(draw, own, dt, least=draw.integer(0, 1)), shape
    return neuron(draw, kind, own, dt), shape


def kinds(shape: Shape) -> list[str]:
    """The types that accept features of this shape, common ones more than once."""
    found = [*NEURONS, "Scale", "Threshold", "Delay", "Delay", "Flatten"]
    if shape:
        found += ["Linear", "Affine", "Affine", "Affine"]
    if len(shape) == 2:
        found += ["Conv"] * 4
    if len(shape) == 3:
        found += ["Conv"] * 4 + ["Pool"] * 4
    return found


def linear(draw: Draw, kind: str, shape: Shape, out: int | None = None) -> tuple[Any, Shape]:
    """A Linear or Affine on the last axis, batched over the leading ones.

    Arguments:
        out: size of the last axis of the output; drawn if None.
    """
    *lead, into = shape
    rows = 1
    for n in lead:
        rows *= n
    if out is None:
        sizes = [into, into, *(n for (n,) in VECTORS)]
        out = draw.choice([n for n in sizes if n * rows <= MOST_ELEMENTS] or [1])
    weight = weights(draw, (*lead, out, into), into)
    gives = (*lead, out)
    if kind == "Linear":
        return nir.Linear(weight), gives
    bias = draw.uniform(gives if draw.chance(0.8) else gives[-1:], -0.2, 0.4)
    return nir.Affine(weight, stored(draw, bias)), gives
