"""MODULE_MAP: which NIR node each Equinox module becomes, and which modules are nothing in NIR."""

from __future__ import annotations

from nirx.type_map import TypeMap
from nirx_jax.native import NativeNode
from nirx_jax.net import Net
from nirx_jax.to_nir import export_native, export_net

__all__ = ["MODULE_MAP"]

MODULE_MAP = TypeMap()
"""Module type -> function from a module to a NIR node. None bypasses the module."""

MODULE_MAP.register(NativeNode, export_native)
MODULE_MAP.register(Net, export_net)
