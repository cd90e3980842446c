"""Gradients that autograd cannot derive by itself: of a spike, and of a select by a spike."""

from __future__ import annotations

from typing import Any

import torch

from nirx.dynamics.surrogate_formulas import Surrogate

__all__ = ["select", "with_surrogate"]


class _WithSurrogate(torch.autograd.Function):
    """Spikes forward; backward the surrogate at v - threshold."""

    generate_vmap_rule = True

    @staticmethod
    def forward(spikes: Any, u: Any, surrogate: Surrogate) -> Any:  # type: ignore[override]
        return spikes.clone()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        _, u, ctx.surrogate = inputs
        ctx.save_for_backward(u)

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:  # type: ignore[override]
        (u,) = ctx.saved_tensors
        return None, grad * ctx.surrogate(u), None


def with_surrogate(spikes: Any, v: Any, threshold: Any, surrogate: Surrogate) -> Any:
    """`spikes` with the surrogate's gradient to v and threshold, all of one shape or broadcast."""
    if torch.is_grad_enabled() and (v.requires_grad or threshold.requires_grad):
        return _WithSurrogate.apply(spikes, v - threshold, surrogate)
    return spikes


class _Select(torch.autograd.Function):
    """`torch.where` forward; backward also to the mask, as of mask*a + (1-mask)*b."""

    generate_vmap_rule = True

    @staticmethod
    def forward(mask: Any, a: Any, b: Any) -> Any:  # type: ignore[override]
        return torch.where(mask != 0, a, b)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:  # type: ignore[override]
        mask, a, b = ctx.saved_tensors
        zero = torch.zeros_like(grad)
        chosen = mask != 0
        return grad * (a - b), torch.where(chosen, grad, zero), torch.where(chosen, zero, grad)


def select(mask: Any, a: Any, b: Any) -> Any:
    """`a` where mask is not 0, else `b`, with a gradient to all three."""
    if torch.is_grad_enabled() and mask.requires_grad:
        return _Select.apply(*torch.broadcast_tensors(mask, a, b))
    return torch.where(mask != 0, a, b)
