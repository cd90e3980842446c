"""torch's `Ops`, in fast mode."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from nirx.dynamics.ops import Array, ConvGeometry, Shape
from nirx.dynamics.surrogate import Surrogate
from nirx.errors import InputError
from nirx.execution.array_ops import ArrayOps
from nirx.execution.kernels.gather import GatheredWeight
from nirx.execution.kernels.gather_conv import GatheredConv
from nirx_torch.lending import lent
from nirx_torch.surrogate import select, with_surrogate

__all__ = ["TorchOps"]


RARE = 0.1
"""Density of spikes below which a convolution is faster tap by tap."""


class TorchOps(ArrayOps):
    """Operations on tensors of one dtype on one device."""

    xp = torch

    def __init__(
        self, dtype: torch.dtype, device: torch.device, surrogate: Surrogate, detach_reset: bool
    ):
        self.dtype, self.device = dtype, device
        self.surrogate, self.detach_reset = surrogate, detach_reset
        self.gathers = False  # whether products look for rare spikes
        self.any_dtype = False  # set where users' modules alone do the arithmetic

    def accept(self, value: Any, where: str) -> torch.Tensor:
        if not isinstance(value, torch.Tensor):
            try:
                value = torch.from_numpy(np.array(value)).to(self.device)
            except (TypeError, ValueError) as error:
                found = type(value).__name__
                raise InputError(f"{where} is a {found}; expected a tensor") from error
        if self.any_dtype and value.dtype.is_floating_point:
            return value
        if value.dtype.is_complex or (value.dtype.is_floating_point and value.dtype != self.dtype):
            raise InputError(
                f"{where} has dtype {value.dtype}, but the network runs in {self.dtype}; "
                "convert it with .to(...) or pass dtype= to from_nir"
            )
        if value.device != self.device:
            raise InputError(f"{where} is on {value.device}, the network on {self.device}")
        return value.to(self.dtype)

    def constant(self, value: Any) -> torch.Tensor:
        return torch.tensor(value, dtype=self.dtype, device=self.device)

    def zeros(self, shape: Shape) -> torch.Tensor:
        return torch.zeros(shape, dtype=self.dtype, device=self.device)

    def cast(self, array: Array) -> Array:
        return array.to(self.dtype)

    def select(self, mask: Array, a: Array, b: Array) -> Array:
        return select(mask, a, b)

    def with_surrogate(self, spikes: Array, v: Array, threshold: Array) -> Array:
        return with_surrogate(spikes, v, threshold, self.surrogate)

    def stop_gradient(self, a: Array) -> Array:
        return a.detach()

    def copy(self, a: Array) -> Array:
        return a.clone()

    def prepare_linear(self, weight: Array) -> Any:
        if not self.gathers or weight.ndim != 2 or self._needs_gradient(weight):
            return weight
        host = lent(weight)
        return weight if host is None else GatheredWeight(weight, host)

    def linear(self, x: Array, prepared: Any, binary: bool) -> Array:
        if isinstance(prepared, GatheredWeight):
            host = None if self._needs_gradient(x) else lent(x)
            y = None if host is None else prepared.product(host)
            if y is not None:
                return torch.from_numpy(y)
            prepared = prepared.dense
        if prepared.ndim == 2:
            return functional.linear(x, prepared)  # one kernel, faster than a transposed matmul
        return super().linear(x, prepared, binary)

    def _needs_gradient(self, a: Array) -> bool:
        return torch.is_grad_enabled() and a.requires_grad

    def prepare_conv(self, weight: Array, geometry: ConvGeometry) -> Any:
        if not self.gathers or self._needs_gradient(weight):
            return weight
        host = lent(weight)
        return weight if host is None else GatheredConv(weight, host, geometry, RARE)

    def convolve(self, x: Array, weight: Any, geometry: ConvGeometry) -> Array:
        axes = len(geometry.stride)
        if isinstance(weight, GatheredConv):
            host = None if self._needs_gradient(x) else lent(x)
            y = None if host is None else weight.product(host)
            if y is not None:
                return torch.from_numpy(y)
            weight = weight.dense
        even = all(before == after for before, after in geometry.padding)
        padding = tuple(before for before, _ in geometry.padding) if even else (0,) * axes
        if not even:
            x = self.pad(x, geometry.padding)
        kernel = functional.conv1d if axes == 1 else functional.conv2d
        return kernel(x, weight, None, geometry.stride, padding, geometry.dilation, geometry.groups)

    def pad(self, x: Array, padding: Sequence[tuple[int, int]]) -> Array:
        if not any(n for pair in padding for n in pair):
            return x
        return functional.pad(x, [n for pair in reversed(padding) for n in pair])

    def take_along_time(self, x: Array, index: Any) -> Array:
        rows = torch.from_numpy(np.ascontiguousarray(index)).to(x.device)
        return torch.gather(x, 0, rows.expand((rows.shape[0], *x.shape[1:])))

    def rows(self, x: Array) -> Sequence[Array]:
        return x.unbind(0)
