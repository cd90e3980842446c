"""torch's own layers for NIR's stateless nodes, with the input gain of the neurons folded in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import nir
import numpy as np
import torch

from nirx_conformance.benchmarks.subject import CannotRunError

__all__ = ["OverTime", "torch_layer", "torch_weights", "with_gain"]


class OverTime(torch.nn.Module):
    """A layer on all steps at once: the two leading axes, time and batch, are one for it."""

    def __init__(self, layer: torch.nn.Module):
        super().__init__()
        self.layer = layer

    def forward(self, xs: torch.Tensor) -> torch.Tensor:
        return self.layer(xs.flatten(0, 1)).unflatten(0, xs.shape[:2])


class Gain(torch.nn.Module):
    """x*gain + offset, where no weights stand before the neuron to hold it."""

    def __init__(self, gain: torch.Tensor, offset: torch.Tensor):
        super().__init__()
        self.register_buffer("gain", gain)
        self.register_buffer("offset", offset)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.gain + self.offset  # type: ignore[operator]


def torch_weights(nodes: Sequence[Any], dtype: str, gain: Any, offset: Any) -> list[Any]:
    """The layers of some nodes, with what follows them as `with_gain` says."""
    return with_gain([torch_layer(node, dtype) for node in nodes], gain, offset, dtype)


def torch_layer(node: Any, dtype: str) -> torch.nn.Module:
    """One node.

    **Raises**: `CannotRunError` for a type without a plain torch layer.
    """
    kind = getattr(torch, dtype)
    if isinstance(node, nir.Linear | nir.Affine):
        out, into = node.weight.shape
        layer = torch.nn.Linear(into, out, bias=isinstance(node, nir.Affine), dtype=kind)
        return _filled(layer, node)
    if isinstance(node, nir.Conv2d):
        out, into, *size = node.weight.shape
        if node.groups != 1 or isinstance(node.padding, str):
            raise CannotRunError("Conv2d with groups or named padding is not built for peers")
        layer = torch.nn.Conv2d(
            into,
            out,
            _pair(size),
            stride=_pair(node.stride),
            padding=_pair(node.padding),
            dilation=_pair(node.dilation),
            dtype=kind,
        )
        return _filled(layer, node)
    if isinstance(node, nir.SumPool2d):
        size, stride = _pair(node.kernel_size), _pair(node.stride)
        return torch.nn.AvgPool2d(size, stride, _pair(node.padding), divisor_override=1)
    if isinstance(node, nir.Flatten) and (node.start_dim, node.end_dim) == (0, -1):
        return torch.nn.Flatten()
    raise CannotRunError(f"{type(node).__name__} is not built for peers")


def _pair(value: Any) -> tuple[int, int]:
    first, second = (int(n) for n in np.broadcast_to(value, 2))
    return first, second


def _filled(layer: Any, node: Any) -> torch.nn.Module:
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(np.asarray(node.weight)))
        if layer.bias is not None:
            layer.bias.copy_(torch.from_numpy(np.asarray(node.bias)))
    return layer


def with_gain(layers: list[Any], gain: Any, offset: Any, dtype: str) -> list[Any]:
    """Layers whose output is the input current of a library's neuron: gain*y + offset.

    The gain goes into the weights where it can, as the library's users would write them.
    """
    gain, offset = np.asarray(gain), np.asarray(offset)
    if np.all(gain == 1) and np.all(offset == 0):
        return layers
    last: Any = layers[-1] if layers else None
    factor = _factor(last, gain)
    if factor is None or np.any(offset != 0):
        kind = getattr(torch, dtype)
        return [*layers, Gain(torch.tensor(gain, dtype=kind), torch.tensor(offset, dtype=kind))]
    with torch.no_grad():
        last.weight.mul_(factor.reshape(-1, *(1,) * (last.weight.ndim - 1)))
        if last.bias is not None:
            last.bias.mul_(factor)
    return layers


def _factor(layer: Any, gain: np.ndarray) -> torch.Tensor | None:
    """The gain as one number for each output channel; None where weights cannot hold it."""
    if not isinstance(layer, torch.nn.Linear | torch.nn.Conv2d):
        return None
    if gain.size and np.all(gain == gain.flat[0]):
        return torch.full((1,), float(gain.flat[0]), dtype=layer.weight.dtype)
    if isinstance(layer, torch.nn.Linear) and gain.ndim == 1:
        return torch.from_numpy(gain.copy()).to(layer.weight.dtype)
    return None
