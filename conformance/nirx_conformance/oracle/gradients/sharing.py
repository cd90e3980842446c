"""Nodes that share a module, and so their parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from nirx_conformance.oracle.inlining import Path
from nirx_conformance.oracle.node import OracleNode

KEY = "nirx_module"


def shared_groups(nodes: Mapping[Path, OracleNode]) -> list[list[Path]]:
    """Nodes of one type with the same module in their metadata, while their contents are equal."""
    groups: dict[tuple[str, str], list[Path]] = {}
    for path in sorted(nodes):
        own = nodes[path].node
        module = (getattr(own, "metadata", None) or {}).get(KEY)
        if not isinstance(module, str):
            continue
        group = groups.setdefault((type(own).__name__, module), [path])
        if group[0] != path and _equal(nodes[group[0]].node, own):
            group.append(path)
    return [group for group in groups.values() if len(group) > 1]


def _equal(one: Any, other: Any) -> bool:
    names = [name for name in vars(one) if name not in ("metadata", "input_type", "output_type")]
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in names)
