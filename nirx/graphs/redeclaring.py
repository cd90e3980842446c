"""The declarations that were meant: leading axes that no parameters bear out are dropped."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import nir

from nirx.dynamics.base import Elementwise
from nirx.dynamics.ops import Shape
from nirx.dynamics.parameters import NodeMismatch
from nirx.dynamics.reshape import Flatten, Port, merged_shape
from nirx.graphs.declared import Dims, Redeclared, dims_of, shape_of
from nirx.graphs.feedback import adjacency
from nirx.graphs.flatten import FlatGraph
from nirx.graphs.shapes import Shapes, infer_shapes

__all__ = ["redeclare"]

MOST_AXES = 8
"""An Input with more axes is left as it is."""


def redeclare(flat: FlatGraph, skip: list[bool]) -> Redeclared | None:
    """The declarations that were meant, if a graph's own ones do not fit and others do.

    An Input loses leading axes, a Flatten counts fewer of them. Of all ways the one with the
    fewest faults is taken, then the one with which the most Outputs agree, then the one that
    drops the fewest axes.

    Arguments:
        flat: the graph; not changed.
        skip: per node, whether its parameters are faulty.

    Returns: None if nothing is better than what the graph declares.
    """
    shapes, faults = infer_shapes(flat, skip)
    declared = {i: s for i in flat.ports(nir.Input) if (s := shape_of(flat, i)) is not None}
    flattens = [i for i, n in enumerate(flat.nodes) if n.type.dynamics is Flatten and not n.custom]
    if not faults and not shapes.misdeclared:
        inputs = _without_ones(flat, declared)
        if not inputs:
            return None
        found = Redeclared(inputs, {}, *infer_shapes(flat, skip, inputs))
        return None if found.faults else found
    best = Redeclared({}, {}, shapes, faults)
    rank = (len(faults), len(_contradicting(flat, shapes)))
    demand, after = _demands(flat, skip), adjacency(len(flat.nodes), flat.edges)
    for inputs, freely in _ways(declared, demand):
        if freely and not flattens:
            break
        found = _tried(flat, skip, inputs, freely, declared, demand, after)
        own = (len(found.faults), len(_contradicting(flat, found.shapes)))
        if own < rank:
            best, rank = found, own
        if rank == (0, 0):
            break
    better = len(best.faults) < len(faults) or best.inputs or best.shapes.misdeclared
    return best if better else None


def _contradicting(flat: FlatGraph, shapes: Shapes) -> list[int]:
    """The outermost Outputs that declare another shape than they receive."""
    return [i for i in shapes.misdeclared if flat.is_port(i, nir.Output)]


# -- what parameters demand -----------------------------------------------------------------


@dataclass(frozen=True)
class _Demand:
    """What a node's parameters, or those of the nodes after it, say about its input."""

    rank: int
    shape: Shape | None


def _demands(flat: FlatGraph, skip: list[bool]) -> list[_Demand | None]:
    """The demand on each node's input: its own, or that of the nearest node after it.

    Nodes that keep the shape pass a demand on; all others have their own or none.
    """
    count = len(flat.nodes)
    before = adjacency(count, [(b, a) for a, b in flat.edges])
    found: list[_Demand | None] = [None] * count
    queue: deque[int] = deque()
    for index, node in enumerate(flat.nodes):
        kind = node.type.dynamics
        if skip[index] or kind is None or node.custom or kind in (Port, Flatten):
            continue
        if issubclass(kind, Elementwise):
            continue
        try:
            rank = kind.input_rank(node.node)
        except NodeMismatch:
            continue
        if rank is not None:
            found[index] = _Demand(rank, shape_of(flat, index))
            queue.append(index)
    while queue:
        index = queue.popleft()
        for source in before[index]:
            node = flat.nodes[source]
            kind = node.type.dynamics
            passes = kind is Port or (kind is not None and issubclass(kind, Elementwise))
            if found[source] is None and passes and not node.custom:
                found[source] = found[index]
                queue.append(source)
    return found


