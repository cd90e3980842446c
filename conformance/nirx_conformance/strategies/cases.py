"""A case: a graph with a discretization and inputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import nir
from hypothesis import strategies as st

from nirx.dynamics.discretization import Discretization
from nirx_conformance.strategies.discretizations import draw_discretization
from nirx_conformance.strategies.draw import Draw, HypothesisDraw, SeededDraw
from nirx_conformance.strategies.graphs import draw_graph
from nirx_conformance.strategies.inputs import draw_inputs


@dataclass(frozen=True)
class Case:
    """A graph, how it steps, and its inputs.

    Arguments:
        inputs: [time, *batch, *features], or one such array per outermost Input.
    """

    graph: nir.NIRGraph
    discretization: Discretization
    inputs: Any

    def __repr__(self) -> str:
        nodes = _listing(self.graph, "  ")
        return f"Case({self.discretization!r}\n{nodes})"


def _listing(graph: nir.NIRGraph, indent: str) -> str:
    lines = []
    for name, node in graph.nodes.items():
        lines.append(f"{indent}{name!r}: {type(node).__name__}\n")
        if isinstance(node, nir.NIRGraph):
            lines.append(_listing(node, indent + "    "))
    lines += [f"{indent}{a!r} -> {b!r}\n" for a, b in graph.edges]
    return "".join(lines)


def draw_case(draw: Draw) -> Case:
    """A case."""
    dt = draw.choice([1e-4, 1e-4, 1e-3, 0.1, 1.0])
    graph = draw_graph(draw, dt)
    return Case(graph, draw_discretization(draw, graph, dt), draw_inputs(draw, graph))


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Cases."""
    return draw_case(HypothesisDraw(draw))


def random_case(seed: int) -> Case:
    """The case of a seed, drawn without Hypothesis; always the same."""
    return draw_case(SeededDraw(seed))
