"""One network without and with fused kernels."""

# nir's own annotations are narrower than what it accepts.
# pyright: reportArgumentType=false

from __future__ import annotations

from typing import Any

import nir
import numpy as np

import nirx
from support.graphs import lif, make_graph, neuron, numbers

__all__ = ["loop_spikes", "looped", "pair"]

STEPS, BATCH, SIZE = 40, 3, 6


def pair(
    graph: Any,
    dtype: str = "float32",
    backend: str = "numpy",
    reproducible: bool = False,
    options: Any = None,
    dt: float = 1e-2,
    **choices: Any,
) -> tuple[Any, Any]:
    """The networks of `execution="plain"` and `"fused"`.

    Arguments:
        options: of `from_nir`.
        choices: of the Discretization.
    """
    rule = nirx.Discretization(dt=dt, **choices)
    plain, fused = (
        nirx.from_nir(
            graph, backend, rule, dtype, reproducible, execution=execution, **(options or {})
        )
        for execution in ("plain", "fused")
    )
    return plain, fused


def _weight(rows: int, columns: int, scale: float) -> np.ndarray:
    return (scale * np.random.default_rng(0).standard_normal((rows, columns))).astype("f4")


def looped() -> nir.NIRGraph:
    """Two neurons in a cycle, a late edge with a bias, sums of several sources, a self-loop."""
    return make_graph(
        [
            ("input", "fc"),
            ("fc", "a"),
            ("back", "a"),
            ("a", "forth"),
            ("forth", "b"),
            ("b", "b"),
            ("b", "back"),
            ("b", "output"),
            ("scale", "a"),
            ("b", "scale"),
        ],
        np.array([4]),
        fc=nir.Affine(_weight(SIZE, 4, 3.0), numbers(SIZE)),
        a=neuron(nir.CubaLIF, SIZE, np.float32),
        forth=nir.Linear(_weight(SIZE, SIZE, 2.0)),
        b=lif(SIZE, dtype=np.float32, v_reset=-0.1),
        back=nir.Affine(_weight(SIZE, SIZE, 1.0), numbers(SIZE, low=-0.2, high=0.2)),
        scale=nir.Scale(numbers(SIZE)),
        output=nir.Output(np.array([SIZE])),
    )


def loop_spikes(dtype: str = "float32") -> np.ndarray:
    return (np.random.default_rng(1).random((STEPS, BATCH, 4)) < 0.3).astype(dtype)
