"""A discretization as a table: its choices, and those of single nodes."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from rich.table import Table

from nirx.basics.tables import MOST_ROWS, cell

if TYPE_CHECKING:
    from nirx.dynamics.discretization import Discretization

__all__ = ["discretization_table"]


def discretization_table(rule: Discretization) -> Table:
    """One row per choice; then one per choice of a node or subgraph."""
    table = Table("choice", "value", title="discretization", title_justify="left")
    changed = {"dt", *rule.changes()}
    for field in fields(rule):
        if field.name != "overrides":
            default = "" if field.name in changed else " (default)"
            table.add_row(field.name, cell(_text(getattr(rule, field.name)) + default))
    own = [(path, *item) for path, choices in rule.overrides.items() for item in choices.items()]
    for path, name, value in own[:MOST_ROWS]:
        table.add_row(cell(f"{path}: {name}"), cell(_text(value)))
    if len(own) > MOST_ROWS:
        table.add_row(f"... and {len(own) - MOST_ROWS} more", "")
    return table


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
