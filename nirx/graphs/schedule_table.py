"""A schedule as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table

from nirx.basics.name_list import MOST_NAMES
from nirx.basics.tables import MOST_ROWS, cell, shape_text
from nirx.errors import shortened

if TYPE_CHECKING:
    from nirx.graphs.schedule import Schedule

__all__ = ["schedule_table"]


def schedule_table(schedule: Schedule) -> list[Table | str]:
    """One row per node in the order of execution, then the feedback edges."""
    table = Table(title=f"schedule, dt={schedule.discretization.dt:g}", title_justify="left")
    for heading in ("#", "node", "type", "input", "output", "state", "runs", "adds up"):
        table.add_column(heading)
    ways = [way for s in schedule.segments for way in [s.stepwise] * (s.stop - s.start)]
    for number, (node, stepwise) in enumerate(zip(schedule.nodes[:MOST_ROWS], ways, strict=False)):
        sources = [
            shortened(schedule.nodes[s.position].name) + " (late)" * s.late
            for s in node.sources[:MOST_NAMES]
        ]
        if len(node.sources) > MOST_NAMES:
            sources.append(f"{len(node.sources) - MOST_NAMES:,} more")
        state = ", ".join(schedule.node_state_shapes(node))
        table.add_row(
            str(number),
            cell(shortened(node.name)),
            node.type_name,
            shape_text(node.input_shape),
            shape_text(node.output_shape),
            state,
            "step by step" if stepwise else "by chunks",
            cell(" + ".join(sources)),
        )
    parts: list[Table | str] = [table]
    if len(schedule.nodes) > MOST_ROWS:
        parts.append(f"... and {len(schedule.nodes) - MOST_ROWS:,} more nodes")
    late = schedule.feedback_edges
    edges = [f"{cell(shortened(a))} -> {cell(shortened(b))}" for a, b in late[:MOST_ROWS]]
    if len(late) > MOST_ROWS:
        edges.append(f"and {len(late) - MOST_ROWS:,} more")
    return [*parts, f"feedback edges (one step late): {', '.join(edges) or 'none'}"]
