"""Shape inference: every node's input and output shape, from the Inputs on."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

import nir

from nirx.basics.paths import format_path
from nirx.dynamics.base import NodeMismatch
from nirx.dynamics.ops import Shape
from nirx.errors import Fault
from nirx.graphs.flatten import FlatGraph

__all__ = ["Shapes", "infer_shapes"]


@dataclass
class Shapes:
    """Per node of the flat graph; None where it could not be inferred."""

    inputs: list[Shape | None]
    outputs: list[Shape | None]


def infer_shapes(flat: FlatGraph, skip: list[bool]) -> tuple[Shapes, list[Fault]]:
    """Infer all shapes in time linear in nodes and edges.

    Shapes flow along the edges. What no Input reaches starts from the shapes that the
    nodes' own parameters declare.

    Arguments:
        flat: the graph.
        skip: nodes whose parameters are faulty already; they stay unknown without a fault.
    """
    count = len(flat.nodes)
    successors: list[list[int]] = [[] for _ in range(count)]
    for source, target in flat.edges:
        successors[source].append(target)
    shapes = Shapes([None] * count, [None] * count)
    faults: dict[int, Fault] = {}
    queue: deque[int] = deque()

    def settle(index: int, shape: Shape) -> None:
        shapes.inputs[index] = shape
        node = flat.nodes[index]
        try:
            shapes.outputs[index] = node.type.infer_shape(node.node, shape)
        except NodeMismatch as mismatch:
            faults[index] = _fault(flat, index, mismatch)
            # So that one fault stays one: what a weight gives is sure, what broadcasts is not.
            dynamics = node.type.dynamics
            exact = dynamics is not None and dynamics.exact_shape
            shapes.outputs[index] = _declared(flat, index)[1] if exact else shape
        queue.append(index)

    def flow() -> None:
        while queue:
            index = queue.popleft()
            shape = shapes.outputs[index]
            if shape is not None:
                for target in successors[index]:
                    if shapes.inputs[target] is None and not skip[target]:
                        settle(target, shape)

    for index in flat.ports(nir.Input):
        if skip[index]:
            continue
        shape = _declared(flat, index)[0]
        if shape is None:
            where = format_path(flat.nodes[index].path)
            faults[index] = Fault(where, "an Input without a shape", "input_type with a shape")
        else:
            settle(index, shape)
    flow()
    for index, shape in _surest_first(flat, shapes, skip):  # cycles that no Input reaches
        if shapes.inputs[index] is None:
            settle(index, shape)
            flow()
    found = [faults[i] for i in sorted(faults)]
    return shapes, found + _edge_faults(flat, shapes, faults, skip)


def _declared(flat: FlatGraph, index: int) -> tuple[Shape | None, Shape | None]:
    entry = flat.nodes[index].type
    if entry.dynamics is None:
        return None, None
    try:
        return entry.dynamics.declared_shapes(flat.nodes[index].node)
    except NodeMismatch:
        return None, None


def _surest_first(flat: FlatGraph, shapes: Shapes, skip: list[bool]) -> list[tuple[int, Shape]]:
    """Nodes without a shape that declare one: exact ones first, then the largest.

    A parameter of shape (1,) may only broadcast, so it must not decide for its neighbours.
    """
    found = []
    for index, node in enumerate(flat.nodes):
        if skip[index] or shapes.inputs[index] is not None:
            continue
        shape = _declared(flat, index)[0]
        if shape is not None and node.type.dynamics is not None:
            found.append((not node.type.dynamics.exact_shape, -math.prod(shape), shape, index))
    return [(index, shape) for _, _, shape, index in sorted(found)]


def _fault(flat: FlatGraph, index: int, mismatch: NodeMismatch) -> Fault:
    path = format_path(flat.nodes[index].path)
    return Fault(path, mismatch.found, mismatch.expected, mismatch.mend)


def _edge_faults(
    flat: FlatGraph, shapes: Shapes, faults: dict[int, Fault], skip: list[bool]
) -> list[Fault]:
    found = []
    for source, target in flat.edges:
        given, taken = shapes.outputs[source], shapes.inputs[target]
        if given is not None and taken is not None and given != taken and target not in faults:
            a, b = (format_path(flat.nodes[i].path) for i in (source, target))
            others = (s for s, t in flat.edges if t == target and shapes.outputs[s] == taken)
            other = next(others, source)
            found.append(
                Fault(
                    f"edge {a!r} -> {b!r}",
                    f"{a!r} gives shape {given}, but {b!r} also gets shape {taken} from "
                    f"{format_path(flat.nodes[other].path)!r}"
                    if other != source
                    else f"{a!r} gives shape {given}, but {b!r} takes shape {taken}",
                    "one shape for all that flows into a node",
                )
            )
    if faults or found or flat.broken or any(skip):
        return found  # what is unknown may follow from what is wrong
    return [
        Fault(
            format_path(flat.nodes[i].path),
            "its shape cannot be inferred: no Input reaches it and no parameter gives it",
            mend="give one node of its cycle parameters of full shape",
        )
        for i in range(len(flat.nodes))
        if shapes.outputs[i] is None
    ]
