"""NODE_MAP: the JAX module of each NIR type."""

from __future__ import annotations

from nirx.basics.type_map import TypeMap
from nirx.dynamics.node_types import NATIVE_TYPES
from nirx_jax.native import NativeNode

__all__ = ["NODE_MAP"]

NODE_MAP = TypeMap(dict.fromkeys(NATIVE_TYPES, NativeNode))
"""NIR type -> module. `NODE_MAP.register` and `.override` change the default globally."""
