"""`to_nir`: a network that came from NIR, back into NIR with the parameters it has now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import nir
import numpy as np
import torch

from nirx.basics.foreign_arrays import to_numpy
from nirx.basics.type_map import Handler
from nirx.errors import InputError
from nirx.execution.assemble import floating
from nirx.graphs.origin import Cast, rebuild_node
from nirx.tracing.exporting import export
from nirx_torch.module_map import MODULE_MAP
from nirx_torch.native import NativeNode
from nirx_torch.net import Net

__all__ = ["export_native", "export_net", "to_nir"]


def to_nir(net: torch.nn.Module, module_map: Mapping[type, Handler | None] | None = None) -> Any:
    """The graph of a network that `from_nir` or `nir_to_torch` built.

    Arguments:
        net: the network (or the module of a single node); left as it is.
        module_map: {module type: function from a module to a NIR node}, before `MODULE_MAP`,
            for modules that a `node_map` put in.

    Returns: a `nir.NIRGraph` equal to the one the network came from (names, nesting, order,
    metadata, every array) but for the parameters that changed; it shares no memory with the
    network. Its metadata carry the discretization.

    **Raises**: `UnsupportedError` for a module with parameters that no map knows,
    `InputError` for what did not come from NIR (see `torch_to_nir`).
    """
    if isinstance(net, Net):
        return export_net(net, module_map)
    if isinstance(net, NativeNode):
        return export_native(net)
    raise InputError(
        f"to_nir: a {type(net).__name__} did not come from NIR; use torch_to_nir for it"
    )


@MODULE_MAP.register(Net)
def export_net(net: Net, module_map: Mapping[type, Handler | None] | None = None) -> nir.NIRGraph:
    """The graph of a `Net`."""
    modules = dict(enumerate(net.modules_in_order))
    native = {p: m for p, m in modules.items() if isinstance(m, NativeNode)}
    return export(
        net.schedule,
        net.origin,
        {p: _numbers(m) for p, m in native.items()},
        {p: m for p, m in modules.items() if p not in native},
        _cast(net.dtype),
        module_map,
        MODULE_MAP,
        lambda module: any(True for _ in module.parameters()),
    )


@MODULE_MAP.register(NativeNode)
def export_native(module: NativeNode) -> Any:
    """The node of a `NativeNode`."""
    kind = next((p.dtype for p in module.parameters()), torch.float32)
    return rebuild_node(module.node, _numbers(module), _cast(kind))


def _numbers(module: NativeNode) -> dict[str, np.ndarray]:
    return {name: to_numpy(value) for name, value in module.arrays().items()}


def _cast(kind: torch.dtype) -> Cast:
    def cast(array: np.ndarray) -> np.ndarray:
        return to_numpy(torch.from_numpy(floating(array)).to(kind))

    return cast
