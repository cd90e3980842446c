"""The object behind the entry point `nirx.backends: torch`."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import partial
from typing import Any

import torch

from nirx.dynamics.discretization import Discretization
from nirx.execution.backend import NetworkBackend, PreparedGradients
from nirx.execution.chunking import NODE_ROOM
from nirx.execution.memory_factors import Factors
from nirx_torch.array_gradients import array_gradients
from nirx_torch.nir_to_torch import from_nir
from nirx_torch.state import state_from_numpy

__all__ = ["BACKEND", "FUSED", "TorchBackend"]


class TorchBackend(NetworkBackend):
    """See `nirx.execution.backend.Backend`."""

    name = "torch"
    packages = ("torch",)
    memory = Factors(NODE_ROOM, 1, 3.5, (0, 1), 2.5, 2 * 10**6)
    from_nir = staticmethod(from_nir)

    def to_native(self, tree: Any) -> Any:
        return state_from_numpy(tree)

    def to_low_precision(self, array: Any, dtype: str) -> Any:
        return array.to(getattr(torch, dtype))

    def context(self, dtype: str) -> AbstractContextManager[Any]:
        return torch.no_grad()

    def prepare_gradients(
        self,
        graph: Any,
        discretization: Discretization | None = None,
        dtype: str = "float32",
        surrogate: Any = None,
        detach_reset: bool = False,
        **options: Any,
    ) -> PreparedGradients:
        """See `nirx.execution.backend.GradientBackend`."""
        options = {"surrogate": surrogate, "detach_reset": detach_reset, **options}
        return self.with_gradients(array_gradients, graph, discretization, dtype, **options)


class FusedTorchBackend(TorchBackend):
    """The same with every kernel, however short the run: for tests of the kernels."""

    name = "torch-fused"
    from_nir = staticmethod(partial(from_nir, execution="fused"))


BACKEND, FUSED = TorchBackend(), FusedTorchBackend()
