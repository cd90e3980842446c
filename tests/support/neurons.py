"""Neurons outside NIR, as `nirx.neuron` takes them."""

# nir's own annotations are narrower than what it accepts.
# pyright: reportArgumentType=false

from __future__ import annotations

from typing import Any

import nir
import numpy as np

import nirx
from nirx import formulas as f
from support.graphs import line, make_graph

__all__ = ["adaptive", "alone", "every_operation", "in_a_loop"]


def adaptive(size: int = 4, label: str = "ALIF") -> nirx.Neuron:
    """A leaky neuron whose threshold rises with each spike; its adaptation starts at 0.5."""

    def step(x, s, p):
        v = s.v + (1 / p.tau) * (x - s.v) - 0.1 * s.a
        z = f.spike(v, p.theta + 1.8 * s.a)
        return z, {"v": f.where(z, 0.0, v), "a": s.a * f.exp(-1 / p.tau_a) + z}

    return nirx.neuron(
        step,
        parameters={"tau": np.linspace(3, 8, size), "theta": 1.0, "tau_a": 20.0},
        states={"v": 0.0, "a": 0.5},
        units={"tau": "steps", "tau_a": "steps"},
        label=label,
    )


def every_operation(reproducible: bool = False) -> nirx.Neuron:
    """A smooth step with every operation, but those that reproducible mode refuses."""

    def step(x, s, p):
        u = abs(s.u) + 0.5
        more = 0.0 if reproducible else 0.1 * f.log(u) + 0.1 * f.power(u, p.b)
        v = 0.5 * s.u + f.tanh(p.a * x) / u + f.sqrt(u) * f.sigmoid(x) - 0.2 * f.exp(-u) + more
        v = f.clamp(v, -3.0, p.top) + f.minimum(x, 0.3) - f.maximum(s.w, 0.1) ** 2
        w = f.where(v > s.w, s.w + 0.1, s.w - 0.05) + 0.01 * f.floor(x) + f.detach(v) * 0.01
        return v - f.spike(w, p.a, at_threshold=True), {"u": v, "w": w}

    return nirx.neuron(
        step, parameters={"a": 0.7, "b": 1.3, "top": np.float64(2.5)}, states={"u": 0.2, "w": 0.0}
    )


def alone(node: Any, size: Any = 4) -> nir.NIRGraph:
    """A graph of one node "n"."""
    return make_graph(line("input", "n", "output"), takes=size, n=node)


def in_a_loop(size: int = 4) -> nir.NIRGraph:
    """An adaptive neuron that reads its own spikes through a Linear."""
    weight = np.random.default_rng(3).normal(size=(size, size))
    edges = [*line("input", "n", "output"), *line("n", "w", "n")]
    return make_graph(edges, takes=size, n=adaptive(size), w=nir.Linear(weight))
