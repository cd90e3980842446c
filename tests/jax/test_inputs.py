"""The inputs that a network accepts, and how it refuses all others."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import nir
import numpy as np
import pytest
import torch

import nirx
import nirx_jax


@pytest.fixture
def net(loop, rule):
    return nirx_jax.from_nir(loop, rule)


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int8", "int16", "int32", "int64"])
def test_bool_and_integer_arrays_are_cast(dtype, net):
    spikes = np.array([[1, 0, 1], [0, 1, 1]]).astype(dtype)
    expected = net.run(spikes.astype(np.float32))[0]
    for given in (spikes, jnp.asarray(spikes.astype(np.int32)), spikes.tolist()):
        ys, _ = net.run(given)
        assert ys.dtype == jnp.float32
        assert np.array_equal(ys, expected)


@pytest.mark.parametrize("dtype", ["float64", "float16", "complex64"])
def test_another_numpy_dtype_is_refused(dtype, net):
    for call in (net, net.run):
        with pytest.raises(nirx.InputError, match=rf"input.* has dtype {dtype}"):
            call(np.ones((2, 3), dtype))


def test_another_jax_dtype_is_refused_under_jit_too(net):
    half = jnp.ones((2, 3), jnp.float16)
    for call in (net, jax.jit(lambda xs: net.run(xs))):
        with pytest.raises(nirx.InputError, match=r"float16.*float32"):
            call(half)


def test_a_float64_state_is_refused(net):
    state = nirx.state_to_numpy(net.init_state((2,)))
    state["lif"]["v"] = state["lif"]["v"].astype(np.float64)
    with pytest.raises(nirx.InputError, match="state 'lif/v' has dtype float64"):
        net(jnp.ones((2, 3)), state)


def test_a_numpy_state_of_the_right_dtype_is_taken(net):
    _, state = net.run(jnp.ones((4, 2, 3)))
    expected = net(jnp.ones((2, 3)), state)
    found = net(jnp.ones((2, 3)), nirx.state_to_numpy(state))
    jax.tree.map(lambda a, b: np.testing.assert_array_equal(a, b), found, expected)


def test_a_tensor_of_torch_is_converted_or_refused_but_never_remembered(net):
    x = torch.zeros(3)
    try:
        first = net(x)[1]["lif"]["v"]
    except nirx.InputError:
        return
    assert np.array_equal(first, net(np.zeros(3, np.float32))[1]["lif"]["v"])
    x += 1
    second = net(x)[1]["lif"]["v"]
    assert np.array_equal(second, net(np.ones(3, np.float32))[1]["lif"]["v"])


@pytest.mark.parametrize("shape", [(), (4,), (2, 4), (3, 2)])
def test_a_wrong_feature_shape_is_refused(shape, net):
    with pytest.raises(nirx.InputError, match=r"'input' has shape .*expected \[\*batch, 3\]"):
        net(jnp.ones(shape))


def test_run_needs_a_time_axis(net):
    with pytest.raises(nirx.InputError, match="time"):
        net.run(jnp.ones(3))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda s: s["lif"].update(v=jnp.zeros((3, 4))), r"lif\.v.*\(3, 4\).*\(2, 4\)"),
        (lambda s: s["lif"].update(v=jnp.zeros((2, 5))), r"lif\.v.*\(2, 5\)"),
        (lambda s: s["lif"].update(u=jnp.zeros((2, 4))), "'lif' has 'u'"),
        (lambda s: s["lif"].pop("v"), "'lif' lacks 'v'"),
        (lambda s: s["lif"].pop("feedback"), r"'lif\.feedback' is missing"),
        (lambda s: s.pop("li"), "'li' is missing"),
        (lambda s: s.update(lid={}), "state has 'lid'; did you mean 'li"),
    ],
)
def test_a_wrong_state_is_refused_by_name(spoil, message, net):
    state = net.init_state((2,))
    spoil(state)
    with pytest.raises(nirx.InputError, match=message):
        net(jnp.ones((2, 3)), state)


@pytest.mark.parametrize("chunk", [0, -1, 2.0, True])
def test_a_wrong_chunk_is_refused(chunk, net):
    with pytest.raises(nirx.InputError, match="chunk="):
        net.run(jnp.ones((2, 3)), chunk=chunk)


def test_several_inputs_and_outputs_are_dicts(rule):
    def port(kind):
        return kind(np.array([2]))

    nodes = {"b": port(nir.Input), "a": port(nir.Input), "y": port(nir.Output)}
    nodes["z"] = port(nir.Output)
    graph = nir.NIRGraph(nodes, [("a", "y"), ("b", "y"), ("b", "z")], type_check=False)
    net = nirx_jax.from_nir(graph, rule)
    ys, _ = net({"b": jnp.full(2, 2), "a": jnp.ones(2)})
    assert {name: y.tolist() for name, y in ys.items()} == {"y": [3.0, 3.0], "z": [2.0, 2.0]}
    with pytest.raises(nirx.InputError, match="nothing given for Input 'b'"):
        net({"a": jnp.ones(2)})
    with pytest.raises(nirx.InputError, match="no Input 'c'"):
        net({"a": jnp.ones(2), "b": jnp.ones(2), "c": jnp.ones(2)})


def test_input_and_state_are_not_mutated(net):
    xs = np.ones((5, 2, 3), np.float32)
    state = nirx.state_to_numpy(net.run(xs)[1])
    before = nirx.state_to_numpy(state)
    net.run(xs, state)
    net(xs[0], state)
    assert (xs == 1).all()
    jax.tree.map(lambda a, b: np.testing.assert_array_equal(a, b), state, before)
