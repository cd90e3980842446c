"""MODULE_MAP: the NIR node of each torch module, and the modules that NIR does not need."""

from __future__ import annotations

from typing import Any

import nir
import torch

from nirx.basics.type_map import TypeMap
from nirx.errors import UnsupportedError
from nirx.tracing.layers import array, conv_node, flatten_node, linear_node, pair, pool_node, refuse
from nirx.tracing.spike_pool import spike_pool

__all__ = ["MODULE_MAP", "array", "flatten_dims", "linear_node"]

MODULE_MAP = TypeMap()
"""Module type -> function from a module to a NIR node. None bypasses the module."""


def flatten_dims(start: int, end: int) -> tuple[int, int]:
    """torch's axes, which count the batch, as NIR's, which do not."""
    if start == 0 or end == 0:
        raise UnsupportedError(
            "flattening from axis 0 would include the batch, which NIR does not have; flatten "
            "from axis 1"
        )
    return start - (start > 0), end - (end > 0)


@MODULE_MAP.register(torch.nn.Linear)
def _linear(module: torch.nn.Linear) -> nir.NIRNode:
    return linear_node(module.weight, module.bias)


@MODULE_MAP.register(torch.nn.Conv1d)
@MODULE_MAP.register(torch.nn.Conv2d)
def _conv(module: Any) -> nir.NIRNode:
    if module.padding_mode != "zeros":
        raise refuse(module, f"padding_mode={module.padding_mode!r}", "use zeros")
    return conv_node(
        module.weight, module.bias, module.stride, module.padding, module.dilation, module.groups
    )


@MODULE_MAP.register(torch.nn.AvgPool2d)
def _avg_pool(module: torch.nn.AvgPool2d) -> nir.NIRNode:
    if module.ceil_mode:
        raise refuse(module, "ceil_mode=True", "NIR pools in floor mode")
    if module.divisor_override is not None:
        raise refuse(module, "divisor_override", "use LPPool2d of norm_type=1 and a factor")
    if not module.count_include_pad and any(pair(module.padding)):
        raise refuse(module, "count_include_pad=False", "NIR counts the padding")
    return pool_node(nir.AvgPool2d, module.kernel_size, module.stride, module.padding)


@MODULE_MAP.register(torch.nn.LPPool2d)
def _sum_pool(module: torch.nn.LPPool2d) -> nir.NIRNode:
    if module.norm_type != 1:
        raise refuse(module, f"norm_type={module.norm_type}", "norm_type=1 is NIR's SumPool2d")
    if module.ceil_mode:
        raise refuse(module, "ceil_mode=True", "NIR pools in floor mode")
    return pool_node(nir.SumPool2d, module.kernel_size, module.stride, 0)


@MODULE_MAP.register(torch.nn.MaxPool2d)
def _max_pool(module: torch.nn.MaxPool2d) -> nir.NIRNode:
    if module.ceil_mode:
        raise refuse(module, "ceil_mode=True", "NIR pools in floor mode")
    if module.return_indices:
        raise refuse(module, "return_indices=True", "set it to False")
    if pair(module.dilation) != (1, 1):
        raise refuse(module, f"dilation={module.dilation}", "NIR pools without dilation")
    return spike_pool(pool_node(nir.SumPool2d, module.kernel_size, module.stride, module.padding))


@MODULE_MAP.register(torch.nn.BatchNorm1d)
@MODULE_MAP.register(torch.nn.BatchNorm2d)
def _batch_norm(module: Any) -> nir.NIRNode:
    """In eval mode it is a gain and an offset per channel, from the running statistics."""
    if module.training:
        raise refuse(module, "the statistics of its batch", "call eval() before the export")
    if module.running_mean is None:
        raise refuse(module, "track_running_stats=False", "NIR has no batch statistics")
    gain = (module.running_var.double() + module.eps).rsqrt()
    gain = gain if module.weight is None else gain * module.weight.double()
    offset = -module.running_mean.double() * gain
    offset = offset if module.bias is None else offset + module.bias.double()
    if isinstance(module, torch.nn.BatchNorm1d):
        return linear_node(gain.diag(), offset)
    return conv_node(gain[:, None, None, None], offset, 1, 0, 1, len(gain))


@MODULE_MAP.register(torch.nn.Flatten)
def _flatten(module: torch.nn.Flatten) -> nir.NIRNode:
    start, end = flatten_dims(module.start_dim, module.end_dim)
    return flatten_node(start, end)


def _dropout(module: Any) -> None:
    if module.training and module.p > 0:
        raise UnsupportedError(
            f"{type(module).__name__} in training mode is random; call eval() before the export"
        )


for _type in (torch.nn.Dropout, torch.nn.Dropout1d, torch.nn.Dropout2d, torch.nn.Dropout3d):
    MODULE_MAP.register(_type, _dropout)
MODULE_MAP.register(torch.nn.Identity, None)
