"""float64 and JAX's x64 mode: never a silent float32."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import nir
import numpy as np
import pytest

import nirx
import nirx_jax
from support.graphs import chain


def test_float64_with_x64_off_is_refused_with_a_suggested_fix(loop, rule):
    with pytest.raises(nirx.UnsupportedError, match=r'update\("jax_enable_x64", True\)'):
        nirx_jax.from_nir(loop, rule, dtype="float64")


@pytest.mark.slow
def test_float64_with_x64_on(loop, rule):
    with jax.enable_x64(True):
        net = nirx_jax.from_nir(loop, rule, dtype="float64")
        ys, state, rec = net.run(np.ones((5, 2, 3)), record="all")
        dtypes = {a.dtype for a in jax.tree.leaves((net, ys, state, rec, net.init_state(2)))}
    assert dtypes == {np.dtype(np.float64)}


def test_float64_parameters_are_not_rounded(rule):
    graph = chain({"s": nir.Scale(np.array([1 / 3]))}, 1, 1)
    with jax.enable_x64(True):
        net = nirx_jax.from_nir(graph, rule, dtype="float64")
        assert float(net.nodes["s"].scale[0]) == 1 / 3
        assert float(net(np.ones(1))[0][0]) == 1 / 3


def test_float32_stays_float32_with_x64_on(loop, rule):
    xs = np.random.default_rng(2).random((5, 3), np.float32)
    expected = nirx_jax.from_nir(loop, rule).run(xs)[0]
    with jax.enable_x64(True):
        net = nirx_jax.from_nir(loop, rule)
        ys, state = net.run(xs)
        assert {a.dtype for a in jax.tree.leaves((net, ys, state))} == {np.dtype(np.float32)}
        np.testing.assert_allclose(ys, expected, rtol=1e-6)
        with pytest.raises(nirx.InputError, match="float64"):
            net.run(jnp.asarray(xs, jnp.float64))


def test_a_float64_network_outside_x64_never_computes_in_float32(loop, rule):
    with jax.enable_x64(True):
        net = nirx_jax.from_nir(loop, rule, dtype="float64")
    for call in (net, net.run):
        with pytest.raises(nirx.UnsupportedError, match="x64"):
            call(np.ones((2, 3)))
    with pytest.raises(nirx.UnsupportedError, match="x64"):
        net.init_state(())


def test_the_backend_enters_x64_by_itself(loop, rule):
    xs = np.random.default_rng(3).random((20, 2, 3))
    comparison = nirx.compare(loop, xs, ("numpy", "jax"), discretization=rule, dtype="float64")
    assert comparison.agree
    assert comparison.recordings["jax"]["li.v"].dtype == np.float64
    assert jnp.zeros(1).dtype == jnp.float32, "and leaves it again"
