"""torch's `Ops`, in fast mode."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from nirx.dynamics.ops import Array, ConvGeometry, Shape
from nirx.dynamics.surrogate import Surrogate
from nirx.errors import InputError
from nirx_torch.surrogate import select, with_surrogate

__all__ = ["TorchOps"]


class TorchOps:
    """Operations on tensors of one dtype on one device."""

    def __init__(
        self, dtype: torch.dtype, device: torch.device, surrogate: Surrogate, detach_reset: bool
    ):
        self.dtype, self.device = dtype, device
        self.surrogate, self.detach_reset = surrogate, detach_reset
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

    def use(self, value: Array) -> Array:
        return value

    def add(self, a: Array, b: Array) -> Array:
        return torch.add(a, b)

    def sub(self, a: Array, b: Array) -> Array:
        return torch.sub(a, b)

    def mul(self, a: Array, b: Array) -> Array:
        return torch.mul(a, b)

    def div(self, a: Array, b: Array) -> Array:
        return torch.div(a, b)  # tensors on both sides: scalar/tensor takes a reciprocal

    def floor(self, a: Array) -> Array:
        return torch.floor(a)

    def greater(self, a: Array, b: Array) -> Array:
        return torch.gt(a, b).to(self.dtype)

    def greater_equal(self, a: Array, b: Array) -> Array:
        return torch.ge(a, b).to(self.dtype)

    def select(self, mask: Array, a: Array, b: Array) -> Array:
        return select(mask, a, b)

    def with_surrogate(self, spikes: Array, v: Array, threshold: Array) -> Array:
        return with_surrogate(spikes, v, threshold, self.surrogate)

    def stop_gradient(self, a: Array) -> Array:
        return a.detach()

    def copy(self, a: Array) -> Array:
        return a.clone()

    def seal(self, a: Array) -> Array:
        return a

    def prepare_linear(self, weight: Array) -> Any:
        return weight

    def linear(self, x: Array, prepared: Any, binary: bool) -> Array:
        if prepared.ndim == 2:
            return functional.linear(x, prepared)
        return torch.matmul(prepared, x.unsqueeze(-1)).squeeze(-1)

    def prepare_conv(self, weight: Array, geometry: ConvGeometry) -> Any:
        return weight

    def conv(self, x: Array, prepared: Any, geometry: ConvGeometry, binary: bool) -> Array:
        axes = len(geometry.stride)
        lead = x.shape[: x.ndim - 1 - axes]
        x = x.reshape((-1, *x.shape[len(lead) :]))
        even = all(before == after for before, after in geometry.padding)
        padding = tuple(before for before, _ in geometry.padding) if even else (0,) * axes
        if not even:
            x = self.pad(x, geometry.padding)
        convolve = functional.conv1d if axes == 1 else functional.conv2d
        y = convolve(
            x, prepared, None, geometry.stride, padding, geometry.dilation, geometry.groups
        )
        return y.reshape((*lead, *y.shape[1:]))

    def pad(self, x: Array, padding: Sequence[tuple[int, int]]) -> Array:
        if not any(n for pair in padding for n in pair):
            return x
        return functional.pad(x, [n for pair in reversed(padding) for n in pair])

    def concatenate(self, arrays: Sequence[Array]) -> Array:
        return torch.cat(list(arrays))

    def moveaxis(self, x: Array, source: int, destination: int) -> Array:
        return torch.movedim(x, source, destination)

    def take_along_time(self, x: Array, index: Any) -> Array:
        rows = torch.from_numpy(np.ascontiguousarray(index)).to(x.device)
        return torch.gather(x, 0, rows.expand((rows.shape[0], *x.shape[1:])))

    def scan(
        self,
        step: Callable[[Any, list[Array]], tuple[Any, list[Array]]],
        carry: Any,
        xs: list[Array],
        length: int,
    ) -> tuple[Any, list[Array]]:
        rows = []
        slices = [x.unbind(0) for x in xs]
        for t in range(length):
            carry, out = step(carry, [x[t] for x in slices])
            rows.append(out)
        return carry, [torch.stack(column) for column in zip(*rows, strict=True)]

    def scan_chunks(
        self,
        body: Callable[[Any, list[Array]], tuple[Any, list[Array]]],
        carry: Any,
        xs: list[Array],
        length: int,
        chunk: int,
    ) -> tuple[Any, list[Array]]:
        if length <= chunk:
            return body(carry, xs)
        rows = []
        for start in range(0, length, chunk):
            carry, out = body(carry, [x[start : start + chunk] for x in xs])
            rows.append(out)
        return carry, [torch.cat(column) for column in zip(*rows, strict=True)]
