"""Legal discretizations, with overrides for single nodes and subgraphs of a graph."""

from __future__ import annotations

from typing import Any

import nir
from hypothesis import strategies as st

from nirx.dynamics.discretization import Discretization
from nirx_conformance.oracle.inlining import inline, path_text
from nirx_conformance.strategies.draw import Draw, HypothesisDraw

FREE = {
    "integrator": ("euler", "exponential"),
    "threshold": ("gt", "ge"),
    "synapse": ("current-first", "voltage-first"),
    "synapse_input": ("scaled",) * 4 + ("jump", "jump-then-decay"),
    "initial_v": ("zero", "leak"),
}
"""Choices that can be combined with any other choice, but `integrator` with one `input_gain`."""


@st.composite
def discretizations(
    draw: st.DrawFn, graph: nir.NIRGraph | None = None, dt: float = 1e-4
) -> Discretization:
    """Legal discretizations; see `draw_discretization`."""
    return draw_discretization(HypothesisDraw(draw), graph, dt)


def draw_discretization(
    draw: Draw, graph: nir.NIRGraph | None = None, dt: float = 1e-4
) -> Discretization:
    """A legal discretization.

    Arguments:
        graph: overrides name its nodes and subgraphs; without a graph there are none.
    """
    overrides: dict[str, dict[str, Any]] = {}
    if graph is not None and draw.chance(0.4):
        nodes, _ = inline(graph)
        paths = sorted({p[:k] for p in nodes for k in range(1, len(p) + 1)})
        for _ in range(draw.integer(1, 3)):
            overrides[path_text(draw.choice(paths))] = _override(draw)
    choices = {
        "feedback": draw.choice(("back-edges", "back-edges", "component")),
        "feedback_initial": draw.choice(("silent", "silent", "zero")),
        **_free(draw),
        **_spiking(draw),
    }
    if choices["integrator"] == "exponential" and draw.chance(0.3):
        choices["input_gain"] = "euler"
    return Discretization(dt=dt, overrides=overrides, **choices)


def _override(draw: Draw) -> dict[str, Any]:
    if draw.chance(0.5):
        name = draw.choice(sorted(FREE))
        own = {name: draw.choice(FREE[name])}
        # An override is legal on top of anything.
        return own | {"input_gain": "matched"} if name == "integrator" else own
    # Choices that may conflict are drawn together, so that they are legal on top of anything.
    return _spiking(draw)


def _free(draw: Draw) -> dict[str, Any]:
    return {name: draw.choice(options) for name, options in FREE.items()}


def _spiking(draw: Draw) -> dict[str, Any]:
    """A legal combination of reset, reset_when, output, spikes and max_spikes."""
    reset = draw.choice(("value", "value", "subtract", "subtract", "none"))
    when = "same" if reset == "none" else draw.choice(("same", "same", "next", "next-leaked"))
    late = (reset == "none" or when != "same") and draw.chance(0.4)
    multi = draw.chance(0.25)
    return {
        "reset": reset,
        "reset_when": when,
        "output": "old" if late else "new",
        "spikes": "multi" if multi else "single",
        "max_spikes": draw.integer(1, 3) if multi and draw.chance(0.85) else None,
    }
