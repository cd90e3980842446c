"""JAX itself as a library to move from and to: nirx's own networks and Equinox modules."""

from __future__ import annotations

from functools import partial

from nirx.basics.type_map import TypeMap
from nirx.bridging.bridge import Bridge
from nirx_jax.bridges.exporting import export_with
from nirx_jax.bridges.running import run_equinox
from nirx_jax.module_map import MODULE_MAP

__all__ = ["BRIDGE"]

BRIDGE = Bridge(
    name="jax",
    library="equinox",
    backend="jax",
    node_map=TypeMap(),
    module_map=MODULE_MAP,
    export=partial(export_with, MODULE_MAP),
    run=partial(run_equinox, MODULE_MAP),
)
