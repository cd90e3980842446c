"""The object behind the entry point `nirx.backends: torch`."""

from __future__ import annotations

from typing import Any

import torch

from nirx.dynamics.discretization import Discretization
from nirx.execution.backend import Prepared
from nirx.graphs.state import state_to_numpy
from nirx_torch.nir_to_torch import from_nir
from nirx_torch.state import state_from_numpy

__all__ = ["BACKEND", "TorchBackend"]


class TorchBackend:
    """See `nirx.execution.backend.Backend`."""

    name = "torch"

    from_nir = staticmethod(from_nir)

    def prepare(
        self,
        graph: Any,
        discretization: Discretization | None = None,
        dtype: str = "float32",
        **options: Any,
    ) -> Prepared:
        net = from_nir(graph, discretization, dtype, **options)

        def run(inputs: Any, state: Any = None, record: Any = ()) -> tuple[Any, Any, Any]:
            start = None if state is None else state_from_numpy(state)
            with torch.no_grad():
                result = net.run(state_from_numpy(inputs), start, record)
            return tuple(state_to_numpy(part) for part in result)

        return run


BACKEND = TorchBackend()
