"""The object behind the entry point `nirx.backends: jax`."""

from __future__ import annotations

from typing import Any

import jax

from nirx.dynamics.discretization import Discretization
from nirx.execution.backend import Prepared
from nirx.graphs.state import state_to_numpy
from nirx_jax.nir_to_jax import from_nir
from nirx_jax.state import state_from_numpy
from nirx_jax.x64 import x64_is_on

__all__ = ["BACKEND", "JaxBackend"]


class JaxBackend:
    """See `nirx.execution.backend.Backend`."""

    name = "jax"

    from_nir = staticmethod(from_nir)

    def prepare(
        self,
        graph: Any,
        discretization: Discretization | None = None,
        dtype: str = "float32",
        **options: Any,
    ) -> Prepared:
        wide = dtype == "float64"
        with jax.enable_x64(wide or x64_is_on()):
            net = from_nir(graph, discretization, dtype, **options)

        def run(inputs: Any, state: Any = None, record: Any = ()) -> tuple[Any, Any, Any]:
            with jax.enable_x64(wide or x64_is_on()):
                start = None if state is None else state_from_numpy(state)
                result = net.run(inputs, start, record)
                return tuple(state_to_numpy(part) for part in result)

        return run


BACKEND = JaxBackend()
