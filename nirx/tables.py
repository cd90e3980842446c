"""Tables for people: rich tables as text, cut where a graph is too large to read."""

from __future__ import annotations

from io import StringIO
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from nirx.printable import printable

if TYPE_CHECKING:
    from nirx.compare import Comparison
    from nirx.schedule import Schedule

__all__ = ["cell", "comparison_table", "render", "schedule_table", "shape_text"]

MOST_ROWS = 200


def cell(value: Any) -> Text:
    """A value as literal text: names in a graph are data, never markup or control codes."""
    return Text(printable(value))


def shape_text(shape: tuple[int, ...]) -> str:
    """`"16x8x8"`; a scalar is `"1"`."""
    return "x".join(map(str, shape)) or "1"


def render(table: Any, width: int = 120) -> str:
    """A rich renderable as plain text."""
    stream = StringIO()
    Console(file=stream, width=width, color_system=None).print(table)
    return stream.getvalue().rstrip()


def schedule_table(schedule: Schedule) -> str:
    """One row per node in the order of execution, then the feedback edges."""
    table = Table(title=f"schedule, dt={schedule.discretization.dt:g}", title_justify="left")
    for heading in ("#", "node", "type", "input", "output", "state", "runs", "adds up"):
        table.add_column(heading)
    for number, (node, runs) in enumerate(_rows(schedule)):
        if number == MOST_ROWS:
            break
        sources = [schedule.nodes[s.position].name + " (late)" * s.late for s in node.sources]
        state = ", ".join(schedule.node_state_shapes(node))
        table.add_row(
            str(number),
            cell(node.name),
            node.type_name,
            shape_text(node.input_shape),
            shape_text(node.output_shape),
            state,
            runs,
            cell(" + ".join(sources)),
        )
    text = render(table)
    if len(schedule.nodes) > MOST_ROWS:
        text += f"\n... and {len(schedule.nodes) - MOST_ROWS} more nodes"
    edges = [f"{cell(a)} -> {cell(b)}" for a, b in schedule.feedback_edges]
    return text + f"\nfeedback edges (one step late): {', '.join(edges) or 'none'}"


def _rows(schedule: Schedule):
    for segment in schedule.segments:
        for node in schedule.nodes[segment.start : segment.stop]:
            yield node, "step by step" if segment.stepwise else "by chunks"


def comparison_table(comparison: Comparison) -> str:
    """One row per backend against the reference, then the first divergence of each."""
    table = Table(title=f"against {comparison.reference}", title_justify="left")
    for heading in ("backend", "agrees", "bit-equal", "max ULP", "spike mismatches", "max error"):
        table.add_column(heading)
    for other in comparison.others:
        error = max((n.max_error for n in other.nodes), default=0.0)
        table.add_row(
            cell(other.backend),
            "yes" if other.first_divergence is None else "NO",
            "yes" if other.bitwise else "no",
            f"{other.max_ulp:,.0f}",
            str(other.spike_mismatches),
            f"{error:.3g}",
        )
    lines = [
        f"{cell(other.backend)} parts first at {cell(other.first_divergence)}"
        for other in comparison.others
        if other.first_divergence is not None
    ]
    if not lines:
        bound = f"values within {comparison.tolerance:g} of each node's largest magnitude"
        lines = [
            "no divergence: all spikes equal, " + (bound if comparison.tolerance else "all bits")
        ]
    if comparison.reproducible:
        lines += [f"{cell(name)}: SHA-256 {text}" for name, text in comparison.digests.items()]
    return "\n".join([render(table), *lines])
