"""MODULE_MAP: which NIR node each torch module becomes, and which modules are nothing in NIR."""

from __future__ import annotations

from typing import Any

import nir
import numpy as np
import torch

from nirx.basics.foreign_arrays import to_numpy
from nirx.basics.type_map import TypeMap
from nirx.errors import InputError, UnsupportedError
from nirx.tracing.spike_pool import spike_pool

__all__ = [
    "MODULE_MAP",
    "array",
    "conv_node",
    "flatten_dims",
    "flatten_node",
    "linear_node",
    "pool_node",
]

MODULE_MAP = TypeMap()
"""Module type -> function from a module to a NIR node. None bypasses the module."""


def array(tensor: torch.Tensor | None) -> np.ndarray | None:
    """A copy as NumPy array; bfloat16, which NumPy lacks, becomes float32."""
    if tensor is None:
        return None
    if tensor.is_meta or isinstance(tensor, torch.nn.parameter.UninitializedParameter):
        raise InputError("a parameter has no numbers yet (meta device, or lazy module)")
    return to_numpy(tensor)


def refuse(module: torch.nn.Module, found: str, mend: str) -> UnsupportedError:
    """What NIR cannot say of a module of a type that it knows."""
    return UnsupportedError(f"{type(module).__name__} with {found} has no NIR node; {mend}")


def linear_node(weight: Any, bias: Any) -> nir.NIRNode:
    """Affine, or Linear where there is no bias."""
    own, offset = array(weight), array(bias)
    assert own is not None
    return nir.Linear(own) if offset is None else nir.Affine(own, offset)


def conv_node(
    weight: Any, bias: Any, stride: Any, padding: Any, dilation: Any, groups: int
) -> nir.NIRNode:
    """Conv1d or Conv2d. Its input_shape is left open: the graph tells it."""
    own, offset = array(weight), array(bias)
    assert own is not None
    if offset is None:  # nir's own writer wants an array
        offset = np.zeros(own.shape[:1], own.dtype)
    if own.ndim == 3:
        stride, dilation = _first(stride), _first(dilation)
        padding = padding if isinstance(padding, str) else _first(padding)
        return nir.Conv1d(None, own, stride, padding, dilation, int(groups), offset)
    stride, dilation = _pair(stride), _pair(dilation)
    padding = padding if isinstance(padding, str) else _pair(padding)
    return nir.Conv2d(None, own, stride, padding, dilation, int(groups), offset)


def pool_node(kind: type, kernel_size: Any, stride: Any, padding: Any) -> nir.NIRNode:
    """SumPool2d or AvgPool2d."""
    stride = kernel_size if stride is None or stride == () else stride
    return kind(*(np.array(_pair(v)) for v in (kernel_size, stride, padding)))


def flatten_dims(start: int, end: int) -> tuple[int, int]:
    """torch's axes, which count the batch, as NIR's, which do not."""
    if start == 0 or end == 0:
        raise UnsupportedError(
            "flattening from axis 0 would take in the batch, which NIR does not have; flatten "
            "from axis 1"
        )
    return start - (start > 0), end - (end > 0)


def flatten_node(start: int, end: int) -> nir.NIRNode:
    """Flatten in NIR's axes; the graph tells its input_type."""
    unknown: Any = {"input": None}  # narrower in nir's annotations than in nir
    return nir.Flatten(unknown, start, end)


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
        raise refuse(module, "divisor_override", "use SumPool2d and a factor")
    if not module.count_include_pad and any(_pair(module.padding)):
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
        raise refuse(module, "return_indices=True", "leave it at False")
    if _pair(module.dilation) != (1, 1):
        raise refuse(module, f"dilation={module.dilation}", "NIR pools without")
    return spike_pool(pool_node(nir.SumPool2d, module.kernel_size, module.stride, module.padding))


@MODULE_MAP.register(torch.nn.BatchNorm1d)
@MODULE_MAP.register(torch.nn.BatchNorm2d)
def _batch_norm(module: Any) -> nir.NIRNode:
    """With the running statistics it is a gain and an offset per channel."""
    if module.training:
        raise refuse(module, "the statistics of its batch", "call eval() before the export")
    if module.running_mean is None:
        raise refuse(module, "track_running_stats=False", "NIR has no statistics of a batch")
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


def _pair(value: Any) -> tuple[int, int]:
    numbers = [int(n) for n in np.asarray(value).reshape(-1)]
    return (numbers[0], numbers[-1])


def _first(value: Any) -> int:
    return _pair(value)[0]
