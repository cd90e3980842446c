"""Chunks of time whose insides a gradient recomputes."""

from __future__ import annotations

from typing import Any

import torch
from torch._C._functorch import maybe_current_level
from torch.utils.checkpoint import checkpoint

from nirx.dynamics.ops import Array
from nirx.errors import UnsupportedError
from nirx.execution.array_ops import Step
from nirx.graphs.state import map_tree
from nirx_torch.lending import lent

__all__ = ["checkpointed"]


def checkpointed(body: Step) -> Step:
    """The same body; the graph of a gradient keeps its arguments and nothing from its inside.

    **Raises**: `UnsupportedError` under `torch.func` and compilers.
    """
    if torch.compiler.is_compiling() or maybe_current_level() is not None:
        where = "torch.compile" if torch.compiler.is_compiling() else "torch.func"
        raise UnsupportedError(
            f"checkpoint=True does not work under {where}; call net.run outside of it, or without "
            "checkpoint"
        )
    pool = _Pool()

    def run(carry: Any, xs: list[Array]) -> tuple[Any, list[Array]]:
        carry = map_tree(pool.moved, carry)
        carry, outs = checkpoint(body, carry, xs, use_reentrant=False)
        return carry, [pool.moved(y) for y in outs]

    return run


class _Pool:
    """Memory for what stays of every chunk until the run ends.

    These are small arrays. Between the large ones of a chunk, which are freed, each would keep the
    allocator from using their place again as a whole: half of the memory of a run was such holes.
    """

    def __init__(self) -> None:
        self.blocks: dict[torch.dtype, tuple[torch.Tensor, int]] = {}

    def moved(self, leaf: Any) -> Any:
        """The same tensor in the pool; whatever else it is, as it is."""
        if not isinstance(leaf, torch.Tensor) or lent(leaf) is None:
            return leaf
        return _Moved.apply(leaf, self)

    def place(self, like: torch.Tensor) -> torch.Tensor:
        """Memory for a tensor. Blocks double, so that at most as much again is not used."""
        size = like.numel()
        block, used = self.blocks.get(like.dtype, (like.new_empty(0), 0))
        if used + size > block.numel():
            block, used = like.new_empty(max(size, 2 * block.numel())), 0
        self.blocks[like.dtype] = block, used + size
        # Not a slice, which would share its version with all others: autograd would take a later
        # write beside it for a change.
        own = like.new_empty(0)
        return own.set_(block.untyped_storage(), used, like.shape, _strides(like.shape))


def _strides(shape: torch.Size) -> tuple[int, ...]:
    return torch.empty(shape, device="meta").stride()


class _Moved(torch.autograd.Function):
    """(tensor, pool) -> the same numbers in the pool."""

    @staticmethod
    def forward(ctx: Any, tensor: torch.Tensor, pool: _Pool) -> torch.Tensor:  # type: ignore[override]
        return pool.place(tensor).copy_(tensor)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:  # type: ignore[override]
        return gradient, None
