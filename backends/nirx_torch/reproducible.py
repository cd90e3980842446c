"""torch's `Ops` in reproducible mode: the same bits as every other backend."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import torch
from torch._C._functorch import is_functorch_wrapped_tensor

from nirx.dynamics.ops import Array
from nirx.dynamics.surrogate_formulas import Surrogate
from nirx.errors import UnsupportedError
from nirx.execution.kernels.cutting import CuttingReproducible
from nirx.execution.kernels.flush import needs_flush
from nirx.execution.reproducible import SMALLEST
from nirx_torch.lending import lent
from nirx_torch.ops import TorchOps
from nirx_torch.rounded_sqrt import rounded_sqrt

__all__ = ["ReproducibleTorchOps", "TorchKernel"]


class TorchKernel:
    """See `nirx.execution.sliced.SliceKernel`."""

    def max_abs(self, x: Array, axes: tuple[int, ...]) -> Array:
        if x.numel() == 0:
            kept = [1 if i in {a % x.ndim for a in axes} else n for i, n in enumerate(x.shape)]
            return x.new_zeros(kept)
        return torch.amax(torch.abs(x), dim=axes, keepdim=True)

    def exponent(self, m: Array) -> Array:
        bits = m.contiguous().view(torch.int64)
        return torch.where(m > 0, ((bits >> 52) - 1022).to(torch.float64), 0.0)

    def power(self, n: Array) -> Array:
        return ((n.to(torch.int64) + 1023) << 52).view(torch.float64)

    def rint(self, x: Array) -> Array:
        return torch.round(x)  # half to even, as IEEE's roundToIntegralTiesToEven

    def finite(self, m: Array) -> Array:
        return torch.isfinite(m)

    def where(self, mask: Array, a: Any, b: Any) -> Array:
        return torch.where(mask, a, b)


class _Keep(torch.autograd.Function):
    """`keep` forward; backward the identity: a v at rest is exactly 0 and has a gradient."""

    generate_vmap_rule = True

    @staticmethod
    def forward(y: Any, bound: float) -> Any:  # type: ignore[override]
        return torch.nn.functional.hardshrink(y, bound)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:  # type: ignore[override]
        return grad, None


class _SlicedForward(torch.autograd.Function):
    """The sliced result forward; backward that of the plain kernel."""

    @staticmethod
    def forward(  # type: ignore[override]
        ctx: Any, x: Any, weight: Any, value: Any, plain: Callable[[Any, Any], Any]
    ) -> Any:
        ctx.save_for_backward(x, weight)
        ctx.plain = plain
        return value.clone()

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:  # type: ignore[override]
        with torch.enable_grad():
            x, weight = (t.detach().requires_grad_() for t in ctx.saved_tensors)
            gradients = torch.autograd.grad(ctx.plain(x, weight), (x, weight), grad)
        return *gradients, None, None


class ReproducibleTorchOps(CuttingReproducible, TorchOps):
    """See `nirx.execution.reproducible.Reproducible`.

    Only operations that IEEE 754 defines to the bit: never lerp, addcmul, alpha=, sum or exp.
    """

    kernel = TorchKernel()

    def __init__(
        self, dtype: torch.dtype, device: torch.device, surrogate: Surrogate, detach_reset: bool
    ):
        super().__init__(dtype, device, surrogate, detach_reset)
        name = str(dtype).rpartition(".")[2]
        if name not in SMALLEST or device.type not in ("cpu", "cuda", "meta"):
            raise UnsupportedError(
                f"reproducible mode runs in {' or '.join(SMALLEST)} on devices with IEEE float64; "
                f"this network is in {name} on {device}"
            )
        self._set_dtype(name)
        # hardshrink keeps what is above its bound: the number before B makes that >= B.
        kind = np.dtype(name).type
        self._bound = float(np.nextafter(kind(self._smallest), kind(0)))

    def _keep(self, y: Array) -> Array:
        if torch.is_grad_enabled() and y.requires_grad:
            return _Keep.apply(y, self._bound)
        return torch.nn.functional.hardshrink(y, self._bound)

    def use(self, value: Array) -> Array:
        if torch.is_grad_enabled() and value.requires_grad and self.gathers:
            host = lent(value)
            if host is not None and host.flags.c_contiguous and not needs_flush(host):
                return value  # a parameter has nothing to flush, as a rule
        return super().use(value)

    def sqrt(self, a: Array) -> Array:
        return self._keep(rounded_sqrt(a))

    def _wide(self, x: Array) -> Array:
        return x.to(torch.float64)

    def _exactly(self) -> AbstractContextManager[Any]:
        return torch.no_grad()

    def _with_gradient(
        self, x: Array, weight: Array, value: Array, plain: Callable[[Any, Any], Any]
    ) -> Array:
        if torch.is_grad_enabled() and (x.requires_grad or weight.requires_grad):
            return _SlicedForward.apply(x, weight, value, plain)
        return value

    def _holds_spikes(self, x: Array) -> bool:
        # A look at the values would break the graph of torch.compile, and not pay on a GPU.
        if torch.compiler.is_compiling() or x.device.type != "cpu":
            return False
        return not is_functorch_wrapped_tensor(x) and bool(((x == 0) | (x == 1)).all())
