"""A network as boxes in boxes and wires between them, before and after they have places."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from nirx.basics.paths import Path

__all__ = ["Box", "Diagram", "Placed", "Point", "Wire"]

Point = tuple[float, float]
"""To the right and down."""

LETTER, LINE, AROUND = 7.3, 16.0, 12.0
"""Width of a letter, height of a line and the room around texts."""


@dataclass(frozen=True)
class Box:
    """A node, or a graph with what is in it.

    Arguments:
        path: names from the outermost graph on.
        lines: the text in it; of a graph, above its content.
        hover: what the pointer over it shows.
        kind: `"neuron"`, `"port"`, `"node"` or `"graph"`.
        inside: the boxes of a graph, in the order of execution.
    """

    path: Path
    lines: tuple[str, ...]
    hover: str
    kind: str
    inside: tuple[Box, ...] = ()

    @property
    def size(self) -> Point:
        """Width and height of its text."""
        letters = max(map(len, self.lines), default=0)
        return letters * LETTER + 2 * AROUND, len(self.lines) * LINE + AROUND

    def leaves(self) -> Iterator[Box]:
        """The boxes without content, in order."""
        if not self.inside:
            yield self
        for box in self.inside:
            yield from box.leaves()


@dataclass(frozen=True)
class Wire:
    """An edge between two boxes without content, by their paths; whether it is a step late."""

    source: Path
    target: Path
    late: bool


@dataclass(frozen=True)
class Diagram:
    """What is to be drawn: the outermost boxes, the wires, and a note on what is left out."""

    boxes: tuple[Box, ...]
    wires: tuple[Wire, ...]
    note: str = ""


@dataclass(frozen=True)
class Placed:
    """A diagram with places.

    Arguments:
        boxes: each with its left and upper end, width and height; graphs before their content.
        wires: each with the points of its curve: one to start from, then three per Bezier curve.
    """

    width: float
    height: float
    boxes: tuple[tuple[Box, float, float, float, float], ...]
    wires: tuple[tuple[Wire, tuple[Point, ...]], ...]
