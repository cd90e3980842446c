"""Shape inference: every node's input and output shape, starting at the Inputs."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import nir

from nirx.basics.paths import format_path
from nirx.dynamics.base import Elementwise
from nirx.dynamics.ops import Shape
from nirx.dynamics.parameters import NodeMismatch
from nirx.dynamics.reshape import Port
from nirx.errors import Fault
from nirx.graphs.feedback import adjacency
from nirx.graphs.flatten import FlatGraph

__all__ = ["Shapes", "declared_shapes", "infer_shapes"]


@dataclass
class Shapes:
    """Shapes per node of the flat graph; None if a shape could not be inferred."""

    inputs: list[Shape | None]
    outputs: list[Shape | None]
    misdeclared: dict[int, Shape] = field(default_factory=dict)
    """The declared shapes of Inputs and Outputs that receive another shape."""


def infer_shapes(
    flat: FlatGraph,
    skip: list[bool],
    inputs: Mapping[int, Shape] | None = None,
    output_of: Callable[[int, Shape], Shape] | None = None,
) -> tuple[Shapes, list[Fault]]:
    """Infer all shapes in time linear in nodes and edges.

    Shapes propagate along the edges. Where no Input reaches, they start from the shapes that
    the nodes' own parameters declare.

    Arguments:
        flat: the graph.
        skip: per node, whether its parameters are faulty. It then causes no further fault: a
            node that acts on each element passes a shape on, any other one does not.
        inputs: shapes of the outermost Inputs, instead of the declared ones.
        output_of: (node, input shape) -> output shape, instead of the rule of the node's type.

    Returns: the shapes, and the faults.
    """
    count = len(flat.nodes)
    successors = adjacency(count, flat.edges)
    given = inputs or {}
    kinds = [node.type.dynamics for node in flat.nodes]
    exact = [kind is None or not issubclass(kind, Elementwise) for kind in kinds]
    output_of = output_of or (lambda i, x: flat.nodes[i].type.infer_shape(flat.nodes[i].node, x))
    shapes = Shapes([None] * count, [None] * count)
    faults: dict[int, Fault] = {}
    queue: deque[int] = deque()

    def likely_output(index: int, shape: Shape, mismatch: NodeMismatch) -> Shape | None:
        """The output of a node that cannot take its input, to keep one fault from causing others.

        The output of a weight is certain; a shape that broadcasts is not.
        """
        dynamics = flat.nodes[index].type.dynamics
        meant = mismatch.gives
        if meant is not None and any(
            declared_shapes(flat, target)[0] == meant for target in successors[index]
        ):
            return meant
        certain = dynamics is not None and dynamics.exact_shape
        return declared_shapes(flat, index)[1] if certain else shape

    def settle(index: int, shape: Shape) -> None:
        shapes.inputs[index] = shape
        node = flat.nodes[index]
        try:
            shapes.outputs[index] = output_of(index, shape)
        except NodeMismatch as mismatch:
            if skip[index]:
                return  # its parameters are a fault already
            faults[index] = mismatch.fault(format_path(node.path))
            shapes.outputs[index] = likely_output(index, shape, mismatch)
        queue.append(index)

    def flow() -> None:
        while queue:
            index = queue.popleft()
            shape = shapes.outputs[index]
            if shape is not None:
                for target in successors[index]:
                    if shapes.inputs[target] is None and not (skip[target] and exact[target]):
                        settle(target, shape)

    for index in flat.ports(nir.Input):
        if skip[index]:
            continue
        shape = given.get(index, declared_shapes(flat, index)[0])
        if shape is None:
            where = format_path(flat.nodes[index].path)
            faults[index] = Fault(where, "an Input without a shape", "input_type with a shape")
        else:
            settle(index, shape)
    flow()
    for index, shape in _most_certain_first(flat, shapes, skip):  # cycles that no Input reaches
        if shapes.inputs[index] is None:
            settle(index, shape)
            flow()
    for index, node in enumerate(flat.nodes):
        taken = shapes.inputs[index]
        declared = declared_shapes(flat, index)[0] if node.type.dynamics is Port else None
        if taken is not None and declared not in (None, taken):
            shapes.misdeclared[index] = declared
    found = [faults[i] for i in sorted(faults)]
    return shapes, found + _edge_faults(flat, shapes, faults, skip)


def declared_shapes(flat: FlatGraph, index: int) -> tuple[Shape | None, Shape | None]:
    """Input and output shape that a node alone determines, else None."""
    entry = flat.nodes[index].type
    if entry.dynamics is None:
        return None, None
    try:
        return entry.dynamics.declared_shapes(flat.nodes[index].node)
    except NodeMismatch:
        return None, None


def _most_certain_first(
    flat: FlatGraph, shapes: Shapes, skip: list[bool]
) -> list[tuple[int, Shape]]:
    """Nodes of unknown shape that declare one: exact shapes first, then the largest.

    A parameter of shape (1,) may broadcast, so it must not determine its neighbours' shapes.
    """
    found = []
    for index, node in enumerate(flat.nodes):
        if skip[index] or shapes.inputs[index] is not None:
            continue
        shape = declared_shapes(flat, index)[0]
        if shape is not None and node.type.dynamics is not None:
            found.append((not node.type.dynamics.exact_shape, -math.prod(shape), shape, index))
    return [(index, shape) for _, _, shape, index in sorted(found)]


def _edge_faults(
    flat: FlatGraph, shapes: Shapes, faults: dict[int, Fault], skip: list[bool]
) -> list[Fault]:
    found = []
    fitting: dict[int, int] = {}  # target -> its first source of the shape that it takes
    for source, target in flat.edges:
        if shapes.outputs[source] == shapes.inputs[target]:
            fitting.setdefault(target, source)
    for source, target in flat.edges:
        given, taken = shapes.outputs[source], shapes.inputs[target]
        if given is not None and taken is not None and given != taken and target not in faults:
            a, b = (format_path(flat.nodes[i].path) for i in (source, target))
            other = fitting.get(target, source)
            found.append(
                Fault(
                    f"edge {a!r} -> {b!r}",
                    f"{a!r} has output shape {given}, but {b!r} also receives shape {taken} from "
                    f"{format_path(flat.nodes[other].path)!r}"
                    if other != source
                    else f"{a!r} has output shape {given}, but {b!r} takes shape {taken}",
                    "one shape for all inputs of a node",
                )
            )
    if faults or found or flat.broken or any(skip):
        return found  # a shape may be unknown because of another fault
    return [
        Fault(
            format_path(flat.nodes[i].path),
            "its shape cannot be inferred: no Input reaches it and no parameter declares it",
            mend="give one node of its cycle parameters of full shape",
        )
        for i in range(len(flat.nodes))
        if shapes.outputs[i] is None
    ]
