"""What is wrong with the metadata of a graph and its nodes, whatever they hold."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import nir

from nirx.basics.paths import Path, format_path
from nirx.errors import Fault
from nirx.graphs.flatten import FlatGraph, walk_graphs

__all__ = ["MOST_LEVELS", "metadata_faults"]

ALWAYS = ("metadata", "input_type", "output_type", "bias", "input_shape")
"""What nir's constructors always set, if only to None."""
MOST_LEVELS = 100
"""Limit for dicts and lists inside each other: Python copies and compares them by recursion."""


def metadata_faults(graph: nir.NIRGraph, flat: FlatGraph) -> list[Fault]:
    """Metadata that are missing, are no dict, or are nested too deeply; fields that are missing."""
    graphs = [(path or ("graph",), g) for path, g, _ in walk_graphs(graph)]
    owners = [*graphs, *((node.path, node.node) for node in flat.nodes)]
    return [fault for path, owner in owners if (fault := _fault(path, owner)) is not None]


def _fault(path: Path, owner: Any) -> Fault | None:
    known = getattr(type(owner), "__dataclass_fields__", {})
    lost = [name for name in ALWAYS if name in known and not hasattr(owner, name)]
    if lost:
        mend = f"build it with nir.{type(owner).__name__}(...)"
        return Fault(format_path(path), f"it has no {lost[0]}", mend=mend)
    metadata = getattr(owner, "metadata", None)
    if metadata is None:
        return None
    if not isinstance(metadata, dict):
        return Fault(format_path(path), f"metadata is a {type(metadata).__name__}", "a dict")
    if _is_deep(metadata):
        found = f"metadata has dicts or lists nested more than {MOST_LEVELS} deep"
        return Fault(format_path(path), found, "few levels", "store it as one text, such as JSON")
    return None


def _is_deep(value: Any) -> bool:
    level = {id(value): value}
    for _ in range(MOST_LEVELS):
        below = (part for own in level.values() for part in _parts(own))
        level = {id(part): part for part in below if isinstance(part, dict | list | tuple)}
        if not level:
            return False
    return True


def _parts(value: dict[Any, Any] | list[Any] | tuple[Any, ...]) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value
