"""Equinox modules of tests, and what is done with them: traced, run step by step, compared."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import nir
import numpy as np

import nirx
import nirx_jax
from support.graphs import varied_lif

__all__ = [
    "LIF",
    "MAP",
    "RULE",
    "Block",
    "Holds",
    "Stepping",
    "data",
    "full",
    "graph_of",
    "inner",
    "lif",
    "lif_node",
    "linear",
    "native",
    "ports",
    "run_alone",
    "step_by_step",
]

RULE = nirx.Discretization(dt=1e-3)


def linear(takes: int, gives: int, seed: int = 0, **options: Any) -> eqx.nn.Linear:
    return eqx.nn.Linear(takes, gives, key=jax.random.key(seed), **options)


def data(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def full(value: float, size: int = 4) -> np.ndarray:
    return np.full(size, value, np.float32)


class LIF(eqx.Module):
    """A user's own neuron: forward Euler with dt = 1e-3, reset to 0."""

    tau: jax.Array
    threshold: float = 0.1

    def __call__(self, x: jax.Array, state: Any = None) -> Any:
        v = jnp.zeros_like(x) if state is None else state
        v = v + 1e-3 * ((-v + x) / self.tau)
        spikes = jnp.where(v > self.threshold, 1.0, 0.0)
        return spikes, jnp.where(spikes == 1.0, 0.0, v)


def lif_node(module: LIF) -> nir.NIRNode:
    size = module.tau.shape[0]
    return nir.LIF(module.tau, full(1.0, size), full(0.0, size), full(module.threshold, size))  # pyright: ignore[reportArgumentType]


MAP = {LIF: lif_node}


def lif(size: int = 4) -> LIF:
    return LIF(jnp.linspace(4e-3, 8e-3, size))


def native() -> Any:
    """A LIF that nirx runs."""
    return nirx_jax.nir_to_jax(varied_lif(), discretization=RULE)


class Holds(eqx.Module):
    """A function of a module and the input."""

    module: Any
    step: Any = eqx.field(static=True, default=lambda module, x: module(x))

    def __call__(self, x: jax.Array) -> Any:
        return self.step(self.module, x)


class Stepping(eqx.Module):
    """A function of a module, the input and the state."""

    module: Any
    step: Any = eqx.field(static=True)

    def __call__(self, x: jax.Array, state: Any = None) -> Any:
        return self.step(self.module, x, state)


class Block(eqx.Module):
    """Layers one after the other."""

    layers: tuple

    def __call__(self, x: jax.Array) -> jax.Array:
        for layer in self.layers:
            x = layer(x)
        return x


def graph_of(function: Any, shape: tuple[int, ...] = (4,)) -> nir.NIRGraph:
    """The graph of a function between the input and the output."""
    model = Holds(eqx.nn.Identity(), lambda identity, x: function(identity(x)))
    return nirx_jax.jax_to_nir(model, jnp.ones(shape))


def inner(graph: nir.NIRGraph) -> list[Any]:
    """The nodes without the ports."""
    return [n for n in graph.nodes.values() if not isinstance(n, nir.Input | nir.Output)]


def ports(graph: nir.NIRGraph, kind: Any = (nir.Input, nir.Output)) -> list[str]:
    return [name for name, node in graph.nodes.items() if isinstance(node, kind)]


def run_alone(graph: nir.NIRGraph, x: Any) -> Any:
    """One step of a graph on NumPy, in float32."""
    return nirx.from_nir(graph, backend="numpy", discretization=RULE)(x)[0]


def step_by_step(model: Any, xs: Iterable[Any], state: Any) -> np.ndarray:
    """What a model gives in a Python loop."""
    ys = []
    for x in xs:
        y, state = model(x, state)
        ys.append(y)
    return np.stack(ys)
