"""Spyx's neurons outside NIR, and stateful flax.nnx modules, as nirx.Neuron: 1,000 steps alike."""

# The libraries are not in .venv, where types are checked.
# pyright: reportMissingImports=false, reportArgumentType=false, reportCallIssue=false

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nirx

pytest.importorskip("spyx", reason="spyx is installed by `make libraries` only")

import jax
import jax.numpy as jnp
import spyx.nn as sn
from flax import nnx
from spyx import axn

from nirx_jax import jax_to_nir
from support.running import BACKENDS, Running

SIZE = 20


class Traced(nnx.Module):
    """Its state is a Variable of its own."""

    def __init__(self):
        self.v = nnx.Variable(jnp.linspace(0.0, 0.5, SIZE))
        self.tau = nnx.Param(jnp.linspace(3.0, 9.0, SIZE))

    def __call__(self, x):
        v = self.v[...] + (x - self.v[...]) / self.tau[...]
        z = jnp.where(v > 0.6, 1.0, 0.0)
        self.v[...] = v * (1 - z)
        return z


def widened(cell: Any) -> Any:
    graph, state = nnx.split(cell)
    return nnx.merge(graph, jax.tree.map(lambda a: a.astype("float64"), state))


def drive() -> np.ndarray:
    return 1.2 * np.random.default_rng(0).random((1000, SIZE))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("beta", [None, 0.8])
def test_spyx_alif(beta, backend):
    xs = drive()
    with jax.enable_x64(True):
        cell = widened(sn.ALIF((SIZE,), beta=beta, gamma=beta, rngs=nnx.Rngs(0)))
        graph = jax_to_nir(cell, jnp.asarray(xs[0]))
        step = lambda s, x: (lambda y, new: (new, (y, new)))(*cell(x, s))  # noqa: E731
        _, (expected, states) = jax.lax.scan(step, jnp.zeros(2 * SIZE), jnp.asarray(xs))
    ys, last, _ = Running(backend, graph, None, "float64").run(xs)
    assert np.asarray(expected).mean() > 0.05
    np.testing.assert_array_equal(ys, expected)
    (kept,) = last.values()
    mine = np.concatenate([kept[name] for name in graph.nodes["alif"].step.states])
    np.testing.assert_allclose(mine, states[-1], atol=1e-6)


@pytest.mark.parametrize(
    ("activation", "surrogate"),
    [
        (axn.superspike(25.0), nirx.surrogates.fast_sigmoid(25.0)),
        (axn.arctan(2.0), nirx.surrogates.arctan(4.0 / np.pi * np.pi, 1 / np.pi)),
        (axn.triangular(2.0), nirx.surrogates.triangular(0.5)),
        (axn.tanh(2.0), nirx.surrogates.sigmoid(4.0, 1.0)),
    ],
)
def test_the_node_keeps_the_surrogate(activation, surrogate):
    cell = sn.ALIF((SIZE,), activation=activation, rngs=nnx.Rngs(0))
    node = jax_to_nir(cell, jnp.ones(SIZE)).nodes["alif"]
    found = nirx.surrogates.from_json(node.metadata["nirx_surrogate"])
    assert type(found) is type(surrogate)
    for u in np.linspace(-1, 1, 21):
        np.testing.assert_allclose(found(u), surrogate(u), rtol=1e-3, atol=1e-6)


def test_a_surrogate_without_a_formula_is_said():
    wave = axn.custom(lambda u: 1 + 0.5 * jnp.cos(9 * u))
    cell = sn.ALIF((SIZE,), activation=wave, rngs=nnx.Rngs(0))
    with pytest.warns(nirx.NirxWarning, match="no formula of the surrogate gradient of ALIF"):
        jax_to_nir(cell, jnp.ones(SIZE))


def test_the_gradient_of_spyx_alif():
    xs = jnp.asarray(drive()[:50], "float32")
    cell = sn.ALIF((SIZE,), activation=axn.superspike(10.0), rngs=nnx.Rngs(0))
    net = nirx.from_nir(jax_to_nir(cell, xs[0]), "jax")
    weight = jnp.asarray(np.random.default_rng(2).normal(size=xs.shape), "float32")

    def own(xs):
        step = lambda s, x: cell(x, s)[::-1]  # noqa: E731
        return (weight * jax.lax.scan(step, jnp.zeros(2 * SIZE), xs)[1]).sum()

    expected = jax.grad(own)(xs)
    found = jax.grad(lambda xs: (weight * net.run(xs)[0]).sum())(xs)
    assert float(jnp.abs(expected).max()) > 1e-3
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("backend", ["numpy", "jax"])
def test_a_state_in_a_variable(backend):
    xs = drive().astype("float32")
    graph = jax_to_nir(Traced(), jnp.asarray(xs[0]))
    node = graph.nodes["traced"]
    assert list(node.step.states) == ["v"]
    assert sorted(node.parameters) == ["tau"]
    own = Traced()
    rows = np.stack([own(jnp.asarray(x)) for x in xs[:100]])
    assert rows.mean() > 0.05
    np.testing.assert_array_equal(nirx.from_nir(graph, backend).run(xs[:100])[0], rows)


def test_spyx_reset_free_lif_is_one_too():
    cell = sn.PSU_LIF((SIZE,), rngs=nnx.Rngs(0))
    xs = drive().astype("float32")
    graph = jax_to_nir(cell, jnp.asarray(xs[0]))
    step = lambda s, x: cell(x, s)[::-1]  # noqa: E731
    _, expected = jax.lax.scan(step, jnp.zeros(SIZE), jnp.asarray(xs))
    np.testing.assert_array_equal(nirx.from_nir(graph, "jax").run(xs)[0], expected)


def test_a_recurrent_neuron_is_refused_with_its_line():
    with pytest.raises(nirx.UnsupportedError, match=r"dot_general at nn\.py:\d+ mixes elements"):
        jax_to_nir(sn.RLIF((SIZE,), rngs=nnx.Rngs(0)), jnp.ones(SIZE))
