"""The inputs that a network accepts, and how it refuses all others."""

# nir's and torch's own annotations are narrower than what both accept and give.
# pyright: reportArgumentType=false

from __future__ import annotations

import nir
import numpy as np
import pytest
import torch

import nirx
import nirx_torch


@pytest.fixture
def net(loop, rule):
    return nirx_torch.from_nir(loop, rule)


@pytest.mark.parametrize(
    "dtype", [torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64]
)
def test_bool_and_integer_tensors_are_cast(dtype, net):
    spikes = torch.tensor([[1, 0, 1], [0, 1, 1]]).to(dtype)
    ys, _ = net.run(spikes)
    assert ys.dtype is torch.float32
    assert torch.equal(ys, net.run(spikes.float())[0])


@pytest.mark.parametrize("dtype", ["float32", "bool", "int64", "uint8"])
def test_numpy_arrays_are_taken(dtype, net):
    spikes = np.array([[1, 0, 1], [0, 1, 1]]).astype(dtype)
    assert torch.equal(net.run(spikes)[0], net.run(torch.from_numpy(spikes).float())[0])


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16, torch.complex64])
def test_another_floating_dtype_is_refused(dtype, net):
    for call in (net, net.run):
        with pytest.raises(nirx.InputError, match=rf"'input' has dtype {dtype}.*torch\.float32"):
            call(torch.ones(2, 3).to(dtype))


def test_numpy_float64_is_refused_too(net):
    with pytest.raises(nirx.InputError, match=r"torch\.float64"):
        net(np.ones((2, 3)))


@pytest.mark.parametrize("shape", [(), (4,), (2, 4), (3, 2)])
def test_a_wrong_feature_shape_is_refused(shape, net):
    with pytest.raises(nirx.InputError, match=r"'input' has shape .*expected \[\*batch, 3\]"):
        net(torch.ones(shape))


def test_run_needs_a_time_axis(net):
    with pytest.raises(nirx.InputError, match="time"):
        net.run(torch.ones(3))


def test_another_device_is_refused(net):
    with pytest.raises(nirx.InputError, match="is on meta, the network on cpu"):
        net(torch.ones(2, 3, device="meta"))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda s: s["lif"].update(v=s["lif"]["v"].double()), r"lif\.v.*float64"),
        (lambda s: s["lif"].update(v=torch.zeros(3, 4)), r"lif\.v.*\(3, 4\).*\(2, 4\)"),
        (lambda s: s["lif"].update(v=torch.zeros(2, 5)), r"lif\.v.*\(2, 5\)"),
        (lambda s: s["lif"].update(v=torch.zeros(2, 4, device="meta")), r"lif\.v.*meta"),
        (lambda s: s["lif"].update(u=torch.zeros(2, 4)), "'lif' has 'u'"),
        (lambda s: s["lif"].pop("v"), "'lif' lacks 'v'"),
        (lambda s: s["lif"].pop("feedback"), r"'lif\.feedback' is missing"),
        (lambda s: s["lif"]["feedback"].update(w=torch.zeros(2, 9)), r"feedback.*\(2, 9\)"),
        (lambda s: s.pop("li"), "'li' is missing"),
        (lambda s: s.update(lid={}), "state has 'lid'; did you mean 'li"),
    ],
)
def test_a_wrong_state_is_refused_by_name(spoil, message, net):
    state = net.init_state((2,))
    spoil(state)
    with pytest.raises(nirx.InputError, match=message):
        net(torch.ones(2, 3), state)


def test_a_state_of_another_kind_is_refused(net):
    with pytest.raises(nirx.InputError, match="state is a Tensor"):
        net(torch.ones(2, 3), torch.zeros(2, 4))


@pytest.mark.parametrize("chunk", [0, -1, 2.0, True])
def test_a_wrong_chunk_is_refused(chunk, net):
    with pytest.raises(nirx.InputError, match="chunk="):
        net.run(torch.ones(2, 3), chunk=chunk)


def test_several_inputs_take_a_dict(rule):
    port = nir.Input(np.array([2]))
    nodes = {"a": port, "b": nir.Input(np.array([2])), "output": nir.Output(np.array([2]))}
    graph = nir.NIRGraph(nodes, [("a", "output"), ("b", "output")], type_check=False)
    net = nirx_torch.from_nir(graph, rule)
    one, two = torch.ones(2), torch.full((2,), 2)
    assert net({"b": two, "a": one})[0].tolist() == [3.0, 3.0]
    with pytest.raises(nirx.InputError, match=r"\['a', 'b'\]"):
        net(one)
    with pytest.raises(nirx.InputError, match="nothing given for Input 'b'"):
        net({"a": one})
    with pytest.raises(nirx.InputError, match="no Input 'c'"):
        net({"a": one, "b": two, "c": two})
    with pytest.raises(nirx.InputError, match=r"leading axes \(3,\)"):
        net({"a": one, "b": torch.ones(3, 2)})
