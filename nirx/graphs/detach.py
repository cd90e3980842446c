"""`nirx.detach`: a state cut from the gradient, for truncated backpropagation through time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from nirx.basics.paths import format_path
from nirx.errors import InputError

__all__ = ["detach", "register_detach"]

PLAIN = (bool, int, float, complex, str, bytes)
"""Leaves that no gradient flows through."""

_RULES: dict[type, Callable[[Any], Any]] = {np.ndarray: np.array, np.generic: lambda leaf: leaf}


def register_detach(kind: type, rule: Callable[[Any], Any]) -> None:
    """Say how leaves of a type are cut. A backend calls this when it is imported.

    Arguments:
        kind: type of arrays, or of trees in a form of the backend's own.
        rule: function from one to the same without a gradient.
    """
    _RULES[kind] = rule


def detach(state: Any) -> Any:
    """The same state, cut from the gradient of what came before it.

    Gradients of a later loss stop there: `ys, state = net.run(xs, nirx.detach(state))`.

    Arguments:
        state: what a network of any backend returned, or any tree of its arrays; not changed.

    Returns: the same tree. On torch its tensors share their memory with the given ones, as those
    of `Tensor.detach`; NumPy arrays are copies.

    **Raises**: `InputError` for a leaf that is not an array of an imported backend.
    """
    return _detach(state, ())


def _detach(tree: Any, path: tuple[str, ...]) -> Any:
    for kind, rule in _RULES.items():
        if isinstance(tree, kind):
            return rule(tree)
    if isinstance(tree, Mapping):
        return {k: _detach(v, (*path, str(k))) for k, v in tree.items()}
    if isinstance(tree, list | tuple):
        found = [_detach(v, (*path, str(i))) for i, v in enumerate(tree)]
        return type(tree)(*found) if hasattr(tree, "_fields") else type(tree)(found)
    if tree is None or isinstance(tree, PLAIN):
        return tree
    where = f"state {format_path(path)!r}" if path else "the state"
    raise InputError(
        f"{where} is a {type(tree).__name__}; expected an array of an imported backend, or dicts, "
        "lists and tuples of them (nirx.graphs.detach.register_detach takes further types)"
    )
