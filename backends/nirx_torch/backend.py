"""The object behind the entry point `nirx.backends: torch`."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import partial
from typing import Any

import torch

from nirx.execution.backend import NetworkGradients
from nirx.execution.chunking import NODE_ROOM
from nirx.execution.memory_factors import Factors
from nirx_torch.array_gradients import array_gradients
from nirx_torch.nir_to_torch import from_nir
from nirx_torch.state import state_from_numpy

__all__ = ["BACKEND", "FUSED", "TorchBackend"]


class TorchBackend(NetworkGradients):
    """See `nirx.execution.backend.Backend`."""

    name = "torch"
    packages = ("torch",)
    memory = Factors(NODE_ROOM, 1, 3.5, (0, 1), 2.5, 2 * 10**6, inputs=2)
    from_nir = staticmethod(from_nir)
    array_gradients = staticmethod(array_gradients)

    def to_native(self, tree: Any) -> Any:
        return state_from_numpy(tree)

    def to_low_precision(self, array: Any, dtype: str) -> Any:
        return array.to(getattr(torch, dtype))

    def machine(self) -> dict[str, Any]:
        """For `nirx doctor`."""
        devices = [f"cuda:{i} ({torch.cuda.get_device_name(i)})" for i in range(_cuda_devices())]
        devices += ["mps"] if torch.backends.mps.is_available() else []
        return {"devices": ["cpu", *devices], "threads": torch.get_num_threads()}

    def context(self, dtype: str) -> AbstractContextManager[Any]:
        return torch.no_grad()


class FusedTorchBackend(TorchBackend):
    """The same with every kernel, however short the run: for tests of the kernels."""

    name = "torch-fused"
    from_nir = staticmethod(partial(from_nir, execution="fused"))


def _cuda_devices() -> int:
    return torch.cuda.device_count() if torch.cuda.is_available() else 0


BACKEND, FUSED = TorchBackend(), FusedTorchBackend()
