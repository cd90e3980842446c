"""Linear and Affine with gradients on the CPU: rare spikes are gathered both ways."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch.nn import functional

from nirx.execution.kernels.gather import GatheredWeight
from nirx.execution.kernels.gather_gradient import input_gradient, weight_gradient
from nirx_torch.lending import lent, memory

__all__ = ["affine", "gradient_of_weight", "needs_gradient", "with_gradients"]


def needs_gradient(*tensors: Any) -> bool:
    """Whether a gradient is to flow through any of some tensors, or None."""
    return torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in tensors)


def affine(x: Any, prepared: GatheredWeight, bias: Any = None) -> Any:
    """x @ weight.T + bias with gradients, gathered or dense, whichever is faster.

    Arguments:
        x: [*lead, inputs].
        bias: broadcasts to [outputs], or None.
    """
    weight = prepared.dense
    host = lent(x)
    own = None if bias is None else lent(bias)
    y = None
    if host is not None and (bias is None or own is not None):
        y = prepared.product(host, own)
    if y is None:
        y = functional.linear(x, weight, None if bias is None else bias.expand(len(weight)))
        return y.to(weight.dtype)  # torch.autocast makes a product of lower precision
    return with_gradients(y, x, weight, bias)


def with_gradients(y: np.ndarray, x: Any, weight: Any, bias: Any) -> Any:
    """The result y of x @ weight.T + bias, with the gradients of that."""
    return _Product.apply(torch.from_numpy(y), x, weight, bias)


class _Product(torch.autograd.Function):
    """(y, x, weight, bias) -> y, which already is x @ weight.T + bias; it adds the gradients."""

    @staticmethod
    def forward(ctx: Any, y: Any, x: Any, weight: Any, bias: Any) -> Any:  # type: ignore[override]
        ctx.save_for_backward(x, weight, bias)
        return y.view_as(y)

    @staticmethod
    def backward(ctx: Any, gy: Any) -> Any:  # type: ignore[override]
        x, weight, bias = ctx.saved_tensors
        _, of_x, of_weight, of_bias = ctx.needs_input_grad
        gx = _of_input(gy, weight) if of_x else None
        gb = gy.sum_to_size(bias.shape) if of_bias else None
        return None, gx, gradient_of_weight(gy, x) if of_weight else None, gb


def _own(gy: Any) -> np.ndarray | None:
    """The memory of a gradient, where it needs none in its turn (create_graph)."""
    return None if torch.is_grad_enabled() else lent(gy)


def _of_input(gy: Any, weight: Any) -> Any:
    """gy @ weight."""
    own = _own(gy)
    found = None if own is None else input_gradient(own, memory(weight))
    return gy @ weight if found is None else torch.from_numpy(found)


def gradient_of_weight(gy: Any, x: Any) -> Any:
    """gy^T x, for gy [*lead, outputs] and x [*lead, inputs]."""
    own = _own(gy)
    found = None if own is None else weight_gradient(memory(x), own)
    if found is None:
        return gy.reshape(-1, gy.shape[-1]).T @ x.reshape(-1, x.shape[-1])
    return torch.from_numpy(found)
