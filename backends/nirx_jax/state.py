"""States into JAX: a run may start on another backend and go on here."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from nirx.graphs.state import map_tree, state_to_numpy

__all__ = ["state_from_numpy"]


def state_from_numpy(tree: Any) -> Any:
    """A copy of a state (or any tree of arrays) as JAX arrays.

    Arguments:
        tree: of `nirx.state_to_numpy`; a tree of another backend is converted on the way.

    Returns: the same tree; leaves keep their shapes [*batch, *features], and their dtypes
    where JAX's x64 mode allows.
    """
    return map_tree(jnp.array, state_to_numpy(tree))
