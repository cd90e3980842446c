"""The discretization that a graph carries along, under one documented metadata key."""

from __future__ import annotations

import warnings
from typing import Any

import nir

from nirx.discretization import Discretization
from nirx.errors import Fault, GraphError, InputError, NirxWarning

__all__ = ["DISCRETIZATION_KEY", "resolve_discretization", "stored_discretization"]

DISCRETIZATION_KEY = "nirx_discretization"
"""`graph.metadata[DISCRETIZATION_KEY]` holds `Discretization.to_json()`: a hint, never a need."""


def stored_discretization(graph: nir.NIRGraph) -> Discretization | None:
    """What the graph's metadata says, or None. **Raises** `GraphError` if it makes no sense."""
    metadata: Any = getattr(graph, "metadata", None)
    text = metadata.get(DISCRETIZATION_KEY) if isinstance(metadata, dict) else None
    if text is None:
        return None
    try:
        return Discretization.from_json(text)
    except InputError as error:
        raise GraphError([Fault(f"metadata {DISCRETIZATION_KEY!r}", str(error))]) from error


def resolve_discretization(
    graph: nir.NIRGraph, discretization: Discretization | None
) -> Discretization:
    """The caller's choice, else the graph's own, else the default with a `NirxWarning`."""
    if discretization is not None:
        if not isinstance(discretization, Discretization):
            raise InputError(
                f"discretization is a {type(discretization).__name__}; expected a "
                'nirx.Discretization, such as nirx.Discretization(dt=1e-3) or nirx.PRESETS["..."]'
            )
        return discretization
    stored = stored_discretization(graph)
    if stored is not None:
        return stored
    default = Discretization()
    warnings.warn(
        f"no discretization given and none in the graph's metadata: dt={default.dt:g} and forward "
        "Euler are assumed; pass discretization=nirx.Discretization(dt=...)",
        NirxWarning,
        stacklevel=4,
    )
    return default
