"""One node between an Input and an Output, on the NumPy backend."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import nir
import numpy as np

import nirx
from support.graphs import line, make_graph

__all__ = ["alone", "history"]


def alone(
    node: Any, takes: Any = 1, dtype: str = "float64", dt: float = 1.0, **choices: Any
) -> Any:
    """The network of a single node "n" with input shape `takes`."""
    output: Any = {"output": None}
    edges = line("input", "n", "output")
    graph = make_graph(edges, np.array(takes, int), n=node, output=nir.Output(output))
    return nirx.from_nir(graph, "numpy", nirx.Discretization(dt=dt, **choices), dtype)


def history(
    node: Any, xs: Sequence[float], variables: str = "v", **choices: Any
) -> tuple[list[float], ...]:
    """The output and the state variables of one element in every step."""
    keys = [f"n.{variable}" for variable in variables]
    inputs = np.array(xs, np.float64)[:, None]
    ys, _, recorded = alone(node, **choices).run(inputs, record=keys)
    return tuple(values[:, 0].tolist() for values in (ys, *(recorded[key] for key in keys)))
