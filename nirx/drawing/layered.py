"""Places for a diagram without graphviz: rows in the order of execution, a lane for long wires.

No library fits: those for layered drawings in Python are no longer kept, come under the GPL, or
take no loops. Diagrams of networks are chains with a few branches, for which rows are enough.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

from nirx.drawing.diagram import AROUND, LINE, Box, Diagram, Placed, Point, Wire

__all__ = ["place_in_rows"]

GAP_X, GAP_Y = 26.0, 30.0
LOOP = 26.0
"""How far a loop reaches beyond its box."""
ASIDE = 0.3
"""Of a box's width: how far from its middle a late wire ends."""
Item = int | tuple[int, int]
"""In a row: the number of a box, or the number of a wire and that of the row it passes."""


@dataclass
class _Group:
    """Boxes around the same origin, and the points that each wire passes between them."""

    width: float = 0.0
    height: float = 0.0
    boxes: list[tuple[Box, float, float, float, float]] = field(default_factory=list)
    lanes: dict[int, list[Point]] = field(default_factory=dict)

    def take(self, inner: _Group, x: float, y: float) -> None:
        """Add another group at a place."""
        self.boxes += [(box, x + a, y + b, w, h) for box, a, b, w, h in inner.boxes]
        for wire, points in inner.lanes.items():
            self.lanes[wire] = [(x + a, y + b) for a, b in points]


def place_in_rows(diagram: Diagram) -> Placed:
    """Places in which no two boxes of a graph overlap."""
    group = _arranged(diagram.boxes, list(enumerate(diagram.wires)))
    whole = _Group(group.width + 2 * LOOP, group.height + 2 * AROUND)
    whole.take(group, LOOP, AROUND)
    places = {box.path: (x, y, w, h) for box, x, y, w, h in whole.boxes}
    wires = tuple(
        (wire, _curve(places[wire.source], places[wire.target], whole.lanes.get(number, ())))
        for number, wire in enumerate(diagram.wires)
    )
    return Placed(whole.width, whole.height, tuple(whole.boxes), wires)


def _arranged(boxes: tuple[Box, ...], wires: list[tuple[int, Wire]]) -> _Group:
    """The boxes of one graph in rows; wires inside one of them are its own affair."""
    owner = {leaf.path: place for place, box in enumerate(boxes) for leaf in box.leaves()}
    within: list[list[tuple[int, Wire]]] = [[] for _ in boxes]
    between: list[tuple[int, int, int]] = []
    for number, wire in wires:
        a, b = owner[wire.source], owner[wire.target]
        if a == b:
            within[a].append((number, wire))
        else:
            between.append((number, a, b))
    groups = [_content(box, own) for box, own in zip(boxes, within, strict=True)]
    row_of = [0] * len(boxes)
    for place in range(len(boxes)):
        earlier = [row_of[a] for _, a, b in between if b == place and a < place]
        row_of[place] = max(earlier, default=-1) + 1
    rows = _rows(row_of, between)
    found = _Group()
    sizes = [[_width(item, groups) for item in row] for row in rows]
    widths = [sum(own) + GAP_X * (len(own) - 1) for own in sizes]
    found.width = max(widths, default=0.0)
    y = 0.0
    for row, own, width in zip(rows, sizes, widths, strict=True):
        x, height = (found.width - width) / 2, max(groups[i].height for i in row if type(i) is int)
        for item, size in zip(row, own, strict=True):
            if isinstance(item, int):
                found.take(groups[item], x, y + (height - groups[item].height) / 2)
            else:
                found.lanes.setdefault(item[0], []).extend([(x, y), (x, y + height)])
            x += size + GAP_X
        y += height + GAP_Y
    found.height = max(0.0, y - GAP_Y)
    for number, a, b in between:
        if row_of[a] > row_of[b] and number in found.lanes:
            found.lanes[number].reverse()
    return found


def _rows(row_of: list[int], between: list[tuple[int, int, int]]) -> list[list[Item]]:
    """The items of each row, below what they are connected with."""
    rows: list[list[Item]] = [[] for _ in range(max(row_of, default=-1) + 1)]
    for place, row in enumerate(row_of):
        rows[row].append(place)
    above: dict[Item, list[Item]] = {}
    for number, a, b in between:
        upper, lower = sorted((a, b), key=lambda place: row_of[place])
        chain: list[Item] = [(number, row) for row in range(row_of[upper] + 1, row_of[lower])]
        for row, item in enumerate(chain, start=row_of[upper] + 1):
            rows[row].append(item)
        for first, second in zip([upper, *chain], [*chain, lower], strict=True):
            above.setdefault(second, []).append(first)
    middle: dict[Item, float] = {}
    for row in rows:
        for place, item in enumerate(row):
            known = [middle[one] for one in above.get(item, []) if one in middle]
            middle[item] = sum(known) / len(known) if known else place - (len(row) - 1) / 2
        row.sort(key=lambda item: middle[item])
        for place, item in enumerate(row):
            middle[item] = place - (len(row) - 1) / 2
    return rows


def _width(item: Item, groups: list[_Group]) -> float:
    return groups[item].width if isinstance(item, int) else 0.0


def _content(box: Box, wires: list[tuple[int, Wire]]) -> _Group:
    """A box with everything in it."""
    width, height = box.size
    if not box.inside:
        return _Group(width, height, [(box, 0.0, 0.0, width, height)])
    inner = _arranged(box.inside, wires)
    top = LINE + AROUND
    wide = max(width, inner.width + 2 * LOOP)
    found = _Group(wide, inner.height + top + AROUND)
    found.boxes.append((box, 0.0, 0.0, found.width, found.height))
    found.take(inner, (wide - inner.width) / 2, top)
    return found


Place = tuple[float, float, float, float]


def _curve(source: Place, target: Place, lane: list[Point] | tuple[()]) -> tuple[Point, ...]:
    """From the lower end of the source to the upper end of the target; upwards, beside them."""
    if source == target:
        x, y, w, h = source
        low, high, out = y + 0.7 * h, y + 0.3 * h, x + w + LOOP
        return ((x + w, low), (out, low), (out, high), (x + w, high))
    upwards = target[1] < source[1]
    shift = ASIDE if upwards else 0.0
    ends = [(x + w * (0.5 + shift), y, y + h) for x, y, w, h in (source, target)]
    (ax, top, bottom), (bx, upper, lower) = ends
    points = [(ax, top if upwards else bottom), *lane, (bx, lower if upwards else upper)]
    curve = [points[0]]
    for (x, y), (u, v) in pairwise(points):
        curve += [(x, (y + v) / 2), (u, (y + v) / 2), (u, v)]
    return tuple(curve)
