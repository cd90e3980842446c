"""Inputs for a graph: spikes, real numbers, constants; with and without batch axes."""

from __future__ import annotations

from typing import Any

import nir
import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from nirx_conformance.strategies.draw import Draw, HypothesisDraw


@st.composite
def inputs(draw: st.DrawFn, graph: nir.NIRGraph) -> Any:
    """Inputs for a graph; see `draw_inputs`."""
    return draw_inputs(HypothesisDraw(draw), graph)


def draw_inputs(draw: Draw, graph: nir.NIRGraph) -> dict[str, NDArray] | NDArray:
    """One array [time, *batch, *features] per outermost Input, or the bare array of the only one.

    Arguments:
        graph: its outermost Inputs declare their shapes.
    """
    steps = 1 if draw.chance(0.03) else draw.integer(10, 20)
    batch = draw.choice([(), (1,), (2,), (3,), (2, 2)])
    given = {}
    for name, node in graph.nodes.items():
        if isinstance(node, nir.Input):
            features = tuple(int(n) for n in node.input_type["input"])
            given[name] = _signal(draw, (steps, *batch, *features))
    if len(given) == 1 and draw.chance(0.7):
        return next(iter(given.values()))
    return given


def _signal(draw: Draw, shape: tuple[int, ...]) -> NDArray:
    kind = draw.choice(["spikes", "spikes", "real", "real", "constant", "integer"])
    if kind == "spikes":
        rate = draw.choice([0.3, 0.5, 0.8])
        spikes = draw.uniform(shape, 0, 1) < rate
        return spikes if draw.chance(0.2) else spikes.astype(np.float64)
    if kind == "real":
        return draw.uniform(shape, -0.6, 1.8)
    if kind == "constant":
        return np.broadcast_to(draw.uniform(shape[1:], 0.3, 1.5), shape).copy()
    return np.floor(draw.uniform(shape, -1, 3)).astype(np.int64)
