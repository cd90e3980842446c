"""Tensors whose memory nirx's own kernels may use."""

from __future__ import annotations

import numpy as np
import torch
from torch._C._functorch import is_legacy_batchedtensor, maybe_current_level
from torch.autograd import forward_ad

from nirx.execution.kernels.threads import limit_threads

__all__ = ["lent", "lent_without_gradient"]

limit_threads(torch.get_num_threads)

LENT = (torch.Tensor, torch.nn.Parameter)


def lent(tensor: torch.Tensor) -> np.ndarray | None:
    """The memory of a plain tensor of the CPU as an array; None for every other tensor.

    Compilers, `torch.func`, forward-mode gradients and `is_grads_batched` pass tensors that have
    no memory.
    """
    if (
        type(tensor) not in LENT
        or tensor.device.type != "cpu"
        or torch.compiler.is_compiling()
        or maybe_current_level() is not None
        or forward_ad._current_level >= 0
        or torch._C._len_torch_dispatch_stack()
        or is_legacy_batchedtensor(tensor)
    ):
        return None
    return tensor.detach().numpy()


def lent_without_gradient(tensor: torch.Tensor) -> np.ndarray | None:
    """As `lent`; None also where a gradient is to flow through the tensor."""
    return None if torch.is_grad_enabled() and tensor.requires_grad else lent(tensor)
