"""A comparison as tables: one row per backend, and one row per node that differs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import rich.box
from rich.table import Table
from rich.text import Text

from nirx.basics.name_list import name_list
from nirx.basics.tables import MOST_ROWS, cell
from nirx.comparison.whole_shift import shift_text

if TYPE_CHECKING:
    from nirx.comparison.result import BackendComparison, Comparison

__all__ = ["comparison_table", "node_tables"]


def comparison_table(comparison: Comparison) -> list[Table | str]:
    """One row per backend against the reference, then the first divergence of each."""
    headings = ("backend", "agrees", "bit-equal", "max ULP", "spike mismatches", "max error")
    title = Text.assemble("against ", cell(comparison.reference))
    table = Table(*headings, title=title, title_justify="left")
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
    lines: list[Table | str] = []
    for other in comparison.others:
        late = [f"{node.key} ({shift_text(node.later)})" for node in other.nodes if node.later]
        if other.first_difference is not None:
            lines.append(f"{cell(other.backend)} first diverges at {cell(other.first_difference)}")
        if late:
            only = "" if other.first_difference else f": {other.fidelity}; nothing else differs"
            lines.append(f"{cell(other.backend)}: {cell(name_list(late))}{only}")
    if not lines:
        bound = f"values within {comparison.tolerance:g} of each node's largest magnitude"
        lines = [
            "no divergence: all spikes equal, " + (bound if comparison.tolerance else "all bits")
        ]
    if said := comparison.silence.text():
        lines.append(str(cell(said)))
    if comparison.reproducible:
        lines += [f"{cell(name)}: SHA-256 {text}" for name, text in comparison.digests.items()]
    return [table, *lines]


def node_tables(comparison: Comparison) -> list[Table]:
    """For each backend that is not bit-equal: the nodes that differ."""
    return [_nodes(comparison.reference, o) for o in comparison.others if not o.bitwise]


def _nodes(reference: str, other: BackendComparison) -> Table:
    unequal = [node for node in other.nodes if node.differing]
    equal = len(other.nodes) - len(unequal)
    table = Table(
        title=Text.assemble(cell(other.backend), " against ", cell(reference), ", node by node"),
        title_justify="left",
        caption=f"{equal} of {len(other.nodes)} recordings are bit-equal" if equal else None,
        caption_justify="left",
        box=rich.box.SIMPLE_HEAD,
        pad_edge=False,
    )
    table.add_column("recorded")
    for heading in ("elements differing", "of", "max ULP", "max error"):
        table.add_column(heading, justify="right")
    for node in unequal[:MOST_ROWS]:
        table.add_row(
            cell(node.key + (" (spikes)" if node.spikes else "")),
            f"{node.differing:,}",
            f"{node.elements:,}",
            f"{node.max_ulp:,.0f}",
            f"{node.max_error:.3g}",
        )
    if len(unequal) > MOST_ROWS:
        table.add_row(f"... and {len(unequal) - MOST_ROWS} more")
    return table
