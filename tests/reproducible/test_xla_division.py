"""x/C under XLA, which turns a division by a constant into a product with its reciprocal."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import nir
import numpy as np
import pytest
import torch

import nirx
from nirx.execution.node_surrogates import resolve_surrogate
from nirx.execution.numpy_reproducible import ReproducibleNumpyOps
from nirx_jax.reproducible import ReproducibleJaxOps
from nirx_torch.reproducible import ReproducibleTorchOps
from support.agreement import assert_bits
from support.graphs import chain
from support.running import Reproducible, precision

SURROGATE = resolve_surrogate("superspike")
SIZES = (1, 2, 3, 7, 8, 64, 1000, 4096)


@pytest.fixture
def problems(dtype):
    """Pairs x, C of every size, C one number and one per element, and NumPy's x/C."""
    ops = ReproducibleNumpyOps(np.dtype(dtype))
    rng = np.random.default_rng(0)
    made = []
    for size in SIZES:
        x = ops.use(rng.normal(size=size).astype(dtype))
        constants = np.asarray(3.0, dtype), rng.uniform(0.1, 3.3, size).astype(dtype)
        made += [(x, c, ops.div(x, c)) for c in constants]
    return made


def jax_ops(dtype):
    return ReproducibleJaxOps(dtype, SURROGATE, False)


def scanned(ops, x, c):
    return jax.lax.scan(lambda carry, row: (carry, ops.div(row, c)), 0, x[None])[1][0]


def chosen(ops, x, c):
    return jax.lax.cond(x[0] < jnp.inf, lambda: ops.div(x, c), lambda: x)


def mapped(ops, x, c):
    in_axes = (0, 0) if c.ndim else (0, None)
    return jax.vmap(ops.div, in_axes)(x, c)


PLACES = {"jit": lambda ops, x, c: ops.div(x, c), "scan": scanned, "cond": chosen, "vmap": mapped}
PLACE_MARKS = {"jit": (), "scan": pytest.mark.slow}


@pytest.mark.slow
@pytest.mark.parametrize(
    "place",
    [pytest.param(p, marks=PLACE_MARKS.get(p, pytest.mark.exhaustive)) for p in PLACES],
)
@pytest.mark.parametrize(
    "closed",
    [
        pytest.param(False, id="passed", marks=pytest.mark.exhaustive),
        pytest.param(True, id="closed"),
    ],
)
@pytest.mark.sampled(3)
def test_a_division_by_a_constant(place, closed, dtype, problems):
    with precision("jax", dtype):
        for x, c, expected in problems:
            constant = jnp.asarray(c)
            if closed:
                own = jax.jit(lambda x, c=constant: PLACES[place](jax_ops(dtype), x, c))
                found = own(jnp.asarray(x))
            else:
                whole = jax.jit(lambda x, c: PLACES[place](jax_ops(dtype), x, c))
                found = whole(jnp.asarray(x), constant)
            assert_bits(found, expected, f"{place} x/{c.shape}, {x.shape}")


def test_torch_divides(dtype, problems):
    ops = ReproducibleTorchOps(getattr(torch, dtype), torch.device("cpu"), SURROGATE, False)
    for x, c, expected in problems:
        found = ops.div(torch.from_numpy(np.array(x)), torch.from_numpy(np.array(c)))
        assert_bits(found, expected)


@pytest.mark.slow
@pytest.mark.parametrize("closed", [False, True], ids=["passed", "closed"])
def test_a_constant_over_a_parameter(closed, dtype):
    """dt/tau as a network computes it, with the network passed or closed over."""
    rng = np.random.default_rng(1)
    step = np.asarray(1e-4, dtype)
    with precision("jax", dtype):
        ops = jax_ops(dtype)

        def ratio(tau):
            return ops.div(ops.constant(step), ops.use(tau))

        for size in SIZES:
            tau = rng.uniform(1e-3, 1e-1, size).astype(dtype)
            given = jnp.asarray(tau)
            own = jax.jit(lambda given=given: ratio(given))() if closed else jax.jit(ratio)(given)
            assert_bits(own, step / tau, f"dt/tau of {size}")


@pytest.mark.slow
def test_a_network_of_many_time_constants_closed_over(dtype):
    tau = np.random.default_rng(2).uniform(2e-3, 1e-1, 1000)
    graph = chain({"li": nir.LI(tau, np.ones(1000), np.zeros(1000))}, 1000, 1000)
    rule = nirx.Discretization(dt=1e-3)
    xs = np.random.default_rng(3).normal(size=(5, 1000)).astype(dtype)
    expected = Reproducible("numpy", graph, rule, dtype).run(xs)[0]
    with precision("jax", dtype):
        net, given = Reproducible("jax", graph, rule, dtype).net, jnp.asarray(xs)
        assert_bits(jax.jit(lambda net, x: net.run(x)[0])(net, given), expected, "passed")
        assert_bits(jax.jit(lambda x: net.run(x)[0])(given), expected, "closed over")
        assert_bits(jax.jit(lambda: net.run(given)[0])(), expected, "all closed over")
