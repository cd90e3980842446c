"""The network runs on the device and in the dtype of its parameters."""

# nir's and torch's own annotations are narrower than what both accept and give.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import nir
import numpy as np
import pytest
import torch

import nirx
import nirx_torch
from support.graphs import chain


def leaves(tree):
    return [leaf for v in tree.values() for leaf in (leaves(v) if isinstance(v, dict) else [v])]


@pytest.mark.parametrize("dtype", ["float32", "float64", torch.float32, torch.float64])
def test_dtype_is_that_of_parameters_outputs_and_state(dtype, loop, rule):
    net = nirx_torch.from_nir(loop, rule, dtype=dtype)
    kind = getattr(torch, dtype) if isinstance(dtype, str) else dtype
    ys, state = net.run(torch.ones(3, 2, 3, dtype=kind))
    found = {t.dtype for t in (*net.parameters(), ys, *leaves(state), *leaves(net.init_state(2)))}
    assert found == {kind}


def test_double_and_float_move_the_whole_network(loop, rule):
    net = nirx_torch.from_nir(loop, rule)
    exact = nirx_torch.from_nir(loop, rule, dtype="float64")
    xs = torch.rand((9, 3), dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    assert torch.equal(net.double().run(xs)[0], exact.run(xs)[0])
    assert net.float().run(xs.float())[0].dtype is torch.float32
    with pytest.raises(nirx.InputError, match="float64"):
        net.run(xs)


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16])
def test_half_precision_runs_in_fast_mode_only(kind, loop, rule):
    net = nirx_torch.from_nir(loop, rule, dtype=kind)
    ys, state = net.run(torch.ones((5, 2, 3), dtype=kind))
    assert ys.dtype is kind
    assert {leaf.dtype for leaf in leaves(state)} == {kind}
    with pytest.raises(nirx.UnsupportedError, match="float16"):
        nirx_torch.from_nir(loop, rule, dtype=kind, reproducible=True)


def test_the_meta_device_gives_shapes_without_numbers(loop, rule):
    net = nirx_torch.from_nir(loop, rule, device="meta")
    assert {p.device.type for p in net.parameters()} == {"meta"}
    ys, state = net.run(torch.ones(5, 2, 3, device="meta"))
    assert (ys.shape, ys.device.type) == ((5, 2, 4), "meta")
    assert {(leaf.shape, leaf.device.type) for leaf in leaves(state)} == {((2, 4), "meta")}


def test_a_network_without_parameters_moves_too(rule):
    graph = chain({"d": nir.Delay(np.array([1e-3, 3e-3]))}, 2, 2)
    net = nirx_torch.from_nir(graph, rule).double()
    assert net.init_state(())["d"]["buffer"].dtype is torch.float64
    assert net.run(torch.ones(4, 2, dtype=torch.float64))[0].dtype is torch.float64
    on_meta = net.to("meta")
    ys, state = on_meta.run(torch.ones(4, 2, device="meta", dtype=torch.float64))
    assert ys.device.type == state["d"]["buffer"].device.type == "meta"


@pytest.mark.parametrize("dtype", ["<f4", ">f4", ">f8", "f2", "longdouble", "i4", "u2", "?"])
def test_parameters_of_any_numeric_dtype_are_taken(dtype, rule):
    scale = np.array([1, 0, 1]).astype(dtype)
    net = nirx_torch.from_nir(chain({"s": nir.Scale(scale)}, 3, 3), rule)
    assert net.s.scale.dtype is torch.float32
    assert net(torch.full((3,), 2.5))[0].tolist() == [2.5, 0.0, 2.5]


def test_parameters_with_odd_strides_are_taken(rule):
    weight = np.arange(24, dtype=np.float32).reshape(4, 6)[::-1, ::2]
    net = nirx_torch.from_nir(chain({"w": nir.Linear(weight)}, 3, 4), rule)
    assert torch.equal(net(torch.eye(3))[0], torch.from_numpy(weight.T.copy()))
