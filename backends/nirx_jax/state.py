"""States into JAX: a run may start on another backend and go on here."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from nirx.state import map_tree

__all__ = ["state_from_numpy"]


def state_from_numpy(tree: Any) -> Any:
    """A copy of a state (or any tree) with JAX arrays in the place of NumPy arrays."""
    return map_tree(jnp.array, tree)
