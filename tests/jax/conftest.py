"""Small networks for the tests of nirx_jax."""

# nir's and torch's own annotations are narrower than what both accept and give.
# pyright: reportArgumentType=false

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import nir
import numpy as np
import pytest

import nirx

RULE = nirx.Discretization(dt=1e-3)


def numbers(*shape: int, low: float = 0.1, high: float = 0.9) -> np.ndarray:
    """Different float32 numbers from low to high."""
    return np.linspace(low, high, int(np.prod(shape))).reshape(shape).astype(np.float32)


def lif(size: int = 4) -> nir.LIF:
    return nir.LIF(
        tau=numbers(size, low=4e-3, high=8e-3),
        r=numbers(size, low=1.0, high=2.0),
        v_leak=numbers(size, low=0.0, high=0.1),
        v_threshold=numbers(size, low=0.2, high=0.3),
        v_reset=numbers(size, low=-0.1, high=0.0),
    )


class Networks:
    """Builders of graphs, for tests that want their own nodes."""

    rule = RULE
    numbers = staticmethod(numbers)
    lif = staticmethod(lif)

    @staticmethod
    def chain(nodes: Mapping[str, Any], takes: Any, gives: Any) -> nir.NIRGraph:
        """Input, the nodes one after the other, Output."""
        ports = {"input": nir.Input(np.atleast_1d(takes)), **nodes}
        every = {**ports, "output": nir.Output(np.atleast_1d(gives))}
        names = list(every)
        return nir.NIRGraph(every, list(pairwise(names)), type_check=False)

    @staticmethod
    def loop() -> nir.NIRGraph:
        """3 inputs -> Affine -> 4 LIF with a Linear feedback loop -> 4 LI."""
        nodes = {
            "input": nir.Input(np.array([3])),
            "fc": nir.Affine(numbers(4, 3), numbers(4)),
            "lif": lif(),
            "w": nir.Linear(numbers(4, 4, low=-0.5, high=0.4)),
            "li": nir.LI(numbers(4, low=0.01, high=0.02), numbers(4), numbers(4)),
            "output": nir.Output(np.array([4])),
        }
        edges = [("input", "fc"), ("fc", "lif"), ("lif", "w"), ("w", "lif")]
        return nir.NIRGraph(nodes, [*edges, ("lif", "li"), ("li", "output")], type_check=False)


@pytest.fixture
def networks() -> Networks:
    return Networks()


@pytest.fixture
def loop() -> nir.NIRGraph:
    return Networks.loop()


@pytest.fixture
def rule() -> nirx.Discretization:
    return RULE
