"""A comparison as a table: one row per backend."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table

from nirx.basics.tables import cell, render

if TYPE_CHECKING:
    from nirx.comparison.compare import Comparison

__all__ = ["comparison_table"]


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
