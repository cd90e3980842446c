"""The object behind the entry point `nirx.backends: jax`."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import jax

from nirx.execution.backend import NetworkGradients
from nirx.execution.chunking import COMPILED_ROOM
from nirx.execution.memory_factors import Factors
from nirx_jax.array_gradients import array_gradients
from nirx_jax.nir_to_jax import from_nir
from nirx_jax.state import state_from_numpy
from nirx_jax.x64 import x64_is_on

__all__ = ["BACKEND", "JaxBackend"]


class JaxBackend(NetworkGradients):
    """See `nirx.execution.backend.Backend`."""

    name = "jax"
    packages = ("jax", "jaxlib", "equinox")
    memory = Factors(COMPILED_ROOM, 0.5, 1, (0, 0), 2, 38 * 10**6, compiles=True)
    from_nir = staticmethod(from_nir)
    array_gradients = staticmethod(array_gradients)

    def to_native(self, tree: Any) -> Any:
        return state_from_numpy(tree)

    def to_low_precision(self, array: Any, dtype: str) -> Any:
        return array.astype(dtype)

    def machine(self) -> dict[str, Any]:
        """For `nirx doctor`."""
        return {"devices": [f"{d.platform}:{d.id} ({d.device_kind})" for d in jax.devices()]}

    def context(self, dtype: str) -> AbstractContextManager[Any]:
        return jax.enable_x64(dtype == "float64" or x64_is_on())


BACKEND = JaxBackend()
