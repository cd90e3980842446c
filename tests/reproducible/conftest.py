"""What the tests of the reproducible mode share: running a backend, comparing bits."""

# nir's and torch's own annotations are narrower than what both accept and give.
# pyright: reportArgumentType=false

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import jax
import nir
import numpy as np
import pytest

import nirx
import nirx_jax
import nirx_torch
from nirx.ulp import same_bits

BACKENDS = ("numpy", "torch", "jax")
DTYPES = ("float32", "float64")


def leaves(tree: Any, path: tuple[Any, ...] = ()) -> dict[tuple[Any, ...], np.ndarray]:
    """The leaves of nested dicts and tuples by path, as NumPy arrays."""
    if isinstance(tree, dict):
        items: Any = tree.items()
    elif isinstance(tree, list | tuple):
        items = enumerate(tree)
    else:
        return {path: np.asarray(nirx.state_to_numpy(tree))}
    return {k: v for name, below in items for k, v in leaves(below, (*path, name)).items()}


def differing(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Where two arrays are not the same number to the bit; all NaNs count as one, zeros do not."""
    assert (a.shape, a.dtype) == (b.shape, b.dtype)
    assert a.dtype.kind == "f"
    return ~same_bits(a, b) | ((a == 0) & (np.signbit(a) != np.signbit(b)))


def assert_bits(found: Any, expected: Any, where: str = "") -> None:
    """0 differing bits in two trees of one form."""
    ours, theirs = leaves(found), leaves(expected)
    assert ours.keys() == theirs.keys(), where
    for path, value in theirs.items():
        bad = differing(ours[path], value)
        assert not bad.any(), (
            f"{where} {path}: {int(bad.sum())} of {bad.size} differ, "
            f"first {ours[path][bad][0]!r} against {value[bad][0]!r}"
        )


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
    """A reproducible network of one backend; trees go in and come out as NumPy."""

    def __init__(self, backend: str, graph: Any, rule: Any, dtype: str = "float32", **options: Any):
        self.backend, self.dtype = backend, dtype
        options = {"reproducible": True, **options}
        with precision(backend, dtype):
            self.net = nirx.from_nir(graph, backend, rule, dtype, **options)

    def native(self, tree: Any) -> Any:
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


def chain(nodes: dict[str, Any], takes: Any, gives: Any, extra: Any = ()) -> nir.NIRGraph:
    """Input, the nodes one after the other, Output, and extra edges."""
    every = {"input": nir.Input(np.atleast_1d(takes)), **nodes}
    every["output"] = nir.Output(np.atleast_1d(gives))
    return nir.NIRGraph(every, [*pairwise(every), *extra], type_check=False)


class Bits:
    """The functions above, for test files, which cannot import this one."""

    BACKENDS, DTYPES = BACKENDS, DTYPES
    Running = Running
    assert_bits = staticmethod(assert_bits)
    differing = staticmethod(differing)
    leaves = staticmethod(leaves)
    precision = staticmethod(precision)
    as_dtype = staticmethod(as_dtype)
    chain = staticmethod(chain)


@pytest.fixture(scope="session")
def bits() -> Bits:
    return Bits()


@pytest.fixture(params=DTYPES)
def dtype(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    return request.param
