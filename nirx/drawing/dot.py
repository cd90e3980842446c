"""Places for a diagram by graphviz's `dot`, where that is installed."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

from nirx.basics.paths import Path
from nirx.drawing.diagram import Box, Diagram, Placed, Point, Wire

__all__ = ["has_dot", "place_by_dot"]

SECONDS = 20
"""That dot has for a diagram."""
INCH = 72.0
"""Points, which are pixels here."""
HEADING = 13
"""Size of the letters of a graph's name, in points."""


def has_dot() -> bool:
    """Whether graphviz is installed."""
    return shutil.which("dot") is not None


def place_by_dot(diagram: Diagram) -> Placed | None:
    """The places that dot finds, or None where it fails. It never sees a name."""
    leaves = [leaf for box in diagram.boxes for leaf in box.leaves()]
    numbers = {leaf.path: number for number, leaf in enumerate(leaves)}
    graphs: list[Box] = []
    lines = [
        "digraph {",
        "graph [nodesep=0.3 ranksep=0.35 labeljust=l margin=12]",
        'node [shape=box fixedsize=true label=""] edge [arrowhead=none]',
        *(line for box in diagram.boxes for line in _statements(box, numbers, graphs)),
        *(_edge(number, wire, numbers) for number, wire in enumerate(diagram.wires)),
        "}",
    ]
    try:
        done = subprocess.run(
            ["dot", "-Tjson0"], input="\n".join(lines), capture_output=True, text=True,
            timeout=SECONDS, check=True,
        )  # fmt: skip
        return _placed(json.loads(done.stdout), diagram, leaves, graphs)
    except (OSError, ValueError, KeyError, subprocess.SubprocessError):
        return None


def _statements(box: Box, numbers: dict[Path, int], graphs: list[Box]) -> Iterator[str]:
    width, height = box.size
    if not box.inside:
        own = f"width={width / INCH:.4f} height={height / INCH:.4f}"
        yield f"n{numbers[box.path]} [{own}]"
        return
    label = "x" * max(map(len, box.lines), default=1)  # only its room matters
    yield f'subgraph cluster_{len(graphs)} {{ label="{label}" fontsize={HEADING}'
    graphs.append(box)
    for inner in box.inside:
        yield from _statements(inner, numbers, graphs)
    yield "}"


def _edge(number: int, wire: Wire, numbers: dict[Path, int]) -> str:
    ends = [f"n{numbers[path]}" for path in (wire.source, wire.target)]
    if wire.late:  # against the flow
        ends.reverse()
    return f'{" -> ".join(ends)} [comment="{number}"]'


def _placed(found: Any, diagram: Diagram, leaves: list[Box], graphs: list[Box]) -> Placed:
    *_, width, height = map(float, found["bb"].split(","))
    places: dict[str, dict[str, Any]] = {own["name"]: own for own in found["objects"]}
    boxes = []
    for number, box in enumerate(graphs):
        left, low, right, high = map(float, places[f"cluster_{number}"]["bb"].split(","))
        boxes.append((box, left, height - high, right - left, high - low))
    for number, box in enumerate(leaves):
        x, y = map(float, places[f"n{number}"]["pos"].split(","))
        w, h = box.size
        boxes.append((box, x - w / 2, height - y - h / 2, w, h))
    curves = {int(own["comment"]): own["pos"] for own in found.get("edges", [])}
    wires = []
    for number, wire in enumerate(diagram.wires):
        points = [_point(text, height) for text in curves[number].split() if text[0] not in "es"]
        wires.append((wire, tuple(reversed(points) if wire.late else points)))
    return Placed(width, height, tuple(boxes), tuple(wires))


def _point(text: str, height: float) -> Point:
    x, y = map(float, text.split(",")[:2])
    return x, height - y
