"""From a graph to a `Model`: every node of the schedule, in its order."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from nirx.basics.progress import stage
from nirx.dynamics.conv import Conv1d, Conv2d
from nirx.dynamics.delay import Delay
from nirx.dynamics.discretization import Discretization
from nirx.dynamics.expression import NotElementwise
from nirx.dynamics.integers import connections
from nirx.dynamics.linear import Affine, Linear
from nirx.dynamics.pool import AvgPool2d, SumPool2d
from nirx.dynamics.reshape import Flatten, Port
from nirx.errors import UnsupportedError
from nirx.execution.assemble import Assembly, assemble, native_arrays
from nirx.execution.execute import Executor
from nirx.execution.numpy_ops import NumpyOps
from nirx.execution.numpy_reproducible import ReproducibleNumpyOps
from nirx.execution.runners import NativeRunner
from nirx.golden.connections import add_conv, add_linear, add_pool
from nirx.golden.delays import add_delay
from nirx.golden.elementwise import add_copy, add_elementwise, add_port
from nirx.golden.model import Model, Node
from nirx.golden.names import Names
from nirx.golden.numbers import FloatNumbers, WholeNumbers
from nirx.graphs.state import NodeState, unnest

__all__ = ["Built", "build_model"]

STEPS: dict[type, Callable[[Model, Node], None]] = {
    **dict.fromkeys((Port, Flatten), add_copy),
    **dict.fromkeys((Linear, Affine, connections.WholeLinear, connections.WholeAffine), add_linear),
    **dict.fromkeys((Conv1d, Conv2d, connections.WholeConv1d, connections.WholeConv2d), add_conv),
    **dict.fromkeys((SumPool2d, AvgPool2d, connections.WholeAvgPool2d), add_pool),
    Delay: add_delay,
}
"""By the class itself: a subclass of someone else may do anything. All others are traced."""


class Built:
    """A model and the names of its ports.

    Arguments:
        inputs, outputs: (name of the port, member of the struct, the port's node), in the order
            of the schedule.
    """

    def __init__(self, model: Model, inputs: list[Any], outputs: list[Any]):
        self.model = model
        self.inputs: list[tuple[str, str, Node]] = inputs
        self.outputs: list[tuple[str, str, Node]] = outputs


def build_model(graph: Any, discretization: Discretization | None, dtype: str, name: str) -> Built:
    """The C parts of a graph.

    **Raises**: `UnsupportedError` that names a node that has no C; `GraphError`, `InputError`.
    """
    assembly = assemble(graph, discretization, None, dtype)
    schedule, whole = assembly.schedule, assembly.in_integers
    numbers = WholeNumbers() if whole else FloatNumbers(assembly.dtype)
    model = Model(name, schedule, numbers, not whole)
    with np.errstate(all="ignore"):
        _add_nodes(model, assembly)
    ports = Names(), Names()
    inputs = [(own, ports[0].new(own), model.nodes[p]) for own, p in schedule.inputs]
    outputs = [(own, ports[1].new(own), model.nodes[p]) for own, p in schedule.outputs]
    members = {node.position: member for _, member, node in inputs}
    with np.errstate(all="ignore"), stage("writing C", len(model.nodes), "nodes") as advance:
        for node in model.nodes:
            advance(1)
            try:
                _add_step(model, node, members)
            except NotElementwise as error:
                raise UnsupportedError(
                    f"{node.place.name!r} ({node.place.type_name}) cannot be exported to C: "
                    f"{error}; expected one of NIR's own types, or a type whose step is "
                    "elementwise operations of Ops"
                ) from None
    for node in model.nodes:
        if node.late is not None:
            model.last.append(
                f"memcpy(s->{node.late.name}, s->{node.y.name}, sizeof s->{node.y.name});"
            )
    return Built(model, inputs, outputs)


def _add_nodes(model: Model, assembly: Assembly) -> None:
    """Every node's members of the state and its coefficients."""
    schedule, dtype = model.schedule, np.dtype(assembly.dtype)
    ops = ReproducibleNumpyOps(dtype) if model.reproducible else NumpyOps(dtype)
    runners = []
    for place, own in zip(schedule.nodes, assembly.nodes, strict=True):
        assert place.dynamics is not None, "there is no node map"
        arrays = native_arrays(type(place.dynamics), own)
        runners.append(
            NativeRunner(place.dynamics, {k: v.astype(dtype) for k, v in arrays.items()})
        )
    executor = Executor(schedule, ops, runners)
    states: list[NodeState] = unnest(schedule, executor.init_state(()), frozenset())
    late = {
        s: own[1]
        for node, own in zip(schedule.nodes, states, strict=True)
        for s in node.late_sources
    }
    labels = Names()
    for position, (place, runner, (own, _)) in enumerate(
        zip(schedule.nodes, runners, states, strict=True)
    ):
        label, dynamics = labels.new("_".join(place.path)), runner.dynamics
        size, ctype = math.prod(place.output_shape), model.numbers.ctype
        y = model.add_field(f"{label}_y", ctype, size, f"{place.name}: its output in this step")
        fields = {
            variable: model.add_field(
                f"{label}_{variable}",
                model.numbers.state_type(dynamics, variable),
                math.prod(shape),
                f"{place.name}.{variable}",
                np.asarray(own[variable]),
            )
            for variable, shape in dynamics.state_shapes().items()
        }
        before = None
        if position in late:
            comment = f"{place.name}: its output one step ago"
            first = np.asarray(late[position][place.name])
            before = model.add_field(f"{label}_late", ctype, size, comment, first)
        coefficients = runner.coefficients(ops)
        model.nodes.append(Node(position, place, label, y, fields, before, coefficients))


def _add_step(model: Model, node: Node, inputs: dict[int, str]) -> None:
    if node.position in inputs:
        add_port(model, node, inputs[node.position])
    else:
        STEPS.get(type(node.place.dynamics), add_elementwise)(model, node)
