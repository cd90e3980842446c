"""A test bench: a reference file and the recording that agrees with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nir
import numpy as np

import nirx
from nirx.references.reference import reference
from support.graphs import chain, lif, line, make_graph

__all__ = [
    "Bench",
    "D",
    "layered",
    "looped",
    "nested",
    "place",
    "run",
    "shifted",
    "signal",
    "spiking",
    "weights",
]

D = nirx.Discretization(dt=1e-3)


def spiking(size: int, v_threshold: float = 0.3) -> nir.LIF:
    """A float32 LIF that spikes often; for `D`."""
    return lif(size, dtype=np.float32, tau=5e-3, v_threshold=v_threshold, v_reset=0.05)


def weights(*shape: int, seed: int = 0) -> np.ndarray:
    """Of both signs, mostly excitatory."""
    return np.random.default_rng(seed).normal(0.15, 0.6, shape).astype(np.float32)


def signal(size: int, steps: int = 120, batch: tuple[int, ...] = (2,)) -> np.ndarray:
    """Random spikes."""
    return (np.random.default_rng(3).random((steps, *batch, size)) < 0.5).astype(np.float32)


def layered(late: str | None = None) -> nir.NIRGraph:
    """Three layers, 6 inputs, 4 outputs; `late` is followed by a Delay of one step, "late"."""
    layers = {
        "fc1": nir.Affine(weights(8, 6), weights(8) * 0.1),
        "lif1": spiking(8),
        "fc2": nir.Linear(weights(7, 8, seed=1)),
        "lif2": spiking(7),
        "fc3": nir.Linear(weights(4, 7, seed=2)),
        "lif3": spiking(4),
    }
    nodes: dict[str, Any] = {}
    for name, node in layers.items():
        nodes[name] = node
        if name == late:
            nodes["late"] = nir.Delay(np.full(len(node.tau), D.dt))
    return chain(nodes, 6, 4)


def nested() -> nir.NIRGraph:
    """Two layers, the first one in a subgraph; 4 inputs, 4 outputs."""
    sub = chain({"fc": nir.Linear(weights(4, 4, seed=1)), "lif": spiking(4, 0.1)}, 4)
    return chain({"fc": nir.Linear(weights(4, 4, seed=4)), "lif": spiking(4), "sub": sub}, 4)


def looped() -> nir.NIRGraph:
    """One layer with a feedback loop; 4 inputs, 4 outputs."""
    edges = [*line("input", "fc", "lif", "output"), *line("lif", "back", "lif")]
    fc, back = nir.Linear(weights(4, 4)), nir.Linear(weights(4, 4, seed=5))
    return make_graph(edges, 4, fc=fc, lif=spiking(4), back=back)


def shifted(train: np.ndarray, steps: int) -> np.ndarray:
    """Later by some steps; earlier if the number is negative."""
    found = np.zeros_like(train)
    late, early = max(0, steps), max(0, -steps)
    found[late : len(train) - early] = train[early : len(train) - late]
    return found


def run(graph: nir.NIRGraph, xs: Any, d: nirx.Discretization = D, dtype: str = "float32") -> Any:
    """Everything that NumPy records in reproducible mode."""
    return nirx.from_nir(graph, "numpy", d, dtype, reproducible=True).run(xs, record="all")[2]


def place(found: nirx.Verification) -> tuple[str, int, tuple[int, ...]] | None:
    """Node, step and index of the first divergence."""
    first = found.first_divergence
    return None if first is None else (first.node, first.step, first.index)


class Bench:
    """A reference of a graph.

    Arguments:
        xs: what drives it; by default `signal`.
        options: of `nirx.reference`.
    """

    def __init__(self, graph: nir.NIRGraph, path: Path, xs: Any = None, **options: Any):
        self.graph, self.path = graph, path
        dtype = options.get("dtype", "float32")
        size = int(graph.nodes["input"].input_type["input"][0])
        self.xs = (signal(size) if xs is None else xs).astype(dtype)
        options = {"discretization": D, **options}
        reference(graph, self.xs, path, **options)
        self._true = run(graph, self.xs, options["discretization"], dtype)

    @property
    def recorded(self) -> dict[str, np.ndarray]:
        """A fresh copy of the recording that agrees."""
        return {key: value.copy() for key, value in self._true.items()}

    def verify(self, observed: Any = None, **options: Any) -> nirx.Verification:
        """`nirx.verify` against this reference."""
        return nirx.verify(self.path, observed, **options)
