"""Gradients in reproducible mode: close to those of fast mode, with the same forward bits."""

# nir's and torch's own annotations are narrower than what both accept and give.
# pyright: reportArgumentType=false

from __future__ import annotations

import jax
import jax.numpy as jnp
import nir
import numpy as np
import pytest
import torch

import nirx
import nirx_jax
import nirx_torch
from support.agreement import assert_bits
from support.graphs import chain
from support.running import Reproducible

RULE = nirx.Discretization(dt=1e-3)
MULTI = nirx.Discretization(dt=1e-3, spikes="multi", reset="subtract", max_spikes=4)


def lif(n):
    one = np.linspace(0.9, 1.1, n)
    return nir.LIF(5e-3 * one, 2 * one, 0.02 * one, 0.2 * one, -0.05 * one)


def graphs():
    rng = np.random.default_rng(0)
    one = np.ones(4)
    cuba = nir.CubaLIF(4e-3 * one, 8e-3 * one, 2 * one, 0 * one, 0.1 * one, 0 * one, one)
    loop = chain(
        {
            "fc": nir.Affine(rng.normal(size=(4, 3)), one / 3),
            "lif": lif(4),
            "out": nir.Linear(0.3 * rng.normal(size=(4, 4))),
        },
        3,
        4,
    )
    loop.nodes["back"] = nir.Linear(rng.normal(size=(4, 4)))
    loop.edges += [("lif", "back"), ("back", "lif")]
    images = {
        "conv": nir.Conv2d(None, rng.normal(size=(2, 1, 2, 2)), 1, 1, 1, 1, np.ones(2)),
        "pool": nir.AvgPool2d(np.array([2, 2]), np.array([2, 2]), np.array([0, 0])),
    }
    conv1 = {"conv": nir.Conv1d(None, rng.normal(size=(4, 1, 2)), 2, 0, 1, 2, np.ones(4))}
    return {
        "linear": (chain({"fc": nir.Linear(rng.normal(size=(4, 3)))}, 3, 4), RULE, (3,)),
        "batched": (
            chain({"fc": nir.Linear(rng.normal(size=(2, 4, 3)))}, (2, 3), (2, 4)),
            RULE,
            (2, 3),
        ),
        "conv1d": (chain(conv1, (2, 6), (4, 3)), RULE, (2, 6)),
        "conv2d": (chain(images, (1, 3, 3), (2, 2, 2)), RULE, (1, 3, 3)),
        "recurrent": (loop, RULE, (3,)),
        "multi-spike": (
            chain({"fc": nir.Linear(3 * rng.random((4, 3))), "n": cuba}, 3, 4),
            MULTI,
            (3,),
        ),
    }


NAMES = ("linear", "batched", "conv1d", "conv2d", "recurrent", "multi-spike")


def torch_gradients(graph, rule, xs, reproducible):
    net = nirx_torch.from_nir(graph, rule, reproducible=reproducible)
    given = torch.from_numpy(xs).requires_grad_()
    ys, _ = net.run(given)
    (ys**2).sum().backward()
    found = {
        name: np.zeros(p.shape, np.float32) if p.grad is None else p.grad.numpy()
        for name, p in net.named_parameters()
    }
    assert given.grad is not None
    return {**found, "input": given.grad.numpy()}, ys.detach().numpy()


def jax_gradients(graph, rule, xs, reproducible):
    net = nirx_jax.from_nir(graph, rule, reproducible=reproducible)

    def loss(net, xs):
        ys, _ = net.run(xs)
        return (ys**2).sum(), ys

    (to_net, to_input), ys = jax.grad(loss, argnums=(0, 1), has_aux=True)(net, jnp.asarray(xs))
    found = {
        f"{name}.{key}": np.asarray(value)
        for name, module in to_net.nodes.items()
        for key, value in module.arrays.items()
    }
    return {**found, "input": np.asarray(to_input)}, np.asarray(ys)


GRADIENTS = {"torch": torch_gradients, "jax": jax_gradients}


def signal(shape, steps=15, batch=2):
    return np.random.default_rng(1).normal(size=(steps, batch, *shape)).astype(np.float32)


def close(found, expected):
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        scale = np.abs(value).max(initial=0)
        np.testing.assert_allclose(found[key], value, rtol=1e-4, atol=1e-4 * scale, err_msg=key)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name in ("linear", "recurrent") else pytest.mark.exhaustive)
        for name in NAMES
    ],
)
@pytest.mark.parametrize("library", GRADIENTS)
def test_close_to_fast_mode_with_the_same_forward_bits(name, library):
    graph, rule, shape = graphs()[name]
    xs = signal(shape)
    found, ys = GRADIENTS[library](graph, rule, xs, True)
    expected, fast = GRADIENTS[library](graph, rule, xs, False)
    assert (ys != 0).any()
    assert_bits(ys, Reproducible("numpy", graph, rule).run(xs)[0], library)
    np.testing.assert_allclose(ys, fast, rtol=1e-4, atol=1e-5)
    close(found, expected)
    for key in found:
        assert found[key].any() or key.endswith("v_reset"), key


@pytest.mark.slow
@pytest.mark.parametrize("library", GRADIENTS)
def test_a_parameter_that_is_zero_has_its_gradient(library):
    """Otherwise a parameter that starts at zero could never be trained."""
    one = np.ones(3)
    nodes = {
        "fc": nir.Affine(np.diag([0.5, 0.0, -0.5]), 0 * one),
        "li": nir.LI(5e-3 * one, one, 0 * one),
    }
    graph, xs = chain(nodes, 3, 3), signal((3,))
    found, _ = GRADIENTS[library](graph, RULE, xs, True)
    expected, _ = GRADIENTS[library](graph, RULE, xs, False)
    for key in ("fc.weight", "fc.bias", "li.v_leak"):
        assert (expected[key] != 0).sum() >= 2
    close(found, expected)


@pytest.mark.slow
@pytest.mark.exhaustive
def test_grad_of_vmap_and_vmap_of_grad():
    graph, rule, shape = graphs()["recurrent"]
    net = nirx_jax.from_nir(graph, rule, reproducible=True)
    xs = jnp.asarray(signal(shape, batch=3))

    def loss(net, x):
        return (net.run(x)[0] ** 2).sum()

    whole = jax.grad(loss)(net, xs)
    mapped = jax.grad(lambda net: jax.vmap(loss, (None, 1))(net, xs).sum())(net)
    each = jax.vmap(jax.grad(loss), (None, 1))(net, xs)
    for a, b, c in zip(*map(jax.tree.leaves, (whole, mapped, each)), strict=True):
        scale = float(jnp.abs(a).max())
        np.testing.assert_allclose(b, a, rtol=1e-4, atol=1e-4 * scale)
        np.testing.assert_allclose(c.sum(0), a, rtol=1e-4, atol=1e-4 * scale)


@pytest.mark.slow
def test_a_training_step_under_jit_and_scan():
    graph, rule, shape = graphs()["recurrent"]
    net = nirx_jax.from_nir(graph, rule, reproducible=True)
    xs = jnp.asarray(signal(shape, steps=12)).reshape(3, 4, 2, 3)

    def loss(net):
        _, ys = jax.lax.scan(lambda s, x: net.run(x, s)[::-1], net.init_state((2,)), xs)
        return (ys**2).sum()

    def plain(net):
        return (net.run(xs.reshape(12, 2, 3))[0] ** 2).sum()

    found, expected = jax.jit(jax.grad(loss))(net), jax.grad(plain)(net)
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4 * float(jnp.abs(b).max()))
    assert any(leaf.any() for leaf in jax.tree.leaves(found))
