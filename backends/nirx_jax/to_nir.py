"""`to_nir`: export a network that came from NIR, with its present parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax
import numpy as np

from nirx.basics.type_map import Handler
from nirx.graphs.origin import Cast
from nirx.tracing.network_export import NetworkExport
from nirx_jax.module_map import MODULE_MAP
from nirx_jax.native import NativeNode
from nirx_jax.net import Net

__all__ = ["to_nir"]


def to_nir(net: Any, module_map: Mapping[type, Handler | None] | None = None) -> Any:
    """The graph of a network that `from_nir` or `nir_to_jax` built.

    Arguments:
        net: the network (or the module of a single node).
        module_map: {module type: function from a module to a NIR node}, before `MODULE_MAP`,
            for modules that a `node_map` built.

    Returns: a `nir.NIRGraph` equal to the one the network came from (names, nesting, order,
    metadata, every array) except for parameters that changed. Its metadata carry the
        discretization, and the surrogates that `from_nir` was given; a formula of one's own is left
        out with a `NirxWarning`.

    **Raises**: `UnsupportedError` for a module with parameters that neither map has,
    `InputError` for a module that did not come from NIR (see `jax_to_nir`).
    """
    return EXPORT.to_nir(net, module_map)


def _cast(kind: str) -> Cast:
    return lambda array: array.astype(kind)


EXPORT = NetworkExport(
    net=Net,
    native=NativeNode,
    module_map=MODULE_MAP,
    numbers=lambda module: {name: np.array(value) for name, value in module.values.items()},
    dtype_of=lambda module: next((str(a.dtype) for a in module.values.values()), "float32"),
    cast=_cast,
    has_parameters=lambda module: any(map(eqx.is_array, jax.tree.leaves(module))),
    tracer="jax_to_nir",
)
