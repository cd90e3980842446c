"""NIR nodes in place of the cells that a tracer found, where they are NIR's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import nir

from nirx.basics.paths import Path
from nirx.dynamics.discretization import Discretization
from nirx.dynamics.neuron_node import Neuron
from nirx.dynamics.node_types import has_neuron
from nirx.graphs.metadata import assumed_discretization, require_discretization
from nirx.tracing.membranes import Recorded, map_recorded, take_names
from nirx.tracing.recognition.one_rule import all_recognised, one_rule, uses_dt
from nirx.tracing.recognition.recognition import Recognition, recognised

if TYPE_CHECKING:
    from nirx.tracing.draft import Draft

__all__ = ["as_cell", "has_cells", "has_value_loops", "recognise_alone", "recognise_cells"]

CELL_KEY = "nirx_cell"
"""Metadata key that marks a node, until its graph is finished, that a tracer wrote from a cell. A
`Neuron` that a user wrote stays what it is."""


def as_cell(node: Neuron) -> Neuron:
    """The node itself, marked as a tracer's own."""
    node.metadata = {**(node.metadata or {}), CELL_KEY: True}
    return node


def recognise_cells(draft: Draft, base: Discretization | None) -> Discretization | None:
    """Put NIR nodes in place of the cells of a draft that equal one.

    Arguments:
        draft: is changed.
        base: of the other nodes; None where none is known.

    Returns: the discretization under which all nodes do the same.
    """
    nodes = sorted(draft.nodes.items())
    cells = {(name,): (node, draft.shapes[name]) for name, node in nodes if _take_mark(node)}
    if not cells:
        return base
    others = uses_dt(node for name, node in draft.nodes.items() if (name,) not in cells)
    start = Discretization() if base is None and others else base
    found = all_recognised(cells, None if start is None else start.dt)
    states = _recorded_states(draft)
    found = {p: own for p, own in found.items() if not states.get(p[0], set()) - _kept(own)}
    if not found:
        return base
    if base is None and others:
        base = assumed_discretization()
    for (name,), own in found.items():
        draft.nodes[name] = own.node
    draft.returns = _renamed(draft.returns, found)
    return one_rule(base, found)


def recognise_alone(node: Neuron, discretization: Discretization | None) -> Any:
    """The NIR node, with its rule, for a cell that is a whole model; or the cell itself.

    Arguments:
        discretization: the caller's, for its dt.
    """
    chosen = require_discretization(discretization)
    _take_mark(node)
    take_names(node)
    found = recognised(node, dt=None if chosen is None else chosen.dt)
    return node if found is None else found.with_rule()


def has_value_loops(draft: Draft) -> bool:
    """Whether a draft keeps values from step to step that are no outputs of neurons: perhaps the
    state of a linear cell."""
    values = [loop.value for loop in draft.loops if loop.value is not None]
    sources = [source for value in values for source in value.sources]
    return any(not (isinstance(s, str) and has_neuron(draft.nodes.get(s))) for s in sources)


def has_cells(graph: Any) -> bool:
    """Whether a finished graph, or a node, is or has a `Neuron`."""
    if isinstance(graph, nir.NIRGraph):
        return any(map(has_cells, graph.nodes.values()))
    return isinstance(graph, Neuron)


def _take_mark(node: Any) -> bool:
    if not isinstance(node, Neuron) or CELL_KEY not in (node.metadata or {}):
        return False
    node.metadata = {k: v for k, v in node.metadata.items() if k != CELL_KEY}
    return True


def _kept(own: Recognition) -> set[str]:
    """The cell's names of the states that the NIR node has too."""
    return set(own.states.values())


def _recorded_states(draft: Draft) -> dict[str, set[str]]:
    """The states that the program returns, by node."""
    found: dict[str, set[str]] = {}

    def note(part: Recorded) -> Recorded:
        found.setdefault(part.node, set()).add(part.variable)
        return part

    map_recorded(draft.returns, note)
    return found


def _renamed(returns: Any, found: dict[Path, Recognition]) -> Any:
    names: dict[tuple[str, str], str] = {}
    for (node,), own in found.items():
        names |= {(node, theirs): name for name, theirs in own.states.items()}

    def rename(part: Recorded) -> Recorded:
        return Recorded(part.node, names.get((part.node, part.variable), part.variable))

    return map_recorded(returns, rename)
