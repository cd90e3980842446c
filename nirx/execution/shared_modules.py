"""Nodes that share a module, and so their parameters."""

from __future__ import annotations

import copy
from typing import Any

import nir

from nirx.basics.printable import quoted
from nirx.errors import MOST_LINES, warn_caller
from nirx.graphs.metadata import MODULE_KEY, SURROGATE_KEY
from nirx.graphs.sameness import same_node
from nirx.graphs.schedule import Schedule

__all__ = ["shared_modules"]


def shared_modules(schedule: Schedule, nodes: list[Any]) -> dict[int, int]:
    """Nodes that, by their metadata, came from one module and still have equal content.

    Returns: the position of the first such node, for that of every other. Nodes whose content
    differs by now are named by a `NirxWarning`.
    """
    first: dict[tuple[str, str], int] = {}
    shared = {}
    differing: list[tuple[int, int]] = []
    by_path = sorted(range(len(nodes)), key=lambda p: schedule.nodes[p].path)
    for position in by_path:
        node = nodes[position]
        name = (getattr(node, "metadata", None) or {}).get(MODULE_KEY)
        if not isinstance(name, str) or isinstance(node, nir.NIRGraph):
            continue
        leader = first.setdefault((type(node).__name__, name), position)
        if leader == position:
            continue
        if same_node(_without_surrogate(nodes[leader]), _without_surrogate(node)):
            shared[position] = leader
        else:
            differing.append((leader, position))
    for leader, position in differing[:MOST_LINES]:
        a, b = (schedule.nodes[p].name for p in (leader, position))
        name = nodes[leader].metadata[MODULE_KEY]
        warn_caller(
            f"{quoted(a)} and {quoted(b)} came from one module {quoted(name)}, but their "
            "parameters differ now; each gets its own"
        )
    if len(differing) > MOST_LINES:
        warn_caller(f"so did {len(differing) - MOST_LINES:,} more pairs of nodes that differ now")
    return shared


def _without_surrogate(node: Any) -> Any:
    """The node without a surrogate: each node of a shared module may have its own."""
    if SURROGATE_KEY not in (getattr(node, "metadata", None) or {}):
        return node
    own = copy.copy(node)
    own.metadata = {k: v for k, v in node.metadata.items() if k != SURROGATE_KEY}
    return own
