"""A neuron that is written as a scan over time is traced like one that is written as a step."""

# pyright: reportAttributeAccessIssue=false, reportArgumentType=false

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import nir
import numpy as np
import pytest

import nirx
from nirx_jax import jax_to_nir
from support.jax_modules import linear

TAU, SIZE = np.array([4.0, 7.0, 10.0], np.float32), 3


def lif(v, x, tau=TAU):
    v = v + (x - v) / tau
    z = (v > 0.5).astype(x.dtype)
    return jnp.where(z > 0, 0.0, v), z


def alone(xs):
    return jax.lax.scan(lif, jnp.zeros(SIZE), xs)[1]


@jax.jit
def jitted(xs):
    return jax.lax.scan(lif, jnp.zeros_like(xs[0]), xs)[1]


def with_state(xs, state):
    state, ys = jax.lax.scan(lif, state, xs)
    return ys, state


def of_two(xs):
    def step(state, x):
        v, i = state
        i = 0.75 * i + 0.25 * x
        v, z = lif(v, 3.0 * i)
        return (v, i), z

    return jax.lax.scan(step, (jnp.zeros(SIZE), jnp.zeros(SIZE)), xs)


class Module(eqx.Module):
    tau: Any

    def __call__(self, xs):
        return jax.lax.scan(lambda v, x: lif(v, x, self.tau), jnp.zeros(SIZE), xs)[1]


class Adaptive(eqx.Module):
    tau: Any

    def __call__(self, xs):
        def step(state, x):
            v, a = state
            v = v + (x - v) / self.tau
            z = (v > 0.3 + a).astype(x.dtype)
            return (v * (1 - z), 0.9 * a + 0.1 * z), z

        return jax.lax.scan(step, (jnp.zeros(SIZE), jnp.full(SIZE, 0.1)), xs)[1]


class InALayer(eqx.Module):
    """The neuron is a module of its own; the scan is around both."""

    fc: Any
    cell: Any

    def __call__(self, xs):
        def step(v, x):
            z, v = self.cell(self.fc(x), state=v)
            return v, z

        return jax.lax.scan(step, jnp.zeros(SIZE), xs)[1]


class Cell(eqx.Module):
    tau: Any

    def init_state(self, batch):
        return jnp.zeros((*batch, SIZE))

    def __call__(self, x, state):
        return lif(state, x, self.tau)[::-1]


def leaky(xs):
    def step(v, x):
        v = 0.75 * v + x
        return v, v

    return jax.lax.scan(step, jnp.zeros(SIZE), xs)[1]


MODELS = {
    "function": (lambda: alone, nir.LIF),
    "jitted": (lambda: jitted, nir.LIF),
    "synapse": (lambda: of_two, nir.CubaLIF),
    "module": (lambda: Module(jnp.asarray(TAU)), nir.LIF),
    "layer": (lambda: InALayer(linear(SIZE, SIZE), Cell(jnp.asarray(TAU))), nir.LIF),
    "leaky": (lambda: leaky, nir.LI),
    "adaptive": (lambda: Adaptive(jnp.asarray(TAU)), nirx.Neuron),
}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.sampled(3)
def test_a_scan_is_its_step(name: str):
    make, kind = MODELS[name]
    model = make()
    graph = jax_to_nir(model, jnp.zeros((5, SIZE)))
    assert [type(n) for n in graph.nodes.values()].count(kind) == 1
    xs = np.random.default_rng(0).uniform(-0.5, 2.0, (1000, SIZE)).astype(np.float32)
    ys = model(jnp.asarray(xs))
    expected = np.asarray(ys[1] if isinstance(ys, tuple) else ys)
    got = nirx.from_nir(graph, "jax").run(xs)[0]
    if kind is nir.LI:
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)
    else:
        assert 0 < expected.sum() < expected.size
        np.testing.assert_array_equal(np.asarray(got), expected)


def test_parameters_keep_their_names():
    graph = jax_to_nir(Adaptive(jnp.asarray(TAU)), jnp.zeros((5, SIZE)))
    node = graph.nodes["adaptive"]
    assert sorted(node.parameters) == ["tau"]
    assert [float(np.ravel(v)[0]) for v in node.initial.values()] == pytest.approx([0.0, 0.1])


def test_a_scan_from_a_given_state():
    graph = jax_to_nir(with_state, jnp.zeros((5, SIZE)), example_state=jnp.zeros(SIZE))
    assert type(graph.nodes["with_state"]) is nir.LIF


REFUSED = {
    "reverse": lambda xs: jax.lax.scan(lif, jnp.zeros(SIZE), xs, reverse=True)[1],
    "mixed": lambda xs: jax.lax.scan(lambda v, x: lif(v, x[::-1]), jnp.zeros(SIZE), xs)[1],
    "after": lambda xs: jnp.tanh(alone(xs)),
    "another output": lambda xs: (alone(xs), jnp.sin(xs)),
    "from the input": lambda xs: jax.lax.scan(lif, xs[0], xs)[1],
}


@pytest.mark.parametrize("name", REFUSED)
def test_other_scans_are_refused(name: str):
    with pytest.raises(nirx.UnsupportedError):
        jax_to_nir(REFUSED[name], jnp.zeros((5, SIZE)))
