"""What the end-to-end tests share: backends behind one call, and agreement with the oracle."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

import nirx
import nirx_jax
import nirx_torch

BACKENDS = ("numpy", "torch", "jax")


class Running:
    """A network of one backend, in and out as NumPy."""

    def __init__(self, backend: str, graph: Any, rule: Any, dtype: str = "float64", **options: Any):
        self.backend, self.x64 = backend, dtype == "float64"
        with self._precision():
            self.net = nirx.from_nir(
                graph, backend=backend, discretization=rule, dtype=dtype, **options
            )

    @contextmanager
    def _precision(self) -> Iterator[None]:
        if self.backend == "jax":
            with jax.enable_x64(self.x64):
                yield
        else:
            yield

    def run(self, xs: Any, state: Any = None, record: Any = "all") -> tuple[Any, Any, Any]:
        with self._precision():
            if state is not None and self.backend == "torch":
                state = nirx_torch.state_from_numpy(state)
            elif state is not None and self.backend == "jax":
                state = nirx_jax.state_from_numpy(state)
            result = self.net.run(xs, state, record=record)
            return tuple(nirx.state_to_numpy(part) for part in result)  # type: ignore[return-value]


def leaves(tree: Any, path: tuple[str, ...] = ()) -> dict[tuple[str, ...], np.ndarray]:
    """The leaves of nested dicts by path."""
    if not isinstance(tree, dict):
        return {path: tree}
    found: dict[tuple[str, ...], np.ndarray] = {}
    for name, below in tree.items():
        found |= leaves(below, (*path, name))
    return found


def assert_states_close(found: Any, expected: Any, tolerance: float, where: str = "") -> None:
    """Same tree; every leaf within `tolerance` of its largest magnitude."""
    a, b = leaves(found), leaves(expected)
    assert a.keys() == b.keys(), where
    for path, value in b.items():
        assert a[path].shape == value.shape, (where, path)
        assert_near(a[path], value, tolerance, f"{where} {path}")


def assert_near(a: np.ndarray, b: np.ndarray, tolerance: float, where: str) -> None:
    scale = np.abs(b[np.isfinite(b)]).max(initial=0.0)
    with np.errstate(invalid="ignore"):
        near = (np.abs(a - b) <= tolerance * scale) | (a == b) | (np.isnan(a) & np.isnan(b))
    assert near.all(), f"{where}: {a[~near][:3]} against {b[~near][:3]}, scale {scale}"


def steps_before_a_close_call(
    margins: dict[str, np.ndarray],
    found: dict[str, np.ndarray],
    expected: dict[str, np.ndarray],
    limit: float,
) -> int:
    """How many steps can be compared: all, or those before a spike that rounding decided.

    Asserts that the first spike that differs, in the order of the oracle's steps, is one that
    the oracle decided by less than `limit`.
    """
    first, where = None, ""
    for key in margins:
        different = found[key] != expected[key]
        steps = np.flatnonzero(different.reshape(len(different), -1).any(axis=1))
        if steps.size and (first is None or steps[0] < first):
            first, where = int(steps[0]), key
    if first is None:
        return len(next(iter(expected.values())))
    different = found[where][first] != expected[where][first]
    margin = np.broadcast_to(margins[where][first], different.shape)[different]
    assert (margin < limit).all(), f"step {first}, {where}: margins {margin}"
    return first


class Agreement:
    Running = Running
    states_close = staticmethod(assert_states_close)
    near = staticmethod(assert_near)
    steps_before_a_close_call = staticmethod(steps_before_a_close_call)


@pytest.fixture
def agreement() -> Agreement:
    return Agreement()


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="session")
def paper() -> Path:
    """The graphs of the NIR paper, beside the checkout."""
    folder = Path(__file__).parents[3] / "shared" / "nir_paper"
    if not folder.is_dir():
        pytest.skip(f"the NIR paper's graphs are not there: {folder}")
    return folder
