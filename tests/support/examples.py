"""One small node of each of NIR's 19 types, for the tests that hold for every type."""

# nir takes arrays and None where its annotations say dicts and ints.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any, NamedTuple

import nir
import numpy as np


class Example(NamedTuple):
    """A node with the shapes it takes and gives, between an Input and an Output in `graph`."""

    name: str
    node: Any
    takes: tuple[int, ...]
    gives: tuple[int, ...]
    graph: nir.NIRGraph


def numbers(*shape: int) -> np.ndarray:
    """Different, positive, not whole numbers of float32."""
    size = int(np.prod(shape))
    return (np.linspace(0.05, 0.9, size).reshape(shape)).astype(np.float32)


def _inner() -> nir.NIRGraph:
    nodes = {"in": nir.Input(np.array([3])), "li": _li(), "out": nir.Output(np.array([3]))}
    return nir.NIRGraph(nodes, [("in", "li"), ("li", "out")], type_check=False)


def _li() -> nir.LI:
    return nir.LI(tau=numbers(3), r=numbers(3), v_leak=numbers(3))


def _cuba() -> dict[str, np.ndarray]:
    names = ("tau_syn", "tau_mem", "r", "v_leak", "w_in")
    return {name: numbers(3) for name in names}


def _pool() -> dict[str, np.ndarray]:
    return {
        "kernel_size": np.array([2, 2]),
        "stride": np.array([2, 1]),
        "padding": np.array([0, 1]),
    }


EXAMPLES: dict[str, tuple[Callable[[], Any], tuple[int, ...], tuple[int, ...]]] = {
    "Input": (lambda: None, (3,), (3,)),
    "Output": (lambda: None, (3,), (3,)),
    "NIRGraph": (_inner, (3,), (3,)),
    "Affine": (lambda: nir.Affine(numbers(2, 3), numbers(2)), (3,), (2,)),
    "Linear": (lambda: nir.Linear(numbers(2, 3)), (3,), (2,)),
    "Scale": (lambda: nir.Scale(numbers(3)), (3,), (3,)),
    "Conv1d": (
        lambda: nir.Conv1d(7, numbers(2, 3, 3), 2, 1, 1, 1, numbers(2)),
        (3, 7),
        (2, 4),
    ),
    "Conv2d": (
        lambda: nir.Conv2d((5, 6), numbers(4, 3, 3, 3), (1, 2), "valid", (1, 1), 1, numbers(4)),
        (3, 5, 6),
        (4, 3, 2),
    ),
    "SumPool2d": (lambda: nir.SumPool2d(**_pool()), (2, 4, 4), (2, 2, 5)),
    "AvgPool2d": (lambda: nir.AvgPool2d(**_pool()), (2, 4, 4), (2, 2, 5)),
    "Flatten": (
        lambda: nir.Flatten({"input": np.array([2, 3, 4])}, start_dim=1, end_dim=-1),
        (2, 3, 4),
        (2, 12),
    ),
    "Delay": (lambda: nir.Delay(np.array([0.0, 1e-4, 3e-4])), (3,), (3,)),
    "Threshold": (lambda: nir.Threshold(numbers(3)), (3,), (3,)),
    "I": (lambda: nir.I(numbers(3)), (3,), (3,)),
    "IF": (lambda: nir.IF(numbers(3), numbers(3), -numbers(3)), (3,), (3,)),
    "LI": (_li, (3,), (3,)),
    "LIF": (
        lambda: nir.LIF(numbers(3), numbers(3), numbers(3), numbers(3), -numbers(3)),
        (3,),
        (3,),
    ),
    "CubaLI": (lambda: nir.CubaLI(**_cuba()), (3,), (3,)),
    "CubaLIF": (
        lambda: nir.CubaLIF(**_cuba(), v_threshold=numbers(3), v_reset=-numbers(3)),
        (3,),
        (3,),
    ),
}


def make_example(name: str) -> Example:
    build, takes, gives = EXAMPLES[name]
    node = build()
    nodes: dict[str, Any] = {"input": nir.Input(np.array(takes))}
    if node is not None:
        nodes["node"] = node
    nodes["output"] = nir.Output(np.array(gives))
    names = list(nodes)
    edges = list(itertools.pairwise(names))
    graph = nir.NIRGraph(nodes, edges, type_check=False)
    return Example(name, node or nodes[name.lower()], takes, gives, graph)
