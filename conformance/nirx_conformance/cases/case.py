"""`FixedCase`: a graph, a discretization and an input, and tools to write them concisely.

All numbers are sums and products of PCG64's raw uniforms, so that a case is the same on every
machine.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import nir
import numpy as np

import nirx
from nirx.graphs.flatten import walk_graphs
from nirx.graphs.state import map_tree

__all__ = [
    "GAIN",
    "NEURONS",
    "FixedCase",
    "chain",
    "drive",
    "graph",
    "in_dtype",
    "neuron",
    "port_in",
    "port_out",
    "recurrent",
    "spikes",
    "uniform",
]

NEURONS = (nir.I, nir.IF, nir.LI, nir.LIF, nir.CubaLI, nir.CubaLIF)
GAIN = {nir.I: 100.0, nir.IF: 100.0, nir.CubaLIF: 12.0}
"""A resistance with which a type spikes on `drive`, where `neuron` would draw one too low."""


ROUNDING = "a sum of products may be added up in any order, and rounds differently in each"


@dataclass(frozen=True)
class FixedCase:
    """A case of the conformance suite and of the digest table.

    Arguments:
        name: what it shows; the key in every table.
        graph: a `nir.NIRGraph`.
        inputs: [time, batch, *features] or a dict of such arrays; bool spikes, or float64, which
            is rounded for a float32 run.
        discretization: of the run.
        warmup: earlier inputs; the case starts from the state after them.
        dtype: of the run.
        level: `"core"`, `"recurrent"` or `"full"`; empty for recurrent where there is a cycle,
            else core.
        tolerance: of values, relative to the largest magnitude of their node; spikes have to be
            equal unless the oracle's v is that close to the threshold.
        reason: why the tolerance is not 0.
        source: where the expected behaviour is specified.
    """

    name: str
    graph: nir.NIRGraph
    inputs: Any
    discretization: nirx.Discretization = field(default_factory=nirx.Discretization)
    warmup: Any = None
    dtype: str = "float64"
    level: str = ""
    tolerance: float = 1e-11
    reason: str = ROUNDING
    source: str = "docs/semantics.md"

    @property
    def types(self) -> tuple[str, ...]:
        """Names of the node types in the graph, sorted, without Input and Output."""
        found: set[str] = set()
        for _, graph, _ in walk_graphs(self.graph):
            found |= {type(node).__name__ for node in graph.nodes.values()}
        return tuple(sorted(found - {"Input", "Output"}))

    @property
    def own_level(self) -> str:
        """The lowest level that contains the case."""
        if self.level:
            return self.level
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", nirx.NirxWarning)
            cyclic = nirx.schedule(self.graph, self.discretization).components
        return "recurrent" if cyclic else "core"


def in_dtype(tree: Any, dtype: str) -> Any:
    """A copy of an array, or of a tree of arrays, with floating-point numbers in `dtype`."""
    return map_tree(lambda a: a.astype(dtype) if a.dtype.kind == "f" else a.copy(), tree)


def uniform(seed: int, *shape: int, low: float = -1.0, high: float = 1.0) -> np.ndarray:
    """Uniform float64 numbers in low..high."""
    numbers = np.random.Generator(np.random.PCG64(seed)).random(shape)
    return np.asarray(low + (high - low) * numbers)


def drive(seed: int, *shape: int) -> np.ndarray:
    """A signal in -0.5..1.5, on which the neurons of `neuron` spike occasionally."""
    return uniform(seed, *shape, low=-0.5, high=1.5)


def spikes(seed: int, *shape: int, rate: float = 0.3) -> np.ndarray:
    """A bool spike train."""
    return uniform(seed, *shape, low=0.0) < rate


def port_in(*shape: int) -> nir.Input:
    return nir.Input({"input": np.array(shape, np.int64)})


def port_out(*shape: int) -> nir.Output:
    return nir.Output({"output": np.array(shape, np.int64)})


def graph(nodes: Mapping[str, Any], *edges: str) -> nir.NIRGraph:
    """A graph from edges written as `"a -> b -> c"`."""
    pairs = []
    for way in edges:
        names = way.split(" -> ")
        pairs += list(itertools.pairwise(names))
    return nir.NIRGraph(dict(nodes), pairs, type_check=False)


def chain(takes: tuple[int, ...], gives: tuple[int, ...], *nodes: Any) -> nir.NIRGraph:
    """input -> n0 -> n1 -> ... -> output."""
    named = {f"n{i}": node for i, node in enumerate(nodes)}
    way = " -> ".join(["input", *named, "output"])
    return graph({"input": port_in(*takes), **named, "output": port_out(*gives)}, way)


def recurrent(size: int, lif: Any, w: Any) -> nir.NIRGraph:
    """input -> lif -> output, and w from lif back to lif."""
    nodes = {"input": port_in(size), "lif": lif, "w": w, "output": port_out(size)}
    return graph(nodes, "input -> lif -> w -> lif -> output")


RANGES = {
    "tau": (2e-3, 2e-2),
    "tau_mem": (2e-3, 2e-2),
    "tau_syn": (1e-3, 1e-2),
    "r": (5.0, 15.0),
    "v_leak": (-0.1, 0.1),
    "v_threshold": (0.3, 0.8),
    "v_reset": (-0.2, 0.1),
    "w_in": (0.5, 1.5),
}


def neuron(kind: type, seed: int, *shape: int, **given: float) -> Any:
    """A neuron with random parameters of one shape; `given` fixes some of them."""
    names = [n for n in kind.__dataclass_fields__ if n in RANGES]
    parameters = {}
    for place, name in enumerate(names):
        low, high = RANGES[name]
        parameters[name] = uniform(1000 * seed + place, *shape, low=low, high=high)
        if name in given:
            parameters[name] = np.full(shape, given[name])
    return kind(**parameters)
