"""Builders of nodes and small graphs. Import these instead of writing another `lif`."""

# nir's own annotations are narrower than what it accepts.
# pyright: reportArgumentType=false

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any

import nir
import numpy as np

__all__ = [
    "affine",
    "chain",
    "changed",
    "line",
    "lif",
    "make_graph",
    "neuron",
    "numbers",
    "recurrent",
    "varied_lif",
]

DEFAULTS = {
    "tau": 4.0,
    "tau_mem": 4.0,
    "tau_syn": 2.0,
    "r": 1.0,
    "w_in": 1.0,
    "v_leak": 0.0,
    "v_threshold": 1.0,
    "v_reset": 0.0,
}


def numbers(*shape: int, low: float = 0.1, high: float = 0.9) -> np.ndarray:
    """Different float32 numbers from low to high."""
    return np.linspace(low, high, int(np.prod(shape))).reshape(shape).astype(np.float32)


def neuron(
    kind: type, size: int | tuple[int, ...] = 2, dtype: Any = np.float64, **values: Any
) -> Any:
    """A neuron of a NIR type, by default with time constants of a few steps of dt=1.

    Arguments:
        kind: `nir.I`, `nir.IF`, `nir.LI`, `nir.LIF`, `nir.CubaLI` or `nir.CubaLIF`.
        size: its shape.
        values: parameters by name; a number is repeated to the shape, an array is taken as it is.
    """
    names = [f.name for f in dataclasses.fields(kind) if f.name in DEFAULTS]
    metadata = values.pop("metadata", None)
    if unknown := [name for name in values if name not in names]:
        raise TypeError(f"{kind.__name__} has no {unknown}")
    given = {name: values.get(name, DEFAULTS[name]) for name in names}
    arrays = {
        name: np.full(size, value, dtype) if np.ndim(value) == 0 else value
        for name, value in given.items()
    }
    return kind(**arrays, **({} if metadata is None else {"metadata": metadata}))


def lif(size: int | tuple[int, ...] = 2, **values: Any) -> nir.LIF:
    """A LIF; see `neuron`."""
    return neuron(nir.LIF, size, **values)


def varied_lif(size: int = 4) -> nir.LIF:
    """A float32 LIF whose neurons all differ; for dt=1e-3."""
    return nir.LIF(
        tau=numbers(size, low=4e-3, high=8e-3),
        r=numbers(size, low=1.0, high=2.0),
        v_leak=numbers(size, low=0.0, high=0.1),
        v_threshold=numbers(size, low=0.2, high=0.3),
        v_reset=numbers(size, low=-0.1, high=0.0),
    )


def affine(out: int, into: int, weight: float = 1.0, bias: float = 0.0) -> nir.Affine:
    """A full Affine with one weight and one bias everywhere."""
    return nir.Affine(np.full((out, into), weight), np.full(out, bias))


def line(*names: str) -> list[tuple[str, str]]:
    """The edges of a chain of names."""
    return list(pairwise(names))


def make_graph(
    edges: Iterable[tuple[str, str]], takes: Any = 2, gives: Any = None, **nodes: Any
) -> nir.NIRGraph:
    """A graph with one Input "input" and one Output "output", unchecked.

    Arguments:
        takes: shape of the Input.
        gives: shape of the Output; None for that of the Input.
        nodes: what is between them; may replace the ports, or drop one with None.
    """
    ports = {
        "input": nir.Input({"input": np.atleast_1d(takes)}),
        "output": nir.Output({"output": np.atleast_1d(takes if gives is None else gives)}),
    }
    every = {name: node for name, node in {**ports, **nodes}.items() if node is not None}
    return nir.NIRGraph(every, list(edges), metadata={}, type_check=False)


def chain(
    nodes: Mapping[str, Any] | Iterable[Any],
    takes: Any = 2,
    gives: Any = None,
    extra: Iterable[tuple[str, str]] = (),
) -> nir.NIRGraph:
    """Input, the nodes one after the other, Output, and extra edges.

    Arguments:
        nodes: by name, or a list of nodes, which are then called "n0", "n1", ...
    """
    if not isinstance(nodes, Mapping):
        nodes = {f"n{number}": node for number, node in enumerate(nodes)}
    edges = [*line("input", *nodes, "output"), *extra]
    between = make_graph(edges, takes, gives, **nodes)
    order = {"input": None, **nodes, "output": None}
    between.nodes = {name: between.nodes[name] for name in order}
    return between


def recurrent() -> nir.NIRGraph:
    """3 inputs -> Affine -> 4 LIF with a Linear feedback loop -> 4 LI; for dt=1e-3."""
    nodes = {
        "fc": nir.Affine(numbers(4, 3), numbers(4)),
        "lif": varied_lif(),
        "w": nir.Linear(numbers(4, 4, low=-0.5, high=0.4)),
        "li": nir.LI(numbers(4, low=0.01, high=0.02), numbers(4), numbers(4)),
    }
    edges = [*line("input", "fc", "lif", "w", "lif"), *line("lif", "li", "output")]
    return make_graph(edges, 3, 4, **nodes)


def changed(node: Any, **parameters: Any) -> Any:
    """The node with parameters that nir's constructor would refuse."""
    for name, value in parameters.items():
        setattr(node, name, value)
    return node
