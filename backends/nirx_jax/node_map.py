"""Which module holds which NIR type in JAX."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from nirx.assemble import native_arrays
from nirx.errors import UnsupportedError
from nirx.node_map import NodeMap
from nirx.node_types import NATIVE_TYPES, find_type

__all__ = ["NODE_MAP", "NativeNode"]


class NativeNode(eqx.Module):
    """Holds a node's arrays under NIR's names; the executor runs its dynamics."""

    arrays: dict[str, jax.Array]
    type_name: str = eqx.field(static=True)

    def __init__(self, node: Any):
        self.type_name = type(node).__name__
        entry = find_type(type(node))
        if entry is None or entry.dynamics is None:
            raise UnsupportedError(f"{self.type_name} has no dynamics; give it a node_map entry")
        own = native_arrays(entry.dynamics, node)
        self.arrays = {name: jnp.array(array) for name, array in own.items()}

    def __getattr__(self, name: str) -> jax.Array:
        arrays = self.__dict__.get("arrays", {})
        if name in arrays:
            return arrays[name]
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")


NODE_MAP = NodeMap()
"""NIR type -> module. `NODE_MAP.register` and `.override` change the default for everybody."""

for _type in NATIVE_TYPES:
    NODE_MAP.register(_type, NativeNode)
