"""Random graphs: every node type, nesting, several Inputs and Outputs, loops of every kind."""

from __future__ import annotations

import nir
from hypothesis import strategies as st

from nirx_conformance.strategies.arrays import feature_shape
from nirx_conformance.strategies.draw import Draw, HypothesisDraw
from nirx_conformance.strategies.graph_builder import End, Level
from nirx_conformance.strategies.loops import add_island, add_loops
from nirx_conformance.strategies.nodes import node


@st.composite
def graphs(draw: st.DrawFn, dt: float = 1e-4) -> nir.NIRGraph:
    """Valid graphs; see `draw_graph`."""
    return draw_graph(HypothesisDraw(draw), dt)


def draw_graph(draw: Draw, dt: float = 1e-4) -> nir.NIRGraph:
    """A valid graph, small enough that a run takes milliseconds.

    Arguments:
        dt: time constants are 2 to 50 times as long, delays 0 to 5 times.
    """
    shapes = [feature_shape(draw)]
    for _ in range(draw.choice([0, 0, 0, 1, 1, 2])):
        shapes.append(draw.choice(shapes) if draw.chance(0.6) else feature_shape(draw))
    levels: list[Level] = []
    inputs = [End("", shape) for shape in shapes]
    outermost = grow(draw, inputs, draw.choice([0, 0, 1, 1, 2, 3]), dt, levels)
    add_loops(draw, outermost.graph(), levels, dt)
    return outermost.graph()


def grow(draw: Draw, inputs: list[End], depth: int, dt: float, levels: list[Level]) -> Level:
    """One graph and its subgraphs.

    Arguments:
        inputs: the sources of its Inputs.
        depth: levels of nesting still allowed.
        levels: this level and those below are appended.
    """
    level = Level(draw, outermost=not levels)
    levels.append(level)
    for end in inputs:
        level.add_input(end.shape, end.alone)
    if draw.chance(0.12):
        add_island(draw, level, draw.choice(inputs).shape or (2,), dt)
    count = draw.integer(2, 6) if level.outermost else draw.integer(1, 4)
    nested_at = draw.integer(0, count - 1) if depth else -1
    for index in range(count):
        if index == nested_at or (depth and draw.chance(0.1)):
            _add_subgraph(draw, level, depth - 1, dt, levels)
        else:
            source = level.pick_source()
            made, gives = node(draw, source.shape, dt, full=source.alone)
            level.feed(level.add(made, source.shape, gives, source.alone), source)
    _add_outputs(draw, level)
    return level


def _add_subgraph(draw: Draw, level: Level, depth: int, dt: float, levels: list[Level]) -> None:
    sources = [level.pick_source() for _ in range(draw.choice([1, 1, 1, 2, 2, 3]))]
    inner = grow(draw, sources, depth, dt, levels)
    entries = level.add_subgraph(inner, alone=any(s.alone for s in inner.sources))
    for entry, source in zip(entries, sources, strict=True):
        level.feed(entry, source)


def _add_outputs(draw: Draw, level: Level) -> None:
    """An Output for the last node and for most unused ones; some stay unconnected."""
    level.add_output(level.sources[-1])
    for source in list(level.unused):
        if len(level.outputs) < 3 and draw.chance(0.6):
            level.add_output(source)
    for name, shape in level.outputs.items():
        same = [s for s in level.sources if s.shape == shape]
        if draw.chance(0.2):
            level.connect(draw.choice(same), name)
