"""`to_nir`: export a network that came from NIR, with its present parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from nirx.basics.foreign_arrays import to_numpy
from nirx.basics.type_map import Handler
from nirx.execution.assemble import floating
from nirx.graphs.origin import Cast
from nirx.tracing.network_export import NetworkExport
from nirx_torch.module_map import MODULE_MAP
from nirx_torch.native import NativeNode
from nirx_torch.net import HoldingNet, Net

__all__ = ["EXPORT", "to_nir"]


def to_nir(net: torch.nn.Module, module_map: Mapping[type, Handler | None] | None = None) -> Any:
    """The graph of a network that `from_nir` or `nir_to_torch` built.

    Arguments:
        net: the network (or the module of a single node); left as it is.
        module_map: {module type: function from a module to a NIR node}, before `MODULE_MAP`,
            for modules that a `node_map` built.

    Returns: a `nir.NIRGraph` equal to the one the network came from (names, nesting, order,
    metadata, every array) except for parameters that changed; it shares no memory with the
    network. Its metadata carry the
        discretization, and the surrogates that `from_nir` was given; a formula of one's own is left
        out with a `NirxWarning`.

    **Raises**: `UnsupportedError` for a module with parameters that neither map has,
    `InputError` for a module that did not come from NIR (see `torch_to_nir`).
    """
    return EXPORT.to_nir(net, module_map)


def _cast(kind: torch.dtype) -> Cast:
    return lambda array: to_numpy(torch.from_numpy(floating(array)).to(kind))


EXPORT = NetworkExport(
    net=Net,
    native=NativeNode,
    module_map=MODULE_MAP,
    numbers=lambda module: {k: to_numpy(value) for k, value in module.arrays().items()},
    dtype_of=lambda module: next((p.dtype for p in module.parameters()), torch.float32),
    cast=_cast,
    has_parameters=lambda module: any(True for _ in module.parameters()),
    tracer="torch_to_nir",
)
MODULE_MAP.register(HoldingNet, EXPORT.graph)
