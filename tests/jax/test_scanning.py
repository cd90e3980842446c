"""Loops of few rows: their gradients of weights are computed after the loop, and are the same."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import nir
import numpy as np
import pytest

import nirx
import nirx_jax
from nirx_jax import scanning
from support.graphs import line, make_graph, varied_lif

RULE = nirx.Discretization(dt=1e-3)
SIZE = 5
LOOP = ("there", "back")


def weight(seed):
    return nir.Linear(np.random.default_rng(seed).normal(size=(SIZE, SIZE)))


def looped():
    """Two products in one loop; what the second multiplies also leaves it."""
    nodes = {
        "fc": weight(1),
        "a": varied_lif(SIZE),
        "b": varied_lif(SIZE),
        "there": weight(2),
        "back": weight(3),
    }
    edges = [*line("input", "fc", "a", "there", "b", "back", "a"), ("b", "output")]
    return make_graph(edges, SIZE, **nodes)


@pytest.fixture(scope="module", autouse=True)
def _float64():
    with jax.enable_x64(True):
        yield


@pytest.fixture(scope="module")
def net(_float64):
    return nirx_jax.from_nir(looped(), RULE, surrogate="arctan", dtype="float64")


def inputs(*shape):
    return jnp.asarray(np.random.default_rng(4).random((12, *shape, SIZE)))


def loss(net, xs, **options):
    ys, state = net.run(xs, **options)
    return (ys * jnp.arange(1.0, SIZE + 1)).sum() + (state["a"]["v"] ** 2).sum()


def unchanged(call, monkeypatch):
    """What a call gives where every loop is left as it is."""
    with monkeypatch.context() as patch:
        patch.setattr(scanning, "MOST_ROWS", 0)
        jax.clear_caches()
        found = call()
    jax.clear_caches()
    return found


def close(a, b):
    jax.tree.map(lambda p, q: np.testing.assert_allclose(p, q, rtol=1e-12, atol=1e-13), a, b)


@pytest.mark.parametrize("batch", [(), (1,), (16,), (2, 3)], ids=str)
@pytest.mark.parametrize("chunk", [None, 1])
def test_gradients_are_those_of_the_plain_loop(net, batch, chunk, monkeypatch):
    xs = inputs(*batch)

    def both():
        return jax.grad(loss, (0, 1))(net, xs, chunk=chunk)

    expected = unchanged(both, monkeypatch)
    assert all(np.any(leaf) for leaf in jax.tree.leaves(expected[0].nodes["back"]))
    close(both(), expected)


@pytest.mark.parametrize(
    "form", ["jvp", "per sample", "second", "forward over reverse", "checkpoint"]
)
def test_every_transformation_of_jax(net, form, monkeypatch):
    xs = inputs(3)

    def along(weights):
        """The loss with these weights of the loop."""
        changed = eqx.tree_at(lambda n: [n.nodes[name].weight for name in LOOP], net, weights)
        return loss(changed, xs, checkpoint=form == "checkpoint")

    def find():
        own = [net.nodes[name].weight for name in LOOP]
        ones = jax.tree.map(jnp.ones_like, own)
        if form == "jvp":
            return jax.jvp(along, (own,), (ones,))
        if form == "forward over reverse":
            return jax.jvp(jax.grad(along), (own,), (ones,))
        if form == "per sample":
            return jax.vmap(jax.grad(loss), in_axes=(None, 1))(net, xs)
        if form == "second":
            return jax.grad(lambda w: sum((g**2).sum() for g in jax.grad(along)(w)))(own)
        return jax.grad(along)(own)

    found = find()
    assert any(np.any(leaf) for leaf in jax.tree.leaves(found))
    close(found, unchanged(find, monkeypatch))


def carried(jaxpr):
    """The shapes that the loops of a program carry from step to step."""
    for eqn in jaxpr.eqns:
        if eqn.primitive.name == "scan":
            first = eqn.params["num_consts"]
            count = eqn.params["num_carry"]
            yield from (v.aval.shape for v in eqn.invars[first : first + count])
        for value in eqn.params.values():
            inner = getattr(value, "jaxpr", value)
            if hasattr(inner, "eqns"):
                yield from carried(inner)


@pytest.mark.parametrize(("rows", "adds_up"), [(scanning.MOST_ROWS, False), (17, True)])
def test_no_loop_of_few_rows_adds_up_the_gradient_of_a_weight(net, rows, adds_up):
    xs = inputs(rows)
    program = jax.make_jaxpr(jax.grad(loss))(net, xs).jaxpr
    assert ((SIZE, SIZE) in set(carried(program))) == adds_up


def test_large_weights_are_transposed_before_the_loop(net, monkeypatch):
    monkeypatch.setattr(scanning, "WORTH_TRANSPOSING", 0)
    jax.clear_caches()
    found = net.run(inputs(1))
    close(found, unchanged(lambda: net.run(inputs(1)), monkeypatch))


def test_no_tracer_is_kept(net):
    xs = inputs(2)
    with jax.checking_leaks():
        jax.grad(loss)(net, xs)
