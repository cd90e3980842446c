"""The network as a pytree: its array leaves are the parameters, all else is static."""

from __future__ import annotations

import copy
import io
import pickle

import equinox as eqx
import jax
import jax.numpy as jnp
import nir
import numpy as np
import pytest

import nirx_jax
from support.graphs import chain


@pytest.fixture
def net(loop, rule):
    return nirx_jax.from_nir(loop, rule)


@pytest.fixture
def xs():
    return np.random.default_rng(0).random((9, 2, 3), np.float32)


def test_the_leaves_are_exactly_the_parameters(net, loop):
    expected = {
        (name, key): np.asarray(value)
        for name, node in loop.nodes.items()
        for key, value in vars(node).items()
        if isinstance(value, np.ndarray) and value.dtype.kind == "f"
    }
    leaves = jax.tree.leaves(net)
    assert len(leaves) == len(expected) == 11
    assert all(isinstance(leaf, jax.Array) and leaf.dtype == jnp.float32 for leaf in leaves)
    for (name, key), value in expected.items():
        assert np.array_equal(getattr(net.nodes[name], key), value), (name, key)


def test_a_missing_parameter_is_an_attribute_error(net):
    assert not hasattr(net.nodes["lif"], "tau_mem")


def test_tree_at_changes_one_parameter(net, xs):
    other = eqx.tree_at(lambda n: n.nodes["li"].v_leak, net, replace_fn=lambda v: v + 1)
    assert not np.array_equal(other.run(xs)[0], net.run(xs)[0])
    assert np.array_equal(other.nodes["lif"].tau, net.nodes["lif"].tau)


def test_flatten_and_unflatten_give_the_same_network(net, xs):
    leaves, structure = jax.tree.flatten(net)
    again = jax.tree.unflatten(structure, leaves)
    assert eqx.tree_equal(again, net)
    assert np.array_equal(again.run(xs)[0], net.run(xs)[0])


def test_equal_graphs_give_equal_structures(loop, net, rule):
    turned = nir.NIRGraph(dict(reversed(loop.nodes.items())), loop.edges[::-1], type_check=False)
    other = nirx_jax.from_nir(turned, rule)
    assert jax.tree.structure(other) == jax.tree.structure(net)
    assert hash(jax.tree.structure(other)) == hash(jax.tree.structure(net))
    assert jax.tree.structure(
        nirx_jax.from_nir(loop, rule, detach_reset=True)
    ) != jax.tree.structure(net)


def test_serialised_leaves_come_back(net, loop, rule, xs):
    stream = io.BytesIO()
    eqx.tree_serialise_leaves(stream, net)
    stream.seek(0)
    like = jax.tree.map(lambda leaf: 0 * leaf, nirx_jax.from_nir(loop, rule))
    again = eqx.tree_deserialise_leaves(stream, like)
    assert eqx.tree_equal(again, net)
    assert np.array_equal(again.run(xs)[0], net.run(xs)[0])


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda n: pickle.loads(pickle.dumps(n))])
def test_copies_run(copied, net, xs):
    again = copied(net)
    assert eqx.tree_equal(again, net)
    assert np.array_equal(again.run(xs)[0], net.run(xs)[0])


def test_the_graph_and_the_network_share_nothing(loop, net, rule):
    before = np.array(net.nodes["fc"].bias)
    loop.nodes["fc"].bias[:] = 7
    assert np.array_equal(net.nodes["fc"].bias, before)


@pytest.mark.parametrize("dtype", ["<f4", ">f4", ">f8", "f2", "longdouble", "i4", "u2", "?"])
def test_parameters_of_any_numeric_dtype_are_taken(dtype, rule):
    scale = np.array([1, 0, 1]).astype(dtype)
    net = nirx_jax.from_nir(chain({"s": nir.Scale(scale)}, 3, 3), rule)
    assert net.nodes["s"].scale.dtype == jnp.float32
    assert net(jnp.full((3,), 2.5))[0].tolist() == [2.5, 0.0, 2.5]
