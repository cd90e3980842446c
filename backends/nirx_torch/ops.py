"""torch's `Ops`, in fast mode."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from nirx.dynamics.ops import Array, ConvGeometry, Shape
from nirx.dynamics.surrogate_formulas import Surrogate
from nirx.errors import InputError
from nirx.execution.array_ops import Step
from nirx.execution.kernels.gather import GatheredWeight
from nirx.execution.kernels.gathering import GatheringOps
from nirx_torch.checkpointing import checkpointed
from nirx_torch.lending import lent, lent_without_gradient
from nirx_torch.product import affine, needs_gradient
from nirx_torch.surrogate import select, with_surrogate

__all__ = ["TorchOps"]


class TorchOps(GatheringOps):
    """Operations on tensors of one dtype on one device."""

    xp = torch
    rare_taps = 0.1

    def __init__(
        self, dtype: torch.dtype, device: torch.device, surrogate: Surrogate, detach_reset: bool
    ):
        self.dtype, self.device = dtype, device
        self.surrogate, self.detach_reset = surrogate, detach_reset
        self._others = {}
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

    def checkpoint(self, body: Step) -> Step:
        return checkpointed(body)

    def whole(self, a: Array) -> Array:
        return a.to(torch.int64)

    def lend(self, array: Array) -> np.ndarray | None:
        return lent_without_gradient(array)

    def give(self, array: np.ndarray) -> Array:
        return torch.from_numpy(array)

    def lend_weight(self, weight: Array) -> np.ndarray | None:
        return lent(weight)

    def linear(self, x: Array, prepared: Any, binary: bool) -> Array:
        if isinstance(prepared, GatheredWeight) and needs_gradient(x, prepared.dense):
            return affine(x, prepared)
        return super().linear(x, prepared, binary)

    def multiply(self, x: Array, weight: Array, binary: bool) -> Array:
        if weight.ndim == 2:  # one kernel, faster than a transposed matmul
            return self.rounded(functional.linear(x, weight), x)
        return self.rounded(super().multiply(x, weight, binary), x)

    def rounded(self, y: Array, x: Array) -> Array:
        """A product in the dtype of its input: torch.autocast makes one of lower precision."""
        return y if y.dtype == x.dtype else y.to(x.dtype)

    def slide(self, x: Array, weight: Array, geometry: ConvGeometry) -> Array:
        axes = len(geometry.stride)
        even = all(before == after for before, after in geometry.padding)
        padding = tuple(before for before, _ in geometry.padding) if even else (0,) * axes
        if not even:
            x = self.pad(x, geometry.padding)
        kernel = functional.conv1d if axes == 1 else functional.conv2d
        rest = geometry.stride, padding, geometry.dilation, geometry.groups
        return self.rounded(kernel(x, weight, None, *rest), x)

    def pad(self, x: Array, padding: Sequence[tuple[int, int]]) -> Array:
        if not any(n for pair in padding for n in pair):
            return x
        return functional.pad(x, [n for pair in reversed(padding) for n in pair])

    def take_along_time(self, x: Array, index: Any) -> Array:
        rows = torch.from_numpy(np.ascontiguousarray(index)).to(x.device)
        return torch.gather(x, 0, rows.expand((rows.shape[0], *x.shape[1:])))

    def rows(self, x: Array) -> Sequence[Array]:
        return x.unbind(0)
