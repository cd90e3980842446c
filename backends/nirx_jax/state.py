"""States into JAX: a run can start on another backend and continue here."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from nirx.graphs.detach import register_detach
from nirx.graphs.state import map_tree, state_to_numpy

__all__ = ["state_from_numpy"]


def _detached(tree: Any) -> Any:
    """An array, or a module of a user's state."""
    return jax.tree.map(lambda a: jax.lax.stop_gradient(a) if eqx.is_array(a) else a, tree)


register_detach(jax.Array, _detached)
register_detach(eqx.Module, _detached)


def state_from_numpy(tree: Any) -> Any:
    """A copy of a state (or any tree of arrays) as JAX arrays.

    Arguments:
        tree: from `nirx.state_to_numpy`, or a tree of any backend.

    Returns: the same tree; leaves keep their shapes [*batch, *features], and their dtypes
    where JAX's x64 mode allows.
    """
    return map_tree(jnp.array, state_to_numpy(tree))
