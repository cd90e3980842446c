"""The arrays of a cell: of an Equinox module, a flax.nnx module, or a function."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from nirx_jax.leaf import dotted, is_array

__all__ = ["CellLeaves", "closed_over", "leaves_of"]


@dataclass
class CellLeaves:
    """A cell taken apart.

    Arguments:
        names, arrays: of its arrays, by their places.
        rebuilt: (arrays) -> the cell with other arrays.
        arrays_of: (cell) -> its arrays; those that a call has changed are state.
    """

    names: list[str]
    arrays: list[Any]
    rebuilt: Callable[[list[Any]], Any]
    arrays_of: Callable[[Any], list[Any]]


def leaves_of(cell: Any) -> CellLeaves:
    """A cell taken apart; it is left as it is."""
    nnx = sys.modules.get("flax.nnx")
    if nnx is not None and isinstance(cell, nnx.Module):
        graph, state = nnx.split(cell)
        found, structure = jax.tree_util.tree_flatten_with_path(state)

        def merged(arrays: list[Any]) -> Any:
            return nnx.merge(graph, jax.tree.unflatten(structure, arrays))

        def after(changed: Any) -> list[Any]:
            return jax.tree.leaves(nnx.split(changed)[1])

        return CellLeaves([_name(p[:-1]) for p, _ in found], [a for _, a in found], merged, after)
    found, structure = jax.tree_util.tree_flatten_with_path(cell)
    held = [n for n, (_, part) in enumerate(found) if is_array(part)]

    def filled(arrays: list[Any]) -> Any:
        parts = [part for _, part in found]
        for n, array in zip(held, arrays, strict=True):
            parts[n] = array
        return jax.tree.unflatten(structure, parts)

    names = [_name(found[n][0]) for n in held]
    return CellLeaves(names, [found[n][1] for n in held], filled, lambda _: [])


def _name(path: Any) -> str:
    parts = (part for part in dotted(tuple(path)).split(".") if not part.startswith("__"))
    return "_".join(parts)


def closed_over(function: Any, arrays: list[Any]) -> list[str]:
    """Names of arrays that a function's code uses: those of its variables, else `constant`."""
    known: list[tuple[str, Any]] = []
    try:
        variables = inspect.getclosurevars(inspect.unwrap(function))
        around = {**variables.globals, **variables.nonlocals}
    except (TypeError, ValueError):
        around = {}
    for name, value in around.items():
        for path, part in jax.tree_util.tree_flatten_with_path(value)[0]:
            if is_array(part) and not jax.numpy.issubdtype(part.dtype, jax.dtypes.extended):
                known.append(("_".join(filter(None, [name, _name(path)])), part))
    names = []
    for array in arrays:
        same = (name for name, part in known if _is_same(part, array))
        names.append(next(same, "constant"))
    return names


def _is_same(variable: Any, constant: Any) -> bool:
    """Whether a constant of a jaxpr is a variable's array, which JAX may have converted."""
    if variable is constant:
        return True
    if np.shape(variable) != np.shape(constant) or np.asarray(variable).dtype.kind not in "biuf":
        return False
    found = np.asarray(constant)
    return bool((np.asarray(variable).astype(found.dtype) == found).all())
