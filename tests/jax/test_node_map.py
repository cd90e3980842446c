"""Users' Equinox modules in the place of NIR nodes."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import nir
import numpy as np
import pytest

import nirx
import nirx_jax
from support.graphs import chain


class Times(eqx.Module):
    factor: jax.Array

    def __call__(self, x):
        return self.factor * x


class Count(eqx.Module):
    """Adds up its input; gives the sum. Starts from None."""

    def __call__(self, x, state):
        total = x if state is None else state["total"] + x
        return total, {"total": total}


class CountFromTen(Count):
    def init_state(self, batch_shape):
        return {"total": jnp.full((*batch_shape, 2), 10.0)}


class Spike(eqx.Module):
    """A neuron without memory; its state is a tuple."""

    threshold: jax.Array

    def __call__(self, x, state):
        z = (x > self.threshold).astype(x.dtype)
        return z, (z, [x])


def times(factor):
    return lambda node: Times(jnp.asarray(factor, jnp.float32))


def scale():
    return chain({"s": nir.Scale(np.ones(2))}, 2, 2)


def build(graph, rule, make, **options):
    return nirx_jax.from_nir(graph, rule, node_map={nir.Scale: make}, **options)


def test_a_stateless_module_and_its_gradient(rule):
    net = build(scale(), rule, times(2.0))
    xs = jnp.arange(6.0).reshape(3, 1, 2)
    assert np.array_equal(net.run(xs)[0], 2 * xs)
    assert net.run(xs)[1] == net.init_state((1,)) == {}
    grads = eqx.filter_grad(lambda net: net.run(xs)[0].sum())(net)
    assert grads.nodes["s"].factor == xs.sum()


def test_a_plain_function_is_a_module(rule):
    net = build(scale(), rule, lambda node: jnp.tanh)
    assert np.array_equal(net(jnp.ones(2))[0], jnp.tanh(jnp.ones(2)))


@pytest.mark.slow
@pytest.mark.parametrize(("module", "start"), [(Count, 0.0), (CountFromTen, 10.0)])
@pytest.mark.parametrize("chunk", [pytest.param(1, marks=pytest.mark.exhaustive), 2, 1024])
def test_a_stateful_module(module, start, chunk, rule):
    net = build(scale(), rule, lambda node: module())
    xs = jnp.arange(1.0, 11).reshape(5, 1, 2)
    expected = start + xs.cumsum(0)
    ys, state = net.run(xs, chunk=chunk)
    assert np.array_equal(ys, expected)
    assert np.array_equal(state["s"]["total"], expected[-1])
    first, middle = net.run(xs[:2], chunk=chunk)
    second, end = net.run(xs[2:], middle, chunk=chunk)
    assert np.array_equal(jnp.concatenate([first, second]), expected)
    assert np.array_equal(end["s"]["total"], expected[-1])
    assert np.array_equal(net(xs[0], net.init_state((1,)))[0], expected[0])


@pytest.mark.slow
@pytest.mark.parametrize("chunk", [pytest.param(1, marks=pytest.mark.exhaustive), 3, 1024])
def test_a_module_in_a_loop(chunk, loop, rule):
    make = {nir.LIF: lambda node: Spike(jnp.asarray(node.v_threshold))}
    net = nirx_jax.from_nir(loop, rule, node_map=make)
    xs = np.random.default_rng(5).random((7, 2, 3), np.float32)
    ys, state, rec = net.run(xs, record=["lif", "w"], chunk=chunk)
    fc, w, threshold = net.nodes["fc"], net.nodes["w"], net.nodes["lif"].threshold
    late = jnp.zeros((2, 4))
    for t, x in enumerate(xs):
        z = (x @ fc.weight.T + fc.bias + late > threshold).astype(jnp.float32)
        late = z @ w.weight.T
        assert np.array_equal(rec["lif"][t], z), t
    assert 0 < rec["lif"].sum() < rec["lif"].size
    first, middle = net.run(xs[:3])
    second, end = net.run(xs[3:], middle)
    np.testing.assert_allclose(jnp.concatenate([first, second]), ys, rtol=1e-5)
    assert np.array_equal(end["lif"][0], state["lif"][0])


def test_parameters_of_a_module_take_the_dtype_of_the_network(rule):
    with jax.enable_x64(True):
        net = build(scale(), rule, times(2.0), dtype="float64")
        assert net.nodes["s"].factor.dtype == jnp.float64
        assert net(np.ones(2))[0].dtype == jnp.float64


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda node: 3, "'s': node_map returned a int; expected an equinox.Module"),
        (lambda node: lambda x: x[..., :1], r"'s'.* returned shape \(4, 1\); expected \[4, 2\]"),
        (lambda node: lambda x, state: x, r"'s'.*expected \(y, state\)"),
    ],
)
def test_a_wrong_module_is_refused(make, message, rule):
    with pytest.raises(nirx.InputError, match=message):
        build(scale(), rule, make)(jnp.ones((4, 2)))


@pytest.fixture
def default_map(monkeypatch):
    """NODE_MAP, put back after the test."""
    node_map = nirx_jax.NODE_MAP
    monkeypatch.setattr(node_map, "_handlers", dict(node_map._handlers))
    return node_map


def test_the_default_map(default_map, rule):
    assert len(default_map) == 18
    with pytest.raises(nirx.InputError, match="Scale has an entry already; use override"):
        default_map.register(nir.Scale, times(3.0))
    with pytest.raises(nirx.InputError, match="str has no entry; use register"):
        default_map.override(str, times(3.0))
    default_map.override(nir.Scale, times(3.0))
    assert nirx_jax.from_nir(scale(), rule)(jnp.ones(2))[0].tolist() == [3.0, 3.0]
    assert build(scale(), rule, times(5.0))(jnp.ones(2))[0].tolist() == [5.0, 5.0]
