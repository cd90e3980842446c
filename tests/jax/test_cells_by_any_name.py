"""Hand-written neurons beside layers, whatever the argument with their state is called."""

# equinox's own annotations are narrower than what it accepts.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false
# pyright: reportIncompatibleMethodOverride=false

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import nir
import numpy as np
import pytest

import nirx
from nirx_jax import jax_to_nir

KEY = jax.random.key(5)


class Membrane(eqx.Module):
    def __call__(self, x, v):
        v = v + (x - v) / 2.0
        z = (v > 0.2).astype(x.dtype)
        return z, v * (1 - z)


class Optional(eqx.Module):
    def __call__(self, x, mem=None):
        mem = jnp.zeros_like(x) if mem is None else mem
        mem = mem + (x - mem) / 2.0
        z = (mem > 0.2).astype(x.dtype)
        return z, mem * (1 - z)


class Blend(eqx.Module):
    """Two arguments, and no state."""

    def __call__(self, x, other):
        return 0.5 * x + 0.5 * other


class Model(eqx.Module):
    fc: eqx.nn.Linear
    lif: eqx.Module

    def __call__(self, x, v):
        return self.lif(self.fc(x), v)


class Named(Model):
    def __call__(self, x, state):
        return self.lif(self.fc(x), state)


class Scanned(Model):
    def __call__(self, xs):
        def step(v, x):
            z, v = self.lif(self.fc(x), v)
            return v, z

        return jax.lax.scan(step, jnp.zeros(4), xs)[1]


class Two(eqx.Module):
    fc: eqx.nn.Linear
    lif: eqx.Module
    last: eqx.Module
    blend: eqx.Module

    def __call__(self, x, state):
        z, a = self.lif(self.fc(x), state[0])
        y, b = self.last(self.blend(z, z), state[1])
        return y, (a, b)


def layer():
    return eqx.nn.Linear(6, 4, key=KEY)


def spikes_of(model, state, xs):
    out = []
    for x in jnp.asarray(xs):
        z, state = model(x, state)
        out.append(z)
    return np.stack(out)


MODELS = {
    "v of both": (lambda: Model(layer(), Membrane()), jnp.zeros(4)),
    "state of the model only": (lambda: Named(layer(), Membrane()), jnp.zeros(4)),
    "with a default": (lambda: Named(layer(), Optional()), jnp.zeros(4)),
    "two of them": (
        lambda: Two(layer(), Membrane(), Optional(), Blend()),
        (jnp.zeros(4), jnp.zeros(4)),
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_spikes_are_those_of_the_model(name):
    make, state = MODELS[name]
    model = make()
    graph = jax_to_nir(model, jnp.zeros(6), example_state=state)
    assert isinstance(graph.nodes["fc"], nir.Affine)
    assert isinstance(graph.nodes["lif"], nir.LIF)
    xs = np.random.default_rng(2).normal(size=(40, 6)).astype("float32")
    expected = spikes_of(model, state, xs)
    np.testing.assert_array_equal(nirx.from_nir(graph, "numpy").run(xs)[0], expected)
    assert 0 < expected.mean() < 1


def test_inside_a_scan():
    graph = jax_to_nir(Scanned(layer(), Membrane()), jnp.zeros((7, 6)))
    assert isinstance(graph.nodes["lif"], nir.LIF)


def test_the_state_that_is_missing_is_asked_for_by_its_name():
    with pytest.raises(nirx.InputError, match=r"a call with v=None .*; pass example_state"):
        jax_to_nir(Model(layer(), Membrane()), jnp.zeros(6))


class Inline(eqx.Module):
    fc: eqx.nn.Linear

    def __call__(self, xs):
        def step(v, x):
            z, v = Membrane()(self.fc(x), v)
            return v, z

        return jax.lax.scan(step, jnp.zeros(4), xs)[1]


def test_a_neuron_among_layers_is_told_to_be_a_module():
    with pytest.raises(nirx.UnsupportedError, match=r"step/gt at .* module of its own, from \(x, "):
        jax_to_nir(Inline(layer()), jnp.zeros((7, 6)))
