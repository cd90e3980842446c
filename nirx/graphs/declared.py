"""Declared shapes that the nodes' parameters contradict, and the ones that were meant.

Frameworks write the shape of a sample with its batch and time axes into Input, Output and Flatten.
NIR shapes have neither. `nirx.graphs.redeclaring` finds what was meant; here it is put into words.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import nir

from nirx.basics.paths import format_path
from nirx.dynamics.geometry import integers
from nirx.dynamics.ops import Shape
from nirx.dynamics.reshape import Flatten
from nirx.errors import Fault
from nirx.graphs.flatten import FlatGraph
from nirx.graphs.misnamed import REPAIR
from nirx.graphs.shapes import Shapes, declared_shapes

__all__ = [
    "Dims",
    "Redeclared",
    "dims_of",
    "port_text",
    "redeclared_faults",
    "redeclared_text",
    "shape_of",
]

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


def redeclared_faults(flat: FlatGraph, found: Redeclared, before: list[Fault]) -> list[Fault]:
    """One fault for each wrong declaration that other faults follow from.

    Arguments:
        before: the faults of the graph as it is; the first that follows is quoted.
    """
    faults = []
    follows = next((fault for fault in before if fault not in found.faults), None)
    proof = f" ({follows.where}: {follows.found})" if follows is not None else ""
    for index, shape in sorted(found.inputs.items()):
        was = shape_of(flat, index) or ()
        axes = _axes_text(was[: len(was) - len(shape)])
        faults.append(
            Fault(
                format_path(flat.nodes[index].path),
                f"it has shape {was}: it declares {axes}{proof}",
                f"shape {shape}",
                f"{REPAIR} corrects it",
            )
        )
    for index in _wrong_flattens(flat, found):
        node = flat.nodes[index]
        takes, own = found.shapes.inputs[index], shape_of(flat, index)
        words = []
        if own not in (None, takes) and not found.inputs:
            words.append(f"it is declared with input shape {own}, but receives shape {takes}")
        if index in found.flattens and not found.inputs:
            start, end = dims_of(node.node)
            words.append(
                f"start_dim={start}, end_dim={end} count a batch axis, which NIR shapes do not have"
            )
        if words:
            start, end = found.flattens.get(index, dims_of(node.node))
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


def shape_of(flat: FlatGraph, index: int) -> Shape | None:
    """The declared input shape of a node."""
    return declared_shapes(flat, index)[0]


def dims_of(node: nir.NIRNode) -> Dims:
    """start_dim and end_dim of a Flatten."""
    (start,), (end,) = (integers(node, name, 1, -32) for name in ("start_dim", "end_dim"))
    return start, end


def _wrong_flattens(flat: FlatGraph, found: Redeclared) -> list[int]:
    wrong = set(found.flattens)
    for index, node in enumerate(flat.nodes):
        if node.type.dynamics is Flatten and not node.custom:
            takes = found.shapes.inputs[index]
            if takes is not None and shape_of(flat, index) not in (None, takes):
                wrong.add(index)
    return sorted(wrong)
