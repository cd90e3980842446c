"""A comparison node by node, as tables and as plain data."""

from __future__ import annotations

from typing import Any

import rich.box
from rich.table import Table
from rich.text import Text

from nirx.basics.tables import MOST_ROWS, cell
from nirx.comparison.compare import BackendComparison, Comparison
from nirx.comparison.divergence import Divergence

__all__ = ["comparison_payload", "node_tables"]


def node_tables(comparison: Comparison) -> list[Any]:
    """For each backend that is not bit-equal: the nodes that differ."""
    parts: list[Any] = []
    for other in comparison.others:
        if not other.bitwise:
            parts += ["", _nodes(comparison.reference, other)]
    return parts


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
        table.add_row(f"... and {len(unequal) - MOST_ROWS} more", "", "", "", "")
    return table


def comparison_payload(comparison: Comparison) -> dict[str, Any]:
    """A comparison as plain data, without the recordings."""
    return {
        "reference": comparison.reference,
        "agree": comparison.agree,
        "bitwise": comparison.bitwise,
        "max_ulp": comparison.max_ulp,
        "spike_mismatches": comparison.spike_mismatches,
        "tolerance": comparison.tolerance,
        "dt": comparison.discretization.dt,
        "first_divergence": _divergence(comparison.first_divergence),
        "backends": [
            {
                "backend": other.backend,
                "agree": other.first_divergence is None,
                "bitwise": other.bitwise,
                "max_ulp": other.max_ulp,
                "spike_mismatches": other.spike_mismatches,
                "first_divergence": _divergence(other.first_divergence),
                "nodes": [
                    {
                        "key": node.key,
                        "spikes": node.spikes,
                        "elements": node.elements,
                        "differing": node.differing,
                        "max_ulp": node.max_ulp,
                        "max_error": node.max_error,
                        "fidelity": node.fidelity,
                        "first_divergence": _divergence(node.first_divergence),
                    }
                    for node in other.nodes
                ],
            }
            for other in comparison.others
        ],
    }


def _divergence(found: Divergence | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        "step": found.step,
        "node": found.node,
        "index": list(found.index),
        "reference": found.reference,
        "other": found.other,
    }