def _ways(
    declared: dict[int, Shape], demand: list[_Demand | None]
) -> Iterator[tuple[dict[int, Shape], bool]]:
    """New shapes of the Inputs, and whether Flattens may lose axes that no Input loses."""
    fixed: dict[int, Shape] = {}
    free: dict[int, Shape] = {}
    for index, shape in declared.items():
        own = demand[index]
        if len(shape) > MOST_AXES:
            continue
        if own is None:
            free[index] = shape
        elif len(shape) > own.rank > 0:
            fixed[index] = shape[len(shape) - own.rank :]
    most = max((len(shape) - 1 for shape in free.values()), default=0)
    for freely in (False, True):
        for count in range(most + 1):
            cut = {i: s[count:] for i, s in free.items() if 0 < count < len(s)}
            yield {**fixed, **cut}, freely


def _without_ones(flat: FlatGraph, declared: dict[int, Shape]) -> dict[int, Shape]:
    """Shapes of Inputs without leading axes of 1 that no parameters have, in a graph that fits.

    Only for graphs of nodes that act on each element, some of which have parameters of fewer axes:
    without these axes, every number stays the same.
    """
    most = 0
    for index, node in enumerate(flat.nodes):
        kind = node.type.dynamics
        if kind is Port:
            continue
        if kind is None or node.custom or not issubclass(kind, Elementwise):
            return {}
        most = max(most, len(shape_of(flat, index) or ()))
    if not most:
        return {}
    cut = {}
    for index, shape in declared.items():
        ones = next((n for n, size in enumerate(shape) if size != 1), len(shape))
        drop = min(ones, len(shape) - most)
        if drop > 0:
            cut[index] = shape[drop:]
    return cut if len(cut) == len(declared) else {}


def _tried(
    flat: FlatGraph,
    skip: list[bool],
    inputs: dict[int, Shape],
    freely: bool,
    declared: dict[int, Shape],
    demand: list[_Demand | None],
    after: Sequence[Sequence[int]],
) -> Redeclared:
    dropped = max((len(declared[i]) - len(s) for i, s in inputs.items()), default=0)
    flattens: dict[int, Dims] = {}

    def output_of(index: int, shape: Shape) -> Shape:
        node = flat.nodes[index]
        if node.type.dynamics is not Flatten or node.custom:
            return node.type.infer_shape(node.node, shape)
        own = dims_of(node.node)
        wished = next((d.shape for t in after[index] if (d := demand[t]) and d.shape), None)
        ways = _flattenings(own, shape_of(flat, index), shape, dropped, freely)
        results = [(dims, gives) for dims in ways if (gives := _merged(dims, shape)) is not None]
        if not results:
            return merged_shape(*own, shape)  # raises
        dims, gives = next((way for way in results if way[1] == wished), results[0])
        if dims != own:
            flattens[index] = dims
        return gives

    shapes, faults = infer_shapes(flat, skip, inputs, output_of)
    return Redeclared(inputs, flattens, shapes, faults)


def _flattenings(
    own: Dims, declared: Shape | None, takes: Shape, dropped: int, freely: bool
) -> list[Dims]:
    """Dims that a Flatten may have been meant to have, the likeliest first."""
    shifts = [0]
    if dropped:
        counts = declared is not None and len(declared) == len(takes) + dropped
        shifts = [dropped, 0] if counts else [0, dropped]
    if freely:
        shifts += range(1, min(own[0], MOST_AXES) + 1)
    start, end = own
    ways = [(s, start if start < 0 else max(start - s, 0), end) for s in shifts]
    return [(first, end if end < 0 else end - s) for s, first, end in ways if end < 0 or end >= s]


def _merged(dims: Dims, shape: Shape) -> Shape | None:
    try:
        gives = merged_shape(*dims, shape)
    except NodeMismatch:
        return None
    return gives if math.prod(gives) == math.prod(shape) else None
