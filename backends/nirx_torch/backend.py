"""The object behind the entry point `nirx.backends: torch`."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import partial
from typing import Any

import torch

from nirx.execution.backend import NetworkBackend
from nirx_torch.nir_to_torch import from_nir
from nirx_torch.state import state_from_numpy

__all__ = ["BACKEND", "FUSED", "TorchBackend"]


class TorchBackend(NetworkBackend):
    """See `nirx.execution.backend.Backend`."""

    name = "torch"
    packages = ("torch",)
    from_nir = staticmethod(from_nir)

    def to_native(self, tree: Any) -> Any:
        return state_from_numpy(tree)

    def context(self, dtype: str) -> AbstractContextManager[Any]:
        return torch.no_grad()


class FusedTorchBackend(TorchBackend):
    """The same with every kernel, however short the run: for tests of the kernels."""

    name = "torch-fused"
    from_nir = staticmethod(partial(from_nir, execution="fused"))


BACKEND, FUSED = TorchBackend(), FusedTorchBackend()
