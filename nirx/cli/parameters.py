"""What a node holds: trainable parameters, and settings such as stride."""

from __future__ import annotations

from typing import Any

import numpy as np

from nirx.dynamics.node_types import find_type

__all__ = ["parameter_bytes", "parameters_of", "settings_of"]

DECLARED = ("shape", "input_type", "input_shape")
"""Stored too, but shown as the node's shape."""


def parameters_of(node: Any) -> list[tuple[str, np.ndarray]]:
    """Names and arrays of a node's trainable parameters, as stored."""
    return [(name, np.asarray(getattr(node, name))) for name in _names(node)]


def settings_of(node: Any) -> list[tuple[str, Any]]:
    """Names and values of everything else that a file holds of the node; arrays as lists."""
    entry, hidden = find_type(type(node)), (*_names(node), *DECLARED)
    stored = entry.stored if entry is not None else ()
    found = [(n, getattr(node, n, None)) for n in stored if n not in hidden]
    arrays = (np.ndarray, np.generic)
    return [(n, v.tolist() if isinstance(v, arrays) else v) for n, v in found if v is not None]


def parameter_bytes(node: Any) -> int:
    """Bytes of the trainable parameters, as stored."""
    return sum(array.nbytes for _, array in parameters_of(node))


def _names(node: Any) -> list[str]:
    entry = find_type(type(node))
    names = entry.dynamics.parameters if entry is not None and entry.dynamics else ()
    return [name for name in names if getattr(node, name, None) is not None]
