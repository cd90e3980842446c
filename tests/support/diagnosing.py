"""Recordings of a planted rule, for the tests of `nirx.diagnose`, and ways to disturb them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import nir
import numpy as np

import nirx
from support.graphs import chain, lif, line, make_graph, neuron

__all__ = [
    "DT1",
    "SIZE",
    "SUBTRACTS",
    "counts",
    "cuba",
    "find",
    "layers",
    "loop",
    "noisy",
    "reals",
    "record",
    "shifted",
    "smooth_layers",
    "tied_lif",
]

DT1 = nirx.Discretization(dt=1.0)
SUBTRACTS = replace(DT1, reset="subtract")
SIZE = 12


def tied_lif() -> nir.LIF:
    """Dyadic numbers, so that with Euler and dt=1 v hits the threshold exactly now and then."""
    tau = np.resize([2.0, 4.0, 8.0], SIZE)
    v_leak = np.resize([0.25, 0.0, 0.0, 0.5], SIZE)
    return lif(SIZE, tau=tau, v_leak=v_leak, v_reset=np.resize([0.0, 0.125], SIZE))


def cuba() -> nir.CubaLIF:
    """CubaLIF neurons that all differ."""
    random = np.random.default_rng(7)
    taus = {"tau_syn": random.uniform(2, 5, SIZE), "tau_mem": random.uniform(2, 9, SIZE)}
    w_in = random.uniform(1, 2, SIZE)
    return neuron(nir.CubaLIF, SIZE, v_leak=0.4, v_reset=0.1, w_in=w_in, **taus)


def layers(count: int = 2) -> nir.NIRGraph:
    """One to three `tied_lif`, called "a", "b" and "c", with a gain of 3 between them."""
    nodes: dict[str, Any] = {}
    for name in "abc"[:count]:
        if nodes:
            nodes[f"to {name}"] = nir.Scale(np.full(SIZE, 3.0))
        nodes[name] = tied_lif()
    return chain(nodes, SIZE)


def loop() -> nir.NIRGraph:
    """A `tied_lif` called "lif" with feedback through an Affine with bias."""
    back = nir.Affine(-np.eye(SIZE)[::-1], np.full(SIZE, 2.0))
    edges = [*line("input", "lif", "back", "lif"), ("lif", "output")]
    return make_graph(edges, SIZE, lif=tied_lif(), back=back)


def counts(*batch: int, steps: int = 80) -> np.ndarray:
    """An input of whole numbers from 0 to 4: [steps, *batch, SIZE]."""
    return np.random.default_rng(0).integers(0, 5, (steps, *batch, SIZE)).astype(np.float64)


def smooth_layers(count: int = 1, bias: float = 0.2) -> nir.NIRGraph:
    """One or two layers of 8 LIF without ties, "a" and "b", for the input `reals`."""
    nodes: dict[str, Any] = {"a": lif(8, tau=np.linspace(3, 9, 8), r=2.0)}
    if count > 1:
        nodes["w"] = nir.Affine(np.eye(8) * 1.5, np.full(8, bias))
        nodes["b"] = lif(8, tau=np.linspace(3, 9, 8), r=2.0)
    return chain(nodes, 8)


def reals(seed: int = 0) -> np.ndarray:
    """An input of random numbers below 1: [120, 3, 8]."""
    return np.random.default_rng(seed).random((120, 3, 8))


def record(graph: Any, rule: nirx.Discretization, xs: Any, *keys: str) -> dict[str, np.ndarray]:
    """What a run under a rule records."""
    return nirx.from_nir(graph, "numpy", rule, "float64").run(xs, record=list(keys))[2]


def find(
    graph: Any,
    rule: nirx.Discretization,
    xs: Any,
    *keys: str,
    disturb: Mapping[str, Callable[[Any], Any]] | None = None,
    **options: Any,
) -> nirx.Diagnosis:
    """The diagnosis of a run under a rule; the search starts from `DT1`.

    Arguments:
        disturb: per key a change of what was recorded.
    """
    observed = record(graph, rule, xs, *keys)
    for key, change in (disturb or {}).items():
        observed[key] = change(observed[key])
    return nirx.diagnose(graph, xs, observed, **{"discretization": DT1, **options})


def shifted(values: np.ndarray, steps: int = 1) -> np.ndarray:
    """Recorded some steps late (+) or early (-), with zeros where nothing was recorded."""
    moved, length = np.zeros_like(values), len(values)
    late, early = max(steps, 0), max(-steps, 0)
    moved[late : length - early] = values[early : length - late]
    return moved


def noisy(values: np.ndarray) -> np.ndarray:
    """With a noise of 0.001."""
    return values + 1e-3 * np.random.default_rng(1).normal(size=values.shape)
