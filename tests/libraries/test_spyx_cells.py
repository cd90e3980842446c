"""Neurons that NIR lacks in Spyx models: its ALIF, and nnx cells of a user's own."""

# The libraries are not in .venv, where types are checked.
# pyright: reportMissingImports=false, reportArgumentType=false, reportCallIssue=false

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nirx

pytest.importorskip("spyx", reason="spyx is installed by `make libraries` only")

import jax.numpy as jnp
import spyx.nn as sn
from flax import nnx

from nirx_jax.bridges.spyx import BRIDGE
from support.bridges import assert_graph_agrees


class Adaptive(nnx.Module):
    """A neuron with spyx's interface that no library has; its state has two parts."""

    def __init__(self, size: int):
        self.size = size
        self.tau = nnx.Param(jnp.linspace(2.0, 6.0, size))

    def __call__(self, x: Any, state: Any) -> Any:
        v, a = state
        v = v + (x - v) / self.tau[...]
        z = jnp.where(v > 0.2 + 0.3 * a, 1.0, 0.0)
        return z, (v * (1 - z), 0.9 * a + z)

    def initial_state(self, batch_size: int) -> Any:
        return tuple(jnp.zeros((batch_size, self.size)) for _ in range(2))


class Block(nnx.Module):
    """A module around a cell, which passes its state on."""

    def __init__(self, cell: Any):
        self.cell = cell


class Layers(nnx.Module):
    """Passes states on, by hand."""

    def __init__(self, cell: Any):
        self.fc = nnx.Linear(5, 4, rngs=nnx.Rngs(0))
        self.block = Block(cell)
        self.out = sn.LI((4,), rngs=nnx.Rngs(1))

    def __call__(self, x: Any, state: Any) -> Any:
        z, first = self.block.cell(self.fc(x), state[0])
        y, last = self.out(z, state[1])
        return y, (first, last)

    def initial_state(self, batch_size: int) -> Any:
        return self.block.cell.initial_state(batch_size), self.out.initial_state(batch_size)


def alif() -> Any:
    return sn.ALIF((4,), threshold=0.3, rngs=nnx.Rngs(2))


def chain(*cells: Any) -> Any:
    layers = (nnx.Linear(5, 4, rngs=nnx.Rngs(0)), cells[0], nnx.Linear(4, 4, rngs=nnx.Rngs(3)))
    return sn.Sequential(*layers, cells[-1])


MODELS = {
    "ALIF": lambda: chain(alif()),
    "ALIF and LIF": lambda: chain(alif(), sn.LIF((4,), rngs=nnx.Rngs(1))),
    "a cell of one's own": lambda: chain(Adaptive(4)),
    "states by hand": lambda: Layers(alif()),
    "states by hand, a cell of one's own": lambda: Layers(Adaptive(4)),
}
XS = 3 * np.random.default_rng(0).random((120, 3, 5))


@pytest.mark.parametrize("build", MODELS.values(), ids=MODELS.keys())
def test_the_graph_computes_what_the_model_computes(build):
    graph = BRIDGE.export(build(), (5,))
    assert nirx.Neuron in [type(node) for node in graph.nodes.values()]
    assert_graph_agrees(graph, XS, BRIDGE.run(build(), XS, "float64"), at_output=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize(
    "to", ["norse", "snntorch", "sinabs", "spikingjelly", "spyx", "slax", "jax", "torch"]
)
@pytest.mark.parametrize("kind", ["ALIF", "states by hand, a cell of one's own"])
def test_they_move(kind, to):
    if to not in ("jax", "torch"):
        pytest.importorskip(to)
    moved = nirx.move(MODELS[kind](), to, xs=XS.astype("float32"), source="spyx")
    assert moved.fidelity in ("exact", "rounding")
    assert moved.silent == ()


def test_a_cell_that_mixes_elements_is_refused_with_its_line():
    class Mixed(Adaptive):
        def __call__(self, x, state):
            v = state[0] + x.mean(axis=-1, keepdims=True)
            return v, (v, state[1])

    with pytest.raises(
        nirx.UnsupportedError, match=r"^1: reduce_sum at test_spyx_cells\.py:\d+ mixes"
    ):
        BRIDGE.export(chain(Mixed(4)), (5,))
