"""jit, vmap and grad, of JAX and of Equinox."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import nirx
import nirx_jax
from support.graphs import recurrent


@pytest.fixture(scope="module")
def net():
    rule = nirx.Discretization(dt=1e-3)
    return nirx_jax.from_nir(recurrent(), rule, surrogate="arctan")


@pytest.fixture(scope="module")
def xs():
    return jnp.asarray(np.random.default_rng(1).random((9, 5, 3), np.float32))


@pytest.fixture(scope="module")
def gradient(net, xs):
    return jax.grad(loss)(net, xs)


def close(a, b):
    jax.tree.map(lambda p, q: np.testing.assert_allclose(p, q, rtol=2e-5, atol=1e-6), a, b)


@pytest.mark.slow
@pytest.mark.parametrize("jit", [jax.jit, eqx.filter_jit])
def test_jit_with_the_network_as_argument(jit, net, xs):
    close(jit(lambda net, xs: net.run(xs))(net, xs), net.run(xs))
    state = net.run(xs)[1]
    close(jit(lambda net, x, s: net(x, s))(net, xs[0], state), net(xs[0], state))


@pytest.mark.slow
def test_disable_jit_gives_the_same(net, xs):
    expected = net.run(xs, record="all")
    with jax.disable_jit():
        close(net.run(xs, record="all"), expected)
        close(net(xs[0]), net(xs[0]))


def test_vmap_over_the_batch_equals_the_batch(net, xs):
    whole, state = net.run(xs)
    found, found_state = jax.vmap(net.run, in_axes=1, out_axes=(1, 0))(xs)
    close((found, found_state), (whole, state))


def test_vmap_over_input_and_state(net, xs):
    _, state = net.run(xs[:4])
    close(jax.vmap(net)(xs[4], state), net(xs[4], state))
    close(eqx.filter_vmap(net)(xs[4], state), net(xs[4], state))


@pytest.mark.slow
def test_vmap_over_networks(net, xs):
    shifted = jax.tree.map(lambda leaf: 1.5 * leaf, net)
    both = jax.tree.map(lambda a, b: jnp.stack([a, b]), net, shifted)
    found = eqx.filter_vmap(lambda n: n.run(xs)[0])(both)
    close(found[0], net.run(xs)[0])
    close(found[1], shifted.run(xs)[0])
    assert not np.allclose(found[0], found[1])


def loss(net, xs):
    ys, state = net.run(xs)
    return (ys**2).sum() + state["lif"]["v"].sum()


@pytest.mark.slow
def test_grad_has_the_form_of_the_network(net, xs, gradient):
    assert jax.tree.structure(gradient) == jax.tree.structure(net)
    for path, leaf in jax.tree.leaves_with_path(gradient):
        assert np.isfinite(leaf).all(), path
        assert (leaf != 0).any(), path
    assert jax.tree.structure(eqx.filter_grad(loss)(net, xs)) == jax.tree.structure(net)


@pytest.mark.slow
@pytest.mark.parametrize("grad", [jax.grad, eqx.filter_grad])
def test_a_compiled_gradient_is_the_same(grad, net, xs, gradient):
    close(jax.jit(lambda net, xs: grad(loss)(net, xs))(net, xs), gradient)


@pytest.mark.slow
def test_grad_of_a_bool_input_and_of_a_float_input(net, xs):
    spikes = xs > 0.5
    on_spikes = jax.grad(loss)(net, spikes)
    close(on_spikes, jax.grad(loss)(net, spikes.astype(jnp.float32)))
    to_input = jax.grad(loss, argnums=1)(net, xs)
    assert to_input.shape == xs.shape
    assert (to_input[:-1] != 0).any(axis=(1, 2)).all()


@pytest.mark.slow
def test_forward_mode_agrees_with_reverse_mode(net, xs, gradient):
    tangent = jax.tree.map(lambda leaf: 0.01 * jnp.ones_like(leaf), net)
    _, forward = jax.jvp(lambda n: loss(n, xs), (net,), (tangent,))
    parts = jax.tree.map(lambda g, t: (g * t).sum(), gradient, tangent)
    np.testing.assert_allclose(forward, sum(jax.tree.leaves(parts)), rtol=1e-4)


@pytest.mark.slow
def test_gradients_per_sample(net, xs, gradient):
    each = jax.vmap(jax.grad(loss), in_axes=(None, 1))(net, xs)
    close(jax.tree.map(lambda leaf: leaf.sum(0), each), gradient)


def test_a_training_step(net, xs):
    value, grads = eqx.filter_value_and_grad(loss)(net, xs)
    size = sum(float((g**2).sum()) for g in jax.tree.leaves(grads))
    step = 1e-3 * float(value) / size
    smaller = eqx.apply_updates(net, jax.tree.map(lambda g: -step * g, grads))
    assert loss(smaller, xs) < value


def test_a_scan_over_steps_written_by_the_user(net, xs):
    def step(state, x):
        y, state = net(x, state)
        return state, y

    end, ys = jax.lax.scan(step, net.init_state((5,)), xs)
    close((ys, end), net.run(xs))
