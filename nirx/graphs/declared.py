"""Declared shapes that the nodes' parameters contradict, and the ones that were meant.

Frameworks write the shape of a sample with its batch and time axes into Input, Output and Flatten.
NIR shapes have neither. `redeclare` finds the leading axes that no parameters bear out.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import nir

from nirx.basics.paths import format_path
from nirx.dynamics.base import Elementwise
from nirx.dynamics.geometry import integers
from nirx.dynamics.ops import Shape
from nirx.dynamics.parameters import NodeMismatch
from nirx.dynamics.reshape import Flatten, Port, merged_shape
from nirx.errors import Fault
from nirx.graphs.feedback import adjacency
from nirx.graphs.flatten import FlatGraph
from nirx.graphs.misnamed import REPAIR
from nirx.graphs.shapes import Shapes, declared_shapes, infer_shapes

__all__ = ["Redeclared", "port_text", "redeclare", "redeclared_faults", "redeclared_text"]

MOST_AXES = 8
"""An Input with more axes is left as it is."""

Dims = tuple[int, int]
"""start_dim and end_dim of a Flatten."""


@dataclass
class Redeclared:
    """A graph's shapes if some declarations are replaced.

    Arguments:
        inputs: new shapes of outermost Inputs, by index.
        flattens: new start_dim and end_dim of Flattens, by index.
        shapes: what follows; `misdeclared` holds the ports that then declare another shape.
        faults: what then is still wrong.
    """

    inputs: dict[int, Shape]
    flattens: dict[int, Dims]
    shapes: Shapes
    faults: list[Fault] = field(default_factory=list)


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
    declared = {i: s for i in flat.ports(nir.Input) if (s := _shape(flat, i)) is not None}
    flattens = [i for i, n in enumerate(flat.nodes) if n.type.dynamics is Flatten and not n.custom]
    if not faults and not shapes.misdeclared:
        inputs = _without_ones(flat, declared)
        if not inputs:
            return None
        found = Redeclared(inputs, {}, *infer_shapes(flat, skip, inputs))
        return None if found.faults else found
    best = Redeclared({}, {}, shapes, faults)
    rank = (len(faults), len(_contradicting(flat, shapes)))
    demand, after = _demands(flat), adjacency(len(flat.nodes), flat.edges)
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


def redeclared_faults(flat: FlatGraph, found: Redeclared) -> list[Fault]:
    """One fault for each wrong declaration that other faults follow from."""
    faults = []
    for index, shape in sorted(found.inputs.items()):
        was = _shape(flat, index) or ()
        faults.append(
            Fault(
                format_path(flat.nodes[index].path),
                f"it has shape {was}: it declares {_axes_text(was[: len(was) - len(shape)])}",
                f"shape {shape}",
                f"{REPAIR} corrects it",
            )
        )
    for index in _wrong_flattens(flat, found):
        node = flat.nodes[index]
        takes, own = found.shapes.inputs[index], _shape(flat, index)
        words = []
        if own not in (None, takes) and not found.inputs:
            words.append(f"it is declared with input shape {own}, but receives shape {takes}")
        if index in found.flattens and not found.inputs:
            start, end = _dims(node.node)
            words.append(
                f"start_dim={start}, end_dim={end} count a batch axis, which NIR shapes do not have"
            )
        if words:
            start, end = found.flattens.get(index, _dims(node.node))
            faults.append(
                Fault(
                    format_path(node.path),
                    " and ".join(words),
                    f"input_type {takes}, start_dim={start}, end_dim={end}",
                    f"{REPAIR} corrects it",
                )
            )
    return faults


def _axes_text(lead: Shape) -> str:
    """What leading axes probably are: "a batch axis of 256; NIR shapes have no batch"."""
    if len(lead) == 1:
        return f"a batch axis of {lead[0]}; NIR shapes have no batch"
    return f"batch and time axes {lead}; NIR shapes have no batch and no time"


def port_text(declared: Shape, takes: Shape) -> str:
    """What is wrong with a port that declares another shape than it receives."""
    lead = _lead(declared, takes)
    if lead:
        return f"declares {_axes_text(lead)}: shape {takes}, not {declared}"
    return f"declares shape {declared}, but receives {takes}"


def redeclared_text(declared: Shape, takes: Shape) -> str:
    """How the declaration of a node was changed."""
    lead = _lead(declared, takes)
    what = f" {_axes_text(lead)}:" if lead else ""
    return f"declared{what} shape {declared}, now {takes}"


def _lead(declared: Shape, takes: Shape) -> Shape:
    """The axes of a declared shape before those of the true one, if that is how they differ."""
    lead = declared[: max(len(declared) - len(takes), 0)]
    return lead if declared[len(lead) :] == takes else ()


def _shape(flat: FlatGraph, index: int) -> Shape | None:
    return declared_shapes(flat, index)[0]


def _dims(node: nir.NIRNode) -> Dims:
    (start,), (end,) = (integers(node, name, 1, -32) for name in ("start_dim", "end_dim"))
    return start, end


def _wrong_flattens(flat: FlatGraph, found: Redeclared) -> list[int]:
    wrong = set(found.flattens)
    for index, node in enumerate(flat.nodes):
        if node.type.dynamics is Flatten and not node.custom:
            takes = found.shapes.inputs[index]
            if takes is not None and _shape(flat, index) not in (None, takes):
                wrong.add(index)
    return sorted(wrong)


def _contradicting(flat: FlatGraph, shapes: Shapes) -> list[int]:
    """The outermost Outputs that declare another shape than they receive."""
    return [i for i in shapes.misdeclared if flat.is_port(i, nir.Output)]


# -- what parameters demand -----------------------------------------------------------------


@dataclass(frozen=True)
class _Demand:
    """What a node's parameters, or those of the nodes after it, say about its input."""

    rank: int
    shape: Shape | None


def _demands(flat: FlatGraph) -> list[_Demand | None]:
    """The demand on each node's input: its own, or that of the nearest node after it.

    Nodes that keep the shape pass a demand on; all others have their own or none.
    """
    count = len(flat.nodes)
    before = adjacency(count, [(b, a) for a, b in flat.edges])
    found: list[_Demand | None] = [None] * count
    queue: deque[int] = deque()
    for index, node in enumerate(flat.nodes):
        kind = node.type.dynamics
        if kind is None or node.custom or kind in (Port, Flatten) or issubclass(kind, Elementwise):
            continue
        try:
            rank = kind.input_rank(node.node)
        except NodeMismatch:
            continue
        if rank is not None:
            found[index] = _Demand(rank, _shape(flat, index))
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
        most = max(most, len(_shape(flat, index) or ()))
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
        own = _dims(node.node)
        wished = next((d.shape for t in after[index] if (d := demand[t]) and d.shape), None)
        ways = _flattenings(own, _shape(flat, index), shape, dropped, freely)
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
        shifts += range(1, own[0] + 1)
    start, end = own
    ways = [(s, start if start < 0 else max(start - s, 0), end) for s in shifts]
    return [(first, end if end < 0 else end - s) for s, first, end in ways if end < 0 or end >= s]


def _merged(dims: Dims, shape: Shape) -> Shape | None:
    try:
        gives = merged_shape(*dims, shape)
    except NodeMismatch:
        return None
    return gives if math.prod(gives) == math.prod(shape) else None
