"""MODULE_MAP: the NIR node of each Equinox module, and the modules that NIR does not need."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import nir

from nirx.basics.type_map import TypeMap
from nirx.errors import UnsupportedError
from nirx.tracing.layers import conv_node, linear_node, pool_node, refuse
from nirx.tracing.spike_pool import spike_pool

__all__ = ["MODULE_MAP", "conv_node", "linear_node", "node_padding"]

MODULE_MAP = TypeMap()
"""Module type -> function from a module to a NIR node. None bypasses the module.

Containers (eqx.nn.Sequential, Lambda, Shared, MLP) need no entry: they are traced through.
"""


def node_padding(
    padding: Any, kernel: Sequence[int], stride: Sequence[int], dilation: Sequence[int]
) -> Any:
    """NIR's padding for (before, after) of every axis, or None: it pads both sides equally."""
    if all(before == after for before, after in padding):
        return tuple(int(before) for before, _ in padding)
    spans = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
    same = tuple((span // 2, span - span // 2) for span in spans)
    is_same = all(s == 1 for s in stride) and tuple(map(tuple, padding)) == same
    return "same" if is_same else None


@MODULE_MAP.register(eqx.nn.Linear)
def _linear(module: eqx.nn.Linear) -> nir.NIRNode:
    for name in ("in_features", "out_features"):
        if getattr(module, name) == "scalar":
            raise refuse(module, f"{name}='scalar'", "use 1, because a vector in NIR has an axis")
    return linear_node(module.weight, module.bias)


@MODULE_MAP.register(eqx.nn.Conv)
@MODULE_MAP.register(eqx.nn.Conv1d)
@MODULE_MAP.register(eqx.nn.Conv2d)
def _conv(module: Any) -> nir.NIRNode:
    if module.num_spatial_dims not in (1, 2):
        found = f"num_spatial_dims={module.num_spatial_dims}"
        raise refuse(module, found, "NIR has Conv1d and Conv2d")
    if module.padding_mode != "ZEROS":
        raise refuse(module, f"padding_mode={module.padding_mode!r}", "use 'ZEROS'")
    return conv_node(
        module.weight,
        module.bias,
        module.stride,
        _conv_padding(module),
        module.dilation,
        module.groups,
    )


def _conv_padding(module: Any) -> Any:
    given = module.padding
    if given == "VALID":
        return (0,) * module.num_spatial_dims
    if not isinstance(given, str):
        found = node_padding(given, module.kernel_size, module.stride, module.dilation)
        if found is None:
            raise refuse(module, f"padding={given}", "NIR pads both sides equally")
        return found
    if any(n != 1 for n in module.stride):
        raise refuse(module, f"padding={given!r} and a stride", "give the padding as numbers")
    spans = [d * (k - 1) for d, k in zip(module.dilation, module.kernel_size, strict=True)]
    if given == "SAME_LOWER" and any(span % 2 for span in spans):
        raise refuse(module, f"padding={given!r} of an odd width", "NIR has 'SAME' only")
    return "same"


@MODULE_MAP.register(eqx.nn.AvgPool2d)
def _avg_pool(module: eqx.nn.AvgPool2d) -> nir.NIRNode:
    return _pool_node(nir.AvgPool2d, module)


@MODULE_MAP.register(eqx.nn.MaxPool2d)
def _max_pool(module: eqx.nn.MaxPool2d) -> nir.NIRNode:
    return spike_pool(_pool_node(nir.SumPool2d, module))


def _pool_node(kind: Any, module: Any) -> Any:
    if module.use_ceil:
        raise refuse(module, "use_ceil=True", "NIR pools in floor mode")
    if any(before != after for before, after in module.padding):
        raise refuse(module, f"padding={module.padding}", "NIR pads both sides equally")
    padding = [before for before, _ in module.padding]
    return pool_node(kind, module.kernel_size, module.stride, padding)


@MODULE_MAP.register(eqx.nn.Dropout)
def _dropout(module: eqx.nn.Dropout) -> None:
    if not module.inference and module.p != 0:
        raise UnsupportedError(
            "Dropout is random in training; use eqx.nn.inference_mode(model) for the export"
        )


MODULE_MAP.register(eqx.nn.Identity, None)
