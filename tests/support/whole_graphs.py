"""A graph of whole numbers, and what drives it, for the tests of integers around a network."""

from __future__ import annotations

from typing import Any

import nir
import numpy as np

import nirx
from support.graphs import line, make_graph

__all__ = ["IN", "RULE", "layers", "spikes"]

IN, SIZE = 2, 3
RULE = nirx.Discretization(
    dt=1.0,
    reset="subtract",
    arithmetic=nirx.Arithmetic(input_shift=1, membrane_bits=9, synapse_bits=9),
)


def layers() -> nir.NIRGraph:
    """Two layers of neurons, "a" with a synapse and "b" without, and a readout "li"."""
    random = np.random.default_rng(0)

    def weight(rows: int, columns: int) -> np.ndarray:
        return random.integers(-30, 60, (rows, columns)).astype("f4")

    eight, zero = np.full(SIZE, 8.0), np.zeros(SIZE)
    return make_graph(
        line("input", "fc", "a", "w", "b", "out", "li", "output"),
        np.array([IN]),
        fc=nir.Affine(weight(SIZE, IN), random.integers(-9, 9, SIZE).astype("f4")),
        a=nir.CubaLIF(eight / 2, eight, eight, zero + 16, zero + 60, zero - 5, eight / 2),
        w=nir.Linear(weight(SIZE, SIZE)),
        b=nir.LIF(eight, eight, zero, zero + 50, zero),
        out=nir.Linear(weight(2, SIZE)),
        li=nir.LI(np.full(2, 16.0), np.full(2, 16.0), np.zeros(2)),
        output=nir.Output({"output": np.array([2])}),
    )


def spikes(steps: int = 50, dtype: Any = np.int64) -> np.ndarray:
    """Spikes and counts of them, [steps, 2, features]."""
    return np.random.default_rng(1).integers(0, 3, (steps, 2, IN)).astype(dtype)
