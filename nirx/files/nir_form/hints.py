"""Hints: how a part of a file looked before it took the form that nir's own reader accepts.

A hint is JSON text in the metadata of a node or graph. It only ever restores a form: where the
arrays of a file are not what its hint says, the graph stays as nir reads it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

__all__ = ["FORM_KEY", "GRAPHS_KEY", "hint_of", "with_hint", "without_hint"]

FORM_KEY = "nirx_form"
"""`metadata[FORM_KEY]` is the hint of a node."""

GRAPHS_KEY = "nirx_form_graphs"
"""`metadata[GRAPHS_KEY]` is the metadata of subgraphs that were inlined, by JSON path."""


def with_hint(node: Any, hint: Mapping[str, Any]) -> Any:
    """The node itself, with entries added to its hint; none are added if there are none."""
    if hint:
        merged = {**hint_of(node), **hint}
        node.metadata = {**(node.metadata or {}), FORM_KEY: json.dumps(merged)}
    return node


def hint_of(node: Any) -> dict[str, Any]:
    """The hint of a node; empty if there is none, or none that can be read."""
    metadata = getattr(node, "metadata", None)
    text = metadata.get(FORM_KEY) if isinstance(metadata, dict) else None
    if not isinstance(text, str):
        return {}
    try:
        hint = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return hint if isinstance(hint, dict) else {}


def without_hint(node: Any) -> Any:
    """The node itself, without its hint."""
    node.metadata = {k: v for k, v in node.metadata.items() if k != FORM_KEY}
    return node
