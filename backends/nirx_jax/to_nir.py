"""`to_nir`: a network that came from NIR, back into NIR with the parameters it has now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax
import nir
import numpy as np

from nirx.basics.type_map import Handler
from nirx.errors import InputError
from nirx.graphs.origin import Cast, rebuild_node
from nirx.tracing.exporting import export
from nirx_jax.module_map import MODULE_MAP
from nirx_jax.native import NativeNode
from nirx_jax.net import Net

__all__ = ["export_native", "export_net", "to_nir"]


def to_nir(net: Any, module_map: Mapping[type, Handler | None] | None = None) -> Any:
    """The graph of a network that `from_nir` or `nir_to_jax` built.

    Arguments:
        net: the network (or the module of a single node).
        module_map: {module type: function from a module to a NIR node}, before `MODULE_MAP`,
            for modules that a `node_map` put in.

    Returns: a `nir.NIRGraph` equal to the one the network came from (names, nesting, order,
    metadata, every array) but for the parameters that changed. Its metadata carry the
    discretization.

    **Raises**: `UnsupportedError` for a module with parameters that no map knows,
    `InputError` for what did not come from NIR (see `jax_to_nir`).
    """
    if isinstance(net, Net):
        return export_net(net, module_map)
    if isinstance(net, NativeNode):
        return export_native(net)
    raise InputError(f"to_nir: a {type(net).__name__} did not come from NIR; use jax_to_nir for it")


@MODULE_MAP.register(Net)
def export_net(net: Net, module_map: Mapping[type, Handler | None] | None = None) -> nir.NIRGraph:
    """The graph of a `Net`."""
    by_path = net.modules_by_path
    modules = {p: by_path[node.name] for p, node in enumerate(net.schedule.nodes)}
    native = {p: m for p, m in modules.items() if isinstance(m, NativeNode)}
    return export(
        net.schedule,
        net.origin,
        {p: _numbers(m) for p, m in native.items()},
        {p: m for p, m in modules.items() if p not in native},
        _cast(net.dtype),
        module_map,
        MODULE_MAP,
        lambda module: any(map(eqx.is_array, jax.tree.leaves(module))),
    )


@MODULE_MAP.register(NativeNode)
def export_native(module: NativeNode) -> Any:
    """The node of a `NativeNode`."""
    kind = next((str(a.dtype) for a in module.arrays.values()), "float32")
    return rebuild_node(module.origin.node, _numbers(module), _cast(kind))


def _numbers(module: NativeNode) -> dict[str, np.ndarray]:
    return {name: np.array(value) for name, value in module.arrays.items()}


def _cast(kind: str) -> Cast:
    def cast(array: np.ndarray) -> np.ndarray:
        return array.astype(kind)

    return cast
