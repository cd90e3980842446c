"""flax.nnx's layers as NIR nodes.

**Source**: flax 0.12, flax.nnx: kernels are [in, out] and [height, width, in, out], and channels
are the last axis of the data.
"""

# The library is not in .venv, where types are checked; nir's annotations are narrower than nir.
# pyright: reportMissingImports=false

from __future__ import annotations

from typing import Any

import nir
import numpy as np
from flax import nnx

from nirx.basics.foreign_arrays import to_numpy
from nirx.basics.type_map import TypeMap
from nirx.errors import UnsupportedError
from nirx_jax.bridges.tracing import refused
from nirx_jax.module_map import conv_node, linear_node, node_padding

__all__ = ["LAYERS", "conv_of"]

LAYERS = TypeMap()
"""Layer type -> function from a layer to a NIR node."""


@LAYERS.register(nnx.Linear)
def _linear(layer: nnx.Linear) -> nir.NIRNode:
    bias = getattr(layer, "bias", None)
    return linear_node(to_numpy(layer.kernel[...]).T, None if bias is None else bias[...])


@LAYERS.register(nnx.Conv)
def _conv(layer: nnx.Conv) -> nir.NIRNode:
    bias = getattr(layer, "bias", None)
    if getattr(layer, "mask", None) is not None:
        raise refused(layer, "a mask", "multiply the kernel by it")
    return conv_of(layer, layer.kernel[...], None if bias is None else bias[...])


def conv_of(layer: Any, kernel: Any, bias: Any) -> nir.NIRNode:
    """Conv1d or Conv2d of a layer with flax's options, from linen or nnx.

    Arguments:
        kernel: [*space, in, out].
    """
    own = to_numpy(kernel)
    space = own.ndim - 2
    if space not in (1, 2):
        raise refused(layer, f"{space} spatial axes", "NIR has Conv1d and Conv2d")
    if any(n != 1 for n in _each(layer.input_dilation, space)):
        raise refused(layer, f"input_dilation={layer.input_dilation}", "leave it at 1")
    stride, dilation = _each(layer.strides, space), _each(layer.kernel_dilation, space)
    padding = _padding(layer, own.shape[:space], stride, dilation)
    weight = np.moveaxis(own, (-1, -2), (0, 1))
    return conv_node(weight, bias, stride, padding, dilation, layer.feature_group_count)


def _padding(layer: Any, kernel: Any, stride: Any, dilation: Any) -> Any:
    given = layer.padding
    if given == "VALID":
        return (0,) * len(kernel)
    if given == "SAME":
        if any(n != 1 for n in stride):
            raise refused(layer, "padding='SAME' and a stride", "give the padding as numbers")
        return "same"
    if isinstance(given, str):
        raise refused(layer, f"padding={given!r}", "use 'SAME', 'VALID' or numbers")
    sides = [(n, n) if np.ndim(n) == 0 else tuple(n) for n in _each(given, len(kernel))]
    found = node_padding(sides, kernel, stride, dilation)
    if found is None:
        raise refused(layer, f"padding={given}", "NIR pads both sides alike")
    return found


@LAYERS.register(nnx.Dropout)
def _dropout(layer: nnx.Dropout) -> None:
    if not layer.deterministic and layer.rate != 0:
        raise UnsupportedError("Dropout is random in training; call model.eval() for the export")


def _each(value: Any, axes: int) -> tuple[Any, ...]:
    """One value per axis; a number or None stands for all."""
    if value is None or np.ndim(value) == 0:
        return (1 if value is None else value,) * axes
    return tuple(value)
