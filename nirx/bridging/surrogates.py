"""A library's surrogate gradients as nirx's, in a node's metadata, and back."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from nirx.dynamics.surrogate_formulas import NamedSurrogate
from nirx.errors import InputError, warn_caller
from nirx.graphs.metadata import store_surrogate, stored_surrogate

__all__ = [
    "NO_GRADIENT",
    "free_variables",
    "known",
    "library_surrogate",
    "one_number",
    "with_surrogate",
]

NO_GRADIENT = 0.0
"""Height of a straight-through surrogate for spikes that pass no gradient on."""

Build = Callable[..., NamedSurrogate | None]


def with_surrogate(node: Any, surrogate: NamedSurrogate | None, said: str) -> Any:
    """The node itself, with the surrogate of its module in its metadata.

    Arguments:
        surrogate: None where nirx has none, with a `NirxWarning`.
        said: what the library calls it.
    """
    if surrogate is not None:
        store_surrogate(node, surrogate)
        return node
    warn_caller(
        f"nirx has no formula of the surrogate gradient {said}; spikes are the same, and training "
        "uses superspike unless surrogate= says otherwise"
    )
    return node


def library_surrogate(
    node: Any,
    library: str,
    build: Callable[[NamedSurrogate], Any | None],
    scale: Any = 1.0,
) -> Any | None:
    """The library's object for the surrogate in a node's metadata.

    Arguments:
        build: from a surrogate to the library's object, or None where it has none.
        scale: the library's membrane potential is in units of this.

    Returns: None where the library's default stays: the node has no surrogate, or, with a
    `NirxWarning`, the library has none that is equal.
    """
    own = stored_surrogate(node, type(node).__name__)
    if own is None:
        return None
    by = one_number(scale)
    found = None if by is None else build(own.scaled(by))
    if found is None:
        warn_caller(
            f"{library} has no surrogate gradient {own!r}; its neurons keep its default in "
            "training, and spikes are the same"
        )
    return found


def known(builds: Mapping[str, Build], name: str, numbers: Mapping[str, Any]) -> Any | None:
    """What the function of a name makes of the library's numbers, or None for what nirx lacks."""
    if name not in builds:
        return None
    try:
        return builds[name](**{k: one_number(v) for k, v in numbers.items()})
    except (InputError, TypeError, ZeroDivisionError):  # numbers that the formula does not take
        return None


def one_number(value: Any) -> float | None:
    """The number that all elements of a value are, or None."""
    try:
        values = np.unique(np.asarray(value, np.float64))
    except (TypeError, ValueError, RuntimeError):
        return None
    return float(values[0]) if values.size == 1 else None


def free_variables(function: Any) -> dict[str, Any]:
    """The variables that a function has from the one that made it; nothing for other objects."""
    try:
        return dict(inspect.getclosurevars(function).nonlocals)
    except TypeError:
        return {}
