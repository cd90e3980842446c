"""The discretization that a graph carries along, under one documented metadata key."""

from __future__ import annotations

from typing import Any

import nir

from nirx.discretization import Discretization
from nirx.errors import Fault, GraphError, InputError, warn_caller

__all__ = [
    "DISCRETIZATION_KEY",
    "given_or_stored",
    "resolve_discretization",
    "stored_discretization",
]

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
    chosen = given_or_stored(graph, discretization)
    if chosen is not None:
        return chosen
    default = Discretization()
    warn_caller(
        f"no discretization given and none in the graph's metadata: dt={default.dt:g} and forward "
        "Euler are assumed; pass discretization=nirx.Discretization(dt=...)"
    )
    return default


def given_or_stored(
    graph: nir.NIRGraph, discretization: Discretization | None
) -> Discretization | None:
    """The caller's choice, else the graph's own, else None. **Raises** `InputError`."""
    if discretization is None:
        return stored_discretization(graph)
    if not isinstance(discretization, Discretization):
        raise InputError(
            f"discretization is a {type(discretization).__name__}; expected a "
            'nirx.Discretization, such as nirx.Discretization(dt=1e-3) or nirx.PRESETS["..."]'
        )
    return discretization
