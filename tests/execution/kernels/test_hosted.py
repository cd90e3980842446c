"""torch without gradients on the CPU: NumPy's operations on the tensors' memory."""

import copy
import pickle

import numpy as np
import pytest
import torch

import nirx
from nirx_conformance.benchmarks.networks import feed_forward
from nirx_torch import hosted
from support.agreement import assert_bits
from support.graphs import lif, line, make_graph
from support.kernels import loop_spikes, looped, pair


def spikes(dtype="float32", value=1.0):
    return (np.random.default_rng(1).random((40, 3, 30)) < 0.1).astype(dtype) * value


def nets(reproducible=True, **choices):
    return pair(feed_forward((30, 50, 70)), "float32", "torch", reproducible, dt=1e-3, **choices)


@pytest.mark.parametrize("guard", [torch.no_grad, torch.inference_mode])
def test_the_bits_of_the_steps(guard):
    plain, fused = nets()
    xs = torch.from_numpy(spikes())
    with guard():
        assert fused._hosted(xs, None) is not None
        assert plain._hosted(xs, None) is None
        expected, found = (net.run(xs, record="all") for net in (plain, fused))
        assert all(isinstance(a, torch.Tensor) for a in (found[0], *found[2].values()))
        assert_bits(found, expected)
        assert_bits(fused.run(xs, found[1], chunk=7), plain.run(xs, expected[1], chunk=7))


@pytest.mark.parametrize("value", [2.0, 0.5])
def test_inputs_that_are_no_spikes_go_the_general_way(value):
    """The product of 0 and 1 in slices would be wrong for them."""
    plain, fused = nets()
    xs = torch.from_numpy(spikes(value=value).astype("f4"))
    with torch.no_grad():
        assert_bits(fused.run(xs, record="all"), plain.run(xs, record="all"))


def test_nothing_is_shared_with_what_was_passed_in():
    _, fused = pair(looped(), "float32", "torch", dt=1.0)
    xs = torch.from_numpy(loop_spikes())
    with torch.no_grad():
        _, state, recorded = fused.run(xs, record=["input", "a.v"])
        before = {name: value.clone() for name, value in state["a"].items() if name != "feedback"}
        recorded["input"].fill_(7.0)
        assert torch.equal(xs, torch.from_numpy(loop_spikes()))
        fused.run(xs, state)
        for name, value in before.items():
            assert torch.equal(state["a"][name], value)
        parameter = fused.a.tau_mem.clone()
        recorded["a.v"].fill_(7.0)
        assert torch.equal(fused.a.tau_mem, parameter)


@pytest.mark.parametrize("steps", [0, 3, 40])
def test_a_state_without_axes_is_a_tensor_of_its_own(steps):
    graph = make_graph(line("input", "n", "output"), np.array([], int), n=lif(()))
    _, fused = pair(graph, "float32", "torch", dt=1.0)
    with torch.no_grad():
        start = fused.init_state()
        _, last = fused.run(torch.ones(steps), start)
    assert isinstance(last["n"]["v"], torch.Tensor)
    assert last["n"]["v"].data_ptr() != start["n"]["v"].data_ptr()


def test_changed_parameters_are_seen():
    _, fused = nets()
    xs = torch.from_numpy(spikes())
    with torch.no_grad():
        before = fused.run(xs, record=["lif1.v"])[2]["lif1.v"]
        fused.fc1.weight.mul_(2.0)
        assert not torch.equal(fused.run(xs, record=["lif1.v"])[2]["lif1.v"], before)


@pytest.mark.parametrize(
    ("xs", "message"),
    [
        (torch.zeros(40, 30, dtype=torch.float64), "has dtype torch.float64"),
        (torch.zeros(40, 31), "31"),
        ([object()], "expected a tensor"),
    ],
    ids=["dtype", "shape", "kind"],
)
def test_the_same_refusals(xs, message):
    texts = []
    for net in nets():
        with torch.no_grad(), pytest.raises(nirx.InputError, match=message) as raised:
            net.run(xs)
        texts.append(str(raised.value))
    assert texts[0] == texts[1]


def test_with_gradients_torch_computes():
    _, fused = nets(reproducible=False)
    assert fused._hosted(torch.from_numpy(spikes()), None) is None
    assert fused.run(torch.from_numpy(spikes()))[0].requires_grad


def _pickled(net):
    return pickle.loads(pickle.dumps(net))


@pytest.mark.parametrize("reproducible", [True, False])
@pytest.mark.parametrize("copied", [copy.deepcopy, _pickled])
def test_what_is_kept_between_runs_goes_with_the_values(copied, reproducible):
    """Rows and slices of weights are kept; `.data` changes a parameter behind torch's back."""
    _, net = nets(reproducible)
    xs = torch.from_numpy(spikes())
    with torch.no_grad():
        executor, before = net._hosted(xs, None), net.run(xs)
        assert net._hosted(xs, None) is executor
        other = copied(net)
        for value in (2.0, -0.0, float("nan")):
            next(iter(net.parameters())).data[0, :3] = value
            _, fresh = nets(reproducible)
            fresh.load_state_dict(net.state_dict())
            assert_bits(net.run(xs, record="all"), fresh.run(xs, record="all"))
        assert_bits(other.run(xs), before)


def test_much_is_not_kept_in_fast_mode(monkeypatch):
    monkeypatch.setattr(hosted, "MOST_KEPT", 1000)
    _, net = nets(reproducible=False)
    xs = torch.from_numpy(spikes())
    with torch.no_grad():
        assert net._hosted(xs, None) is not net._hosted(xs, None)
