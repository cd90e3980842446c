"""`nirx.show`: a network as a picture."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from nirx.basics.paths import Path as NodePath
from nirx.basics.paths import format_path
from nirx.basics.printable import printable
from nirx.basics.tables import shape_text
from nirx.drawing.diagram import Box, Diagram, Wire
from nirx.drawing.dot import has_dot, place_by_dot
from nirx.drawing.layered import place_in_rows
from nirx.drawing.scheduled import scheduled
from nirx.drawing.svg import svg_text
from nirx.dynamics.discretization import Discretization
from nirx.errors import InputError
from nirx.execution.memory import parameters_of
from nirx.files.reading import file_path
from nirx.files.target import check_target
from nirx.files.whole_file import write_whole
from nirx.graphs.schedule import Schedule, ScheduledNode

__all__ = ["Picture", "diagram_of", "show"]

MOST_BOXES = 200
LONGEST_NAME = 24
PORTS = ("Input", "Output")
LAYOUTS = (None, "dot", "rows")


class Picture:
    """A network as SVG; a notebook shows it.

    Arguments:
        diagram: what is drawn.
        layout: `"dot"` or `"rows"`; None for dot where graphviz is installed and succeeds.
    """

    def __init__(self, diagram: Diagram, layout: str | None = None):
        self._diagram, self._layout = diagram, layout

    @cached_property
    def _placed(self) -> Any:
        found = place_by_dot(self._diagram) if self._layout != "rows" and has_dot() else None
        return found or place_in_rows(self._diagram)

    @property
    def note(self) -> str:
        """What is left out of a large network; empty if nothing is."""
        return self._diagram.note

    @property
    def svg(self) -> str:
        """To be part of a page: its colours are those of the text around it."""
        return svg_text(self._placed, self._label)

    @property
    def _label(self) -> str:
        count = sum(1 for box in self._diagram.boxes for _ in box.leaves())
        late = sum(wire.late for wire in self._diagram.wires)
        return f"network of {count} nodes, {late} late edges"

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a file. **Raises**: `FileError`, `InputError` for another suffix than .svg."""
        target = Path(file_path(path))
        if target.suffix.lower() != ".svg":
            raise InputError(f"a picture of a network ends in .svg; got {target.name!r}")
        check_target(target, "path")
        write_whole(target, self._repr_svg_().encode())

    def _repr_svg_(self) -> str:
        return svg_text(self._placed, self._label, alone=True)

    def _repr_html_(self) -> str:
        return f'<div style="overflow-x:auto;color:inherit">{self.svg}<p>{self.note}</p></div>'

    def __repr__(self) -> str:
        return f"Picture({self._label})"


def show(
    graph: Any, discretization: Discretization | None = None, *, layout: str | None = None
) -> Picture:
    """Draw a network: nodes from above in the order of execution, graphs as boxes around them.

    Feedback edges, which are one step late, are dashed. The pointer over a node shows its shapes
    and the range of each parameter, of a network that was trained as training left it. Of a network
    with more than 200 nodes inner graphs are drawn as single boxes.

    Arguments:
        graph: a `nir.NIRGraph`, a path, a network of `from_nir`, a `Schedule`, or a model of a
            library that nirx has a bridge for.
        discretization: None takes the graph's own; it decides which edges are late.
        layout: `"dot"` (graphviz) or `"rows"`; None takes dot where it is installed.

    Returns: a `Picture`, which a notebook shows; `picture.save("network.svg")` writes a file.

    **Raises**: `GraphError`, `FileError`, `InputError`, `UnsupportedError`.
    """
    if layout not in LAYOUTS:
        raise InputError(f"layout={layout!r}; expected 'dot' or 'rows'")
    if layout == "dot" and not has_dot():
        raise InputError("layout='dot' needs graphviz's program dot; install it, or use 'rows'")
    return Picture(diagram_of(*scheduled(graph, discretization)), layout)


def diagram_of(schedule: Schedule, nodes: Iterable[Any] = ()) -> Diagram:
    """The boxes and wires of a schedule.

    Arguments:
        nodes: the node at each position, whose parameters are shown; may be empty.
    """
    shown, note = _shown(schedule)
    hovers = dict(zip(schedule.order, map(_ranges, nodes), strict=False))
    boxes = _boxes(schedule.nodes, shown, hovers, 0)
    wires: dict[Wire, None] = {}
    for node in schedule.nodes:
        for source in node.sources:
            ends = (schedule.nodes[source.position].path, node.path)
            if all(path in shown for path in ends):
                a, b = (shown[path] for path in ends)
                if a != b or a == node.path:
                    wires[Wire(a, b, source.late)] = None
    return Diagram(boxes, tuple(wires), note)


def _shown(schedule: Schedule) -> tuple[dict[NodePath, NodePath], str]:
    """For each node its own path or that of the graph that is drawn instead; and a note."""
    paths = [node.path for node in schedule.nodes]
    depth = deepest = max(map(len, paths), default=1)
    while depth > 1 and len({path[:depth] for path in paths}) > MOST_BOXES:
        depth -= 1
    shown = {path: path[:depth] for path in paths}
    note = f"graphs below level {depth} are drawn as one box" * (depth < deepest)
    kept = list(dict.fromkeys(shown.values()))
    if (left := len(kept) - MOST_BOXES) > 0:
        first = set(kept[:MOST_BOXES])
        note = f"the first {MOST_BOXES} nodes; {left:,} more are not drawn"
        shown = {path: own for path, own in shown.items() if own in first}
    return shown, note


def _boxes(
    nodes: Iterable[ScheduledNode],
    shown: Mapping[NodePath, NodePath],
    hovers: Mapping[str, str],
    depth: int,
) -> tuple[Box, ...]:
    """The boxes of one graph, in the order of their first node."""
    members: dict[NodePath, list[ScheduledNode]] = {}
    for node in nodes:
        if node.path in shown:
            members.setdefault(node.path[: depth + 1], []).append(node)
    boxes = []
    for path, own in members.items():
        name = _short(path[-1])
        whole = [node for node in own if node.path == path]
        if whole:
            boxes.append(_leaf(whole[0], name, hovers.get(whole[0].name, "")))
        elif shown[own[0].path] == path:
            boxes.append(Box(path, (name, f"{len(own)} nodes"), format_path(path), "graph"))
        else:
            inside = _boxes(own, shown, hovers, depth + 1)
            boxes.append(Box(path, (name,), f"{format_path(path)}: NIRGraph", "graph", inside))
    return tuple(boxes)


def _leaf(node: ScheduledNode, name: str, ranges: str) -> Box:
    takes, gives = shape_text(node.input_shape), shape_text(node.output_shape)
    shapes = takes if takes == gives else f"{takes} -> {gives}"
    kind = "port" if node.type_name in PORTS else "neuron" if node.neuron else "node"
    hover = "\n".join(filter(None, [f"{node.name}: {node.type_name}", shapes, ranges]))
    return Box(node.path, (name, f"{node.type_name} {gives}"), hover, kind)


def _short(name: str) -> str:
    text = printable(name)
    return text if len(text) <= LONGEST_NAME else "…" + text[1 - LONGEST_NAME :]


def _ranges(node: Any) -> str:
    """Each parameter with its shape and its smallest and largest value."""
    return "\n".join(_range(name, array) for name, array in parameters_of(node).items())


def _range(name: str, array: np.ndarray) -> str:
    if not array.size:
        return f"{name}: empty"
    low, high = float(array.min()), float(array.max())
    values = f"{low:.6g}" + f" to {high:.6g}" * (low != high)
    return f"{name}: {values}, {shape_text(array.shape) if array.ndim else 'scalar'}"
