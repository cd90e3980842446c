"""A network on any backend behind one call: NumPy in, NumPy out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import jax
import numpy as np

import nirx
import nirx_jax
import nirx_torch

__all__ = ["BACKENDS", "DTYPES", "Reproducible", "Running", "as_dtype", "precision"]

BACKENDS = ("numpy", "torch", "jax")
DTYPES = ("float32", "float64")


@contextmanager
def precision(backend: str, dtype: str) -> Iterator[None]:
    """JAX's x64 mode as the dtype wants it."""
    if backend == "jax":
        with jax.enable_x64(dtype == "float64"):
            yield
    else:
        yield


def as_dtype(x: Any, dtype: str) -> Any:
    """Floating arrays in one dtype; others, also in dicts, as they are."""
    if isinstance(x, dict):
        return {name: as_dtype(below, dtype) for name, below in x.items()}
    array = np.asarray(x)
    return array.astype(dtype) if array.dtype.kind == "f" else array


class Running:
    """A network of one backend; trees go in and come out as NumPy."""

    def __init__(self, backend: str, graph: Any, rule: Any, dtype: str = "float32", **options: Any):
        self.backend, self.dtype = backend, dtype
        with precision(backend, dtype):
            self.net = nirx.from_nir(graph, backend, rule, dtype, **options)

    def native(self, tree: Any) -> Any:
        """A NumPy tree as the backend's own."""
        if tree is None or self.backend == "numpy":
            return tree
        module = nirx_torch if self.backend == "torch" else nirx_jax
        return module.state_from_numpy(tree)

    def run(self, xs: Any, state: Any = None, record: Any = "all", **options: Any) -> Any:
        """Outputs, state and recordings."""
        with precision(self.backend, self.dtype):
            xs, state = self.native(as_dtype(xs, self.dtype)), self.native(state)
            return nirx.state_to_numpy(self.net.run(xs, state, record=record, **options))

    def step(self, x: Any, state: Any = None) -> Any:
        """Outputs and state."""
        with precision(self.backend, self.dtype):
            x, state = self.native(as_dtype(x, self.dtype)), self.native(state)
            return nirx.state_to_numpy(self.net(x, state))


class Reproducible(Running):
    """The same in reproducible mode, unless the options say otherwise."""

    def __init__(self, backend: str, graph: Any, rule: Any, dtype: str = "float32", **options: Any):
        super().__init__(backend, graph, rule, dtype, **{"reproducible": True, **options})
