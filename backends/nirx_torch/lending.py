"""Tensors whose memory nirx's own kernels may use."""

from __future__ import annotations

import numpy as np
import torch
from torch._C._functorch import is_legacy_batchedtensor, maybe_current_level
from torch.autograd import forward_ad

from nirx.execution.kernels.threads import limit_threads, use_team
from nirx_torch.openmp import find_team

__all__ = ["lent", "lent_without_gradient", "memory"]

limit_threads(torch.get_num_threads)
use_team(find_team())

LENT = (torch.Tensor, torch.nn.Parameter)

TYPES = {torch.float32: "f4", torch.float64: "f8", torch.int64: "i8"}


class _Memory:
    """A tensor's memory by NumPy's array interface; keeps the tensor alive."""

    def __init__(self, tensor: torch.Tensor, kind: str):
        self.tensor = tensor
        size = tensor.element_size()
        self.__array_interface__ = {
            "version": 3,
            "shape": tuple(tensor.shape),
            "strides": tuple(size * n for n in tensor.stride()),
            "typestr": np.dtype(kind).str,
            "data": (tensor.data_ptr(), False),
        }


def memory(tensor: torch.Tensor) -> np.ndarray:
    """The memory of a tensor of the CPU, to be read during a call only.

    `tensor.numpy()` forbids for good to resize the memory. FSDP has to: it frees the whole
    parameters between calls.
    """
    kind = TYPES.get(tensor.dtype)
    if kind is None or not tensor.numel():
        return tensor.detach().numpy()
    return np.asarray(_Memory(tensor.detach(), kind))


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
    return memory(tensor)


def lent_without_gradient(tensor: torch.Tensor) -> np.ndarray | None:
    """As `lent`; None also where a gradient is to flow through the tensor."""
    return None if torch.is_grad_enabled() and tensor.requires_grad else lent(tensor)
