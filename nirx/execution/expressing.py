"""A graph whose neurons are expressions: it needs neither a discretization nor their packages."""

from __future__ import annotations

from typing import Any

import nir
import numpy as np

from nirx.basics.paths import Path
from nirx.dynamics.base import Dynamics
from nirx.dynamics.discretization import Discretization
from nirx.dynamics.expression import Expression, NotElementwise
from nirx.dynamics.neuron_node import Neuron
from nirx.dynamics.parameters import NodeMismatch
from nirx.dynamics.program import INPUT, OUTPUT, PARAMETER, STATE, Program
from nirx.errors import Fault, GraphError
from nirx.execution.assemble import load, native_arrays
from nirx.execution.kernels.symbolic import Symbol, SymbolicOps
from nirx.execution.numpy_ops import NumpyOps
from nirx.graphs.metadata import resolve_discretization
from nirx.graphs.origin import node_at, rebuild_graph
from nirx.graphs.schedule import build_schedule

__all__ = ["expressed"]


def expressed(graph: Any, discretization: Discretization | None = None) -> nir.NIRGraph:
    """A copy of a graph in which every neuron is a `nirx.Neuron`.

    The expression is the neuron's own step under its discretization, so runs have the same bits.
    A neuron of a registered type can then be read without the package that brings the type.

    Arguments:
        graph: a graph or the path of one; not changed.
        discretization: None takes the one in its metadata, else the default.

    Returns: the copy.

    **Raises**: `GraphError` for a neuron whose step mixes elements.
    """
    graph = load(graph)
    chosen = resolve_discretization(graph, discretization)
    schedule, _ = build_schedule(graph, chosen)
    nodes: dict[Path, Any] = {}
    faults: list[Fault] = []
    for place in schedule.nodes:
        if not place.neuron or place.dynamics is None:
            continue
        node = node_at(graph, place.path)
        try:
            nodes[place.path] = _neuron(node, place.dynamics)
        except NotElementwise as error:
            faults.append(Fault(place.name, str(error), "a step on single elements"))
        except NodeMismatch as mismatch:
            faults.append(mismatch.fault(place.name))
    if faults:
        raise GraphError(faults)
    return rebuild_graph(graph, nodes)


def _neuron(node: Any, dynamics: Dynamics) -> Neuron:
    """**Raises**: `NotElementwise`, `NodeMismatch`."""
    if isinstance(node, Neuron):
        return node
    arrays = native_arrays(type(dynamics), node)
    expression = Expression()
    ops: Any = SymbolicOps(expression)
    c = dynamics.coefficients(ops, {name: ops.input(PARAMETER + name) for name in arrays})
    states = tuple(dynamics.state_shapes())
    y, new = dynamics.step(ops, c, ops.input(INPUT), {k: ops.input(STATE + k) for k in states})
    if not all(isinstance(r, Symbol) for r in (y, *new.values())):
        raise NotElementwise("its step returns something else than arrays")
    expression.results = {OUTPUT: y.position, **{STATE + k: new[k].position for k in states}}
    program = Program(expression, states)
    program.check(tuple(arrays))
    start = dynamics.initial_state(NumpyOps(np.dtype(np.float64)), arrays, ())
    made = Neuron(program, arrays, dict(start), {}, type(node).__name__)
    made.metadata = dict(node.metadata or {})
    return made
