"""Dtypes and devices on which the reproducible mode cannot give the same bits are refused."""

from __future__ import annotations

import nir
import numpy as np
import pytest
import torch

import nirx
import nirx_jax
import nirx_torch
from support.agreement import assert_bits
from support.graphs import chain
from support.running import precision

RULE = nirx.Discretization(dt=1e-3)


@pytest.fixture
def graph():
    one = np.ones(2)
    nodes = {"fc": nir.Linear(np.ones((2, 2))), "li": nir.LI(one / 128, one, 0 * one)}
    return chain(nodes, 2, 2)


@pytest.fixture
def net(graph):
    return nirx_torch.from_nir(graph, RULE, reproducible=True)


@pytest.mark.parametrize(
    ("method", "dtype"), [("bfloat16", torch.bfloat16), ("half", torch.float16)]
)
def test_narrow_dtypes_on_torch(net, method, dtype):
    narrow = getattr(net, method)()
    x = torch.ones((3, 1, 2), dtype=dtype)
    with pytest.raises(nirx.UnsupportedError, match=str(dtype).rpartition(".")[2]):
        narrow.run(x)
    with pytest.raises(nirx.UnsupportedError, match="float32 or float64"):
        narrow(x[0])
    with pytest.raises(nirx.UnsupportedError, match="reproducible"):
        narrow.init_state((1,))


def test_fast_mode_still_runs_in_bfloat16(graph):
    net = nirx_torch.from_nir(graph, RULE).bfloat16()
    assert net.run(torch.ones((3, 1, 2), dtype=torch.bfloat16))[0].dtype == torch.bfloat16


def test_a_network_may_be_cast_to_bfloat16_and_back(net):
    x = torch.ones((3, 1, 2))
    expected = net.run(x)[0]
    net.bfloat16()
    net.float()
    assert torch.equal(net.run(x)[0], expected)


def test_double_on_torch_becomes_the_float64_network(net, graph):
    net.double()
    ys = net.run(torch.ones((3, 1, 2), dtype=torch.float64))[0]
    own = nirx_torch.from_nir(graph, RULE, "float64", reproducible=True)
    with torch.no_grad():
        for a, b in zip(net.parameters(), own.parameters(), strict=True):
            b.copy_(a)
    assert_bits(ys, own.run(torch.ones((3, 1, 2), dtype=torch.float64))[0])


@pytest.mark.parametrize("device", ["mps", "xla", "hpu"])
def test_devices_without_float64(device):
    from nirx.execution.node_surrogates import resolve_surrogate
    from nirx_torch.reproducible import ReproducibleTorchOps

    rule = resolve_surrogate("superspike")
    with pytest.raises(nirx.UnsupportedError, match=device):
        ReproducibleTorchOps(torch.float32, torch.device(device), rule, False)
    ReproducibleTorchOps(torch.float32, torch.device("cpu"), rule, False)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "int32"])
def test_other_dtypes_are_refused_by_from_nir(graph, backend, dtype):
    with pytest.raises(nirx.NirxError, match=dtype):
        nirx.from_nir(graph, backend, RULE, dtype, reproducible=True)


def test_float64_on_jax_needs_x64(graph):
    with precision("jax", "float32"):
        with pytest.raises(nirx.UnsupportedError, match="x64"):
            nirx_jax.from_nir(graph, RULE, "float64", reproducible=True)
        with precision("jax", "float64"):
            net = nirx_jax.from_nir(graph, RULE, "float64", reproducible=True)
        with pytest.raises(nirx.UnsupportedError, match="x64"):
            net.run(np.ones((3, 1, 2), np.float32))


def test_a_narrow_jax_network_is_refused(graph):
    """There is no .bfloat16() here; leaves of another dtype come from jax.tree.map."""
    import jax
    import jax.numpy as jnp

    net = nirx_jax.from_nir(graph, RULE, reproducible=True)
    narrow = jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), net)
    with pytest.raises(nirx.NirxError):
        narrow.run(jnp.ones((3, 1, 2), jnp.bfloat16))


def test_an_input_of_another_dtype(graph, backend):
    net = nirx.from_nir(graph, backend, RULE, reproducible=True)
    with pytest.raises(nirx.InputError, match="float64"):
        net.run(np.ones((3, 1, 2)))
