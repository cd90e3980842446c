"""A diagnosis as tables: the ranked candidates of each node, then the sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table

from nirx.basics.tables import MOST_ROWS, cell, render
from nirx.diagnosis.node_diagnosis import Candidate, NodeDiagnosis
from nirx.diagnosis.phrases import choices_text
from nirx.diagnosis.words import explanation

if TYPE_CHECKING:
    from nirx.diagnosis.result import Diagnosis

__all__ = ["diagnosis_table"]

TOP = 5


def diagnosis_table(diagnosis: Diagnosis, top: int = TOP) -> str:
    """One table per node with at most `top` candidates, then the explanation."""
    parts = [render(_node_table(node, top)) for node in diagnosis.nodes[:MOST_ROWS]]
    if len(diagnosis.nodes) > MOST_ROWS:
        parts.append(f"... and {len(diagnosis.nodes) - MOST_ROWS} more nodes")
    return "\n".join([*parts, *explanation(diagnosis)])


def _node_table(node: NodeDiagnosis, top: int) -> Table:
    equal = len(node.indistinguishable)
    title = f"{node.node} ({node.type_name}), by {', '.join(node.recorded)}"
    if equal > 1:
        title += f": {equal} candidates explain it equally well"
    table = Table(title=cell(title), title_justify="left")
    for header in ("#", "changes", "spikes", "trace", "shift"):
        table.add_column(header, justify="left" if header == "changes" else "right")
    fitted = any((c.scale, c.offset) != (1.0, 0.0) for c in node.candidates[:top])
    if fitted:
        table.add_column("v recorded as")
    for number, own in enumerate(node.candidates[:top], start=1):
        changes = choices_text({n: own.choices[n] for n in own.changes}) or "as asked for"
        row = [str(number), cell(changes), _spikes(own), _trace(own), f"{own.shift:+d}"]
        if fitted:
            row.append(f"{own.scale:.6g}*v + {own.offset:.6g}")
        table.add_row(*row)
    return table


def _spikes(own: Candidate) -> str:
    if not own.spikes:
        return "none" if not own.samples else "-"
    return f"{own.spikes_matched:,}/{own.spikes:,}"


def _trace(own: Candidate) -> str:
    return f"{own.samples_within / own.samples:.2%}" if own.samples else "-"
