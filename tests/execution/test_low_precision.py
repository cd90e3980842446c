"""bfloat16 and float16 networks, torch.autocast, and what `compare` says of them."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import nir
import numpy as np
import pytest
import torch

import nirx
from support.graphs import chain, numbers, recurrent, varied_lif

RULE = nirx.Discretization(dt=1e-3)

XS = np.random.default_rng(0).random((40, 2, 3)).astype(np.float32)


def convolved() -> nir.NIRGraph:
    nodes = {
        "conv": nir.Conv1d(7, numbers(2, 3, 3), 2, 1, 1, 1, numbers(2)),
        "flat": nir.Flatten({"input": np.array([2, 4])}, 0, -1),
        "fc": nir.Linear(numbers(4, 8)),
        "lif": varied_lif(),
    }
    return chain(nodes, (3, 7), 4)


GRAPHS = {"recurrent": (recurrent, (3,)), "convolved": (convolved, (3, 7))}


def leaves(tree: Any) -> list[Any]:
    return jax.tree.leaves(tree)


@pytest.mark.parametrize("checkpoint", [False, True])
@pytest.mark.parametrize("execution", ["plain", "fused"])
@pytest.mark.parametrize("name", GRAPHS)
def test_autocast_keeps_the_dtype_of_the_network(name, execution, checkpoint):
    make, takes = GRAPHS[name]
    net: Any = nirx.from_nir(make(), "torch", RULE, execution=execution)
    xs = torch.rand((40, 2, *takes), generator=torch.Generator().manual_seed(0)).requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = net.run(xs, record="all", checkpoint=checkpoint)
        y, state = net(xs[0])
    assert {leaf.dtype for leaf in leaves((found, y, state))} == {torch.float32}
    found[0].sum().backward()
    for parameter in (xs, *net.parameters()):
        assert parameter.grad is not None
        assert parameter.grad.dtype == torch.float32
        assert torch.isfinite(parameter.grad).all()


def test_autocast_reduces_products_but_not_in_reproducible_mode():
    differ = []
    for reproducible in (False, True):
        net = nirx.from_nir(convolved(), "torch", RULE, reproducible=reproducible)
        xs = torch.rand((40, 2, 3, 7), generator=torch.Generator().manual_seed(0))
        plain = net.run(xs, record=["fc"])
        with torch.autocast("cpu", dtype=torch.bfloat16):
            found = net.run(xs, record=["fc"])
        differ.append(not torch.equal(plain[2]["fc"], found[2]["fc"]))
    assert differ == [True, False]


def test_autocast_of_users_modules():
    node_map = {nir.Linear: lambda node: torch.nn.Linear(4, 4)}
    net = nirx.from_nir(recurrent(), "torch", RULE, node_map=node_map)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = net.run(torch.from_numpy(XS), record="all")
    assert {leaf.dtype for leaf in leaves(found)} == {torch.float32}


def test_jax_in_bfloat16():
    net = nirx.from_nir(recurrent(), "jax", RULE, "bfloat16")
    arrays, static = eqx.partition(net, eqx.is_inexact_array)

    @jax.jit
    @jax.grad
    def gradient(arrays: Any, xs: Any) -> Any:
        found = eqx.combine(arrays, static).run(xs, record="all", checkpoint=True)
        assert {leaf.dtype for leaf in leaves(found)} == {np.dtype(jnp.bfloat16)}
        return found[0].astype("float32").sum()

    for g in leaves(gradient(arrays, jnp.asarray(XS, jnp.bfloat16))):
        assert g.dtype == jnp.bfloat16
        assert jnp.isfinite(g).all()


@pytest.mark.parametrize("backend", ["numpy", "torch", "jax"])
def test_low_precision_is_refused_where_there_is_none(backend):
    options: Any = {} if backend == "numpy" else {"reproducible": True}
    with pytest.raises(nirx.UnsupportedError, match=r"dtype='bfloat16'; nirx runs in float32 or"):
        nirx.from_nir(recurrent(), backend, RULE, "bfloat16", **options)


def silent_until(step: int) -> Any:
    """One neuron that spikes where bfloat16 has long rounded its input away."""
    return chain({"if": nir.IF(np.ones(1), np.array([step - 0.5]), np.zeros(1))}, 1)


def test_compare_says_what_low_precision_does_to_spikes():
    xs = np.ones((600, 1), np.float32)
    dtypes = ["float32", "bfloat16", "float16"]
    rule = nirx.Discretization(dt=1.0)
    found = nirx.compare(silent_until(300), xs, ["torch"] * 3, discretization=rule, dtype=dtypes)
    # bfloat16 has 8 bits: 256 + 1 is 256, so that the neuron never spikes
    low, half = found.others
    assert (found.reference, low.backend, half.backend) == tuple(f"torch {d}" for d in dtypes)
    assert low.spike_mismatches == 2, "steps 299 and 599"
    assert half.spike_mismatches == 0
    assert low.first_divergence is not None
    assert low.first_divergence.step < 299, "the membrane, before the spike"
    assert found.rates["torch float32"]["if"] == pytest.approx(2 / 600)
    assert found.rates["torch bfloat16"]["if"] == 0
    assert found.tolerance == 5e-2


def test_compare_in_several_dtypes_on_several_backends():
    backends = ["numpy", "torch", "jax", "jax"]
    dtypes = ("float64", "float32", "float64", "bfloat16")
    found = nirx.compare(recurrent(), XS, backends, discretization=RULE, dtype=dtypes)
    assert [o.backend for o in found.others] == ["torch float32", "jax float64", "jax bfloat16"]
    errors = [max(n.max_error for n in o.nodes) for o in found.others]
    assert errors[1] < 1e-12 < errors[0] < errors[2]


def test_compare_wants_a_dtype_for_every_backend():
    with pytest.raises(nirx.InputError, match=r"dtype names 1 dtypes for 2 backends"):
        nirx.compare(recurrent(), XS, ["torch", "jax"], discretization=RULE, dtype=["float32"])
    with pytest.raises(nirx.UnsupportedError, match=r"dtype='float8'"):
        nirx.compare(recurrent(), XS, ["torch", "jax"], discretization=RULE, dtype="float8")
