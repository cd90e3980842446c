"""A placed diagram as SVG, in the colours of the page around it."""

from __future__ import annotations

import math

from nirx.basics.html import escaped
from nirx.basics.paths import format_path
from nirx.drawing.diagram import AROUND, LINE, Box, Placed, Point, Wire
from nirx.drawing.marks import COLOURS

__all__ = ["svg_text"]

FILLS = {"neuron": COLOURS[0], "node": COLOURS[4], "port": COLOURS[2]}
LATE = COLOURS[1]
BOLD = ' font-weight="bold"'
HEAD = 7.0
"""Length of an arrow's head."""
OWN_COLOURS = (
    "<style>svg{color:#1f2328;background:#fff}"
    "@media (prefers-color-scheme:dark){svg{color:#e4e8ec;background:#14181d}}</style>"
)
"""Of a file that stands alone."""


def svg_text(placed: Placed, label: str, alone: bool = False) -> str:
    """The picture.

    Arguments:
        label: what it shows, for those who do not see it.
        alone: whether it is a file of its own, with a ground of its own.
    """
    size = f"{placed.width:.0f} {placed.height:.0f}"
    body = [_box(*own) for own in placed.boxes if own[0].inside]
    body += [_wire(*own) for own in placed.wires]
    body += [_box(*own) for own in placed.boxes if not own[0].inside]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size}" role="img" '
        f'aria-label="{escaped(label)}" width="{placed.width:.0f}" '
        f'style="max-width:100%;height:auto;{"" if alone else "color:inherit"}" '
        'font-family="ui-monospace,Menlo,Consolas,DejaVu Sans Mono,monospace" font-size="12">'
        f"{OWN_COLOURS * alone}{''.join(body)}</svg>"
    )


def _box(box: Box, x: float, y: float, width: float, height: float) -> str:
    fill, opacity = FILLS.get(box.kind, "currentColor"), 0.05 if box.inside else 0.22
    text = "".join(
        f'<text x="{x + (AROUND if box.inside else width / 2):.1f}" '
        f'y="{y + AROUND / 2 + LINE * (number + 0.75):.1f}" fill="currentColor" '
        f'text-anchor="{"start" if box.inside else "middle"}"'
        f"{BOLD * (not number)}>{escaped(line)}</text>"
        for number, line in enumerate(box.lines)
    )
    return (
        f'<g class="{box.kind}" data-node="{escaped(format_path(box.path))}">'
        f"<title>{escaped_lines(box.hover)}</title>"
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" rx="5" '
        f'fill="{fill}" fill-opacity="{opacity}" stroke="currentColor" stroke-opacity="0.6"/>'
        f"{text}</g>"
    )


def escaped_lines(text: str) -> str:
    """A text whose line breaks stay."""
    return "\n".join(map(escaped, text.split("\n")))


def _wire(wire: Wire, points: tuple[Point, ...]) -> str:
    start, *rest = (f"{x:.1f},{y:.1f}" for x, y in points)
    colour = LATE if wire.late else "currentColor"
    dash = ' stroke-dasharray="5 4"' * wire.late
    ends = " -> ".join(format_path(path) for path in (wire.source, wire.target))
    title = escaped(ends + ", one step late" * wire.late)
    return (
        f'<g class="{"late" if wire.late else "wire"}"><title>{title}</title>'
        f'<path d="M{start} C{" ".join(rest)}" fill="none" stroke="{colour}" '
        f'stroke-width="1.4"{dash}/>'
        f'<path d="{_head(points)}" fill="{colour}"/></g>'
    )


def _head(points: tuple[Point, ...]) -> str:
    """A triangle at the end of a curve."""
    x, y = points[-1]
    back = next((p for p in reversed(points[:-1]) if math.dist(p, points[-1]) > 0.1), (x, y - 1))
    length = math.dist(back, (x, y))
    a, b = (x - back[0]) / length * HEAD, (y - back[1]) / length * HEAD
    corners = ((x - a - b / 2, y - b + a / 2), (x - a + b / 2, y - b - a / 2))
    return f"M{x:.1f},{y:.1f} " + " ".join(f"L{u:.1f},{v:.1f}" for u, v in corners) + " Z"
