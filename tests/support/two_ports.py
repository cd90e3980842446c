"""A graph with two Inputs and two Outputs, its inputs, and an exact comparison of trees."""

# nir takes arrays and None where its annotations say dicts and ints.
# pyright: reportArgumentType=false

from __future__ import annotations

from typing import Any

import nir
import numpy as np

import nirx

__all__ = ["ONE", "D", "S", "assert_same", "cut", "graph", "inputs", "leaves", "net"]

D = nirx.Discretization(dt=1.0)
S = np.array([2])
ONE = np.ones(2)


def net(dtype: str = "float32", **options: Any) -> Any:
    return nirx.from_nir(graph(), "numpy", D, dtype, **options)


def graph() -> nir.NIRGraph:
    """Two Inputs, two Outputs, a ring over a subgraph, a delayed ring and per-element delays."""
    lif = nir.LIF(4 * ONE, ONE, 0 * ONE, ONE / 2, 0 * ONE)
    cuba = nir.CubaLIF(3 * ONE, 4 * ONE, ONE, 0 * ONE, ONE / 4, 0 * ONE, ONE)
    inner = nir.NIRGraph(
        {"i": nir.Input(S), "c": cuba, "o": nir.Output(S)},
        [("i", "c"), ("c", "o")],
        type_check=False,
    )
    nodes = {
        "x": nir.Input(S),
        "y": nir.Input(S),
        "lif": lif,
        "sub": inner,
        "w": nir.Affine(np.array([[0.5, -0.25], [0.1, 0.3]]), np.array([0.2, 0.1])),
        "ring": nir.Delay(np.array([1.0, 3.0])),
        "mixed": nir.Delay(np.array([0.0, 2.0])),
        "p": nir.Output(S),
        "q": nir.Output(S),
    }
    edges = [("x", "lif"), ("lif", "sub"), ("sub", "w"), ("w", "lif"), ("sub", "p"), ("y", "mixed")]
    edges += [("lif", "ring"), ("ring", "lif"), ("mixed", "q"), ("mixed", "sub"), ("y", "q")]
    return nir.NIRGraph(nodes, edges, metadata={}, type_check=False)


def inputs(t: int, *batch: int, dtype: str = "float32") -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {k: rng.uniform(-1, 3, (t, *batch, 2)).astype(dtype) for k in "xy"}


def cut(xs: dict[str, np.ndarray], *where: Any) -> dict[str, np.ndarray]:
    return {k: v[where[0] if len(where) == 1 else slice(*where)] for k, v in xs.items()}


def leaves(tree: Any, path: str = "") -> dict[str, np.ndarray]:
    if not isinstance(tree, dict):
        return {path: tree}
    return {p: v for k, t in tree.items() for p, v in leaves(t, f"{path}|{k}").items()}


def assert_same(a: Any, b: Any) -> None:
    x, y = leaves(a), leaves(b)
    assert x.keys() == y.keys()
    for key in x:
        np.testing.assert_array_equal(x[key], y[key], key, strict=True)
