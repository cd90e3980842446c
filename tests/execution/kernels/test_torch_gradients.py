"""Gradients of fused kernels on torch: those of the steps one by one."""

import itertools

import nir
import numpy as np
import pytest
import torch

from nirx_conformance.benchmarks.networks import feed_forward
from support.graphs import line, make_graph, neuron
from support.kernels import pair

RULES = {
    "default": {},
    "subtract": {"reset": "subtract"},
    "counts": {"spikes": "multi", "reset": "subtract", "threshold": "ge"},
    "next": {"reset_when": "next", "integrator": "exponential"},
    "leaked": {"reset_when": "next-leaked", "output": "old"},
    "none": {"reset": "none"},
}
SURROGATES = ("superspike", "arctan", "triangular", "straight-through")


def both(graph=None, **choices):
    options = choices.pop("options", {})
    graph = feed_forward((30, 20, 10)) if graph is None else graph
    return pair(graph, "float64", "torch", dt=1e-3, options=options, **choices)


def spikes():
    xs = (np.random.default_rng(1).random((40, 3, 30)) < 0.2).astype("f8") / 2
    return torch.tensor(xs, requires_grad=True)


def gradients(net, xs):
    """The gradients of a loss of outputs, recordings and last states."""
    ys, state, recorded = net.run(xs, record=["lif1.v"], chunk=16)
    weight = torch.linspace(-1, 1, ys.numel(), dtype=ys.dtype).reshape(ys.shape)
    loss = (ys * weight).sum() + (recorded["lif1.v"] ** 2).mean() + (state["lif2"]["v"] ** 3).sum()
    names, leaves = zip(*sorted(net.named_parameters()), strict=True)
    found = torch.autograd.grad(loss, [xs, *leaves], allow_unused=True)
    return dict(zip(["xs", *names], found, strict=True))


def every_case():
    """Each choice is in one of six; the other combinations are for `make test-all`."""
    pairs = zip(RULES, (*SURROGATES, *SURROGATES[:2]), strict=True)
    for number, (rule, surrogate) in enumerate(pairs):
        for detach, reproducible in itertools.product([False, True], repeat=2):
            quick = (detach, reproducible) == (number % 2 == 1, number % 3 == 0)
            marks = [] if quick else pytest.mark.exhaustive
            yield pytest.param(rule, surrogate, detach, reproducible, marks=marks)


@pytest.mark.parametrize(("rule", "surrogate", "detach", "reproducible"), [*every_case()])
@pytest.mark.sampled(2)
def test_the_gradients_of_the_steps(rule, surrogate, detach, reproducible):
    options = {"surrogate": surrogate, "detach_reset": detach}
    plain, fused = both(options=options, reproducible=reproducible, **RULES[rule])
    expected, found = (gradients(net, spikes()) for net in (plain, fused))
    for name, value in expected.items():
        if value is None:
            assert found[name] is None, name
            continue
        bound = 1e-12 * value.abs().max()
        assert (found[name] - value).abs().max() <= bound, name


def test_a_surrogate_of_the_users_own():
    def narrow(u):
        return 2.0 / (1.0 + abs(3.0 * u)) ** 3

    plain, fused = both(options={"surrogate": narrow})
    expected, found = (gradients(net, spikes()) for net in (plain, fused))
    torch.testing.assert_close(found["fc1.weight"], expected["fc1.weight"], rtol=1e-12, atol=1e-12)


def test_a_surrogate_that_calls_torch_runs_plain():
    def own(u):
        return torch.exp(-u * u)

    plain, fused = both(options={"surrogate": own})
    expected, found = (gradients(net, spikes()) for net in (plain, fused))
    for name in ("xs", "fc1.weight"):
        torch.testing.assert_close(found[name], expected[name], rtol=1e-12, atol=1e-12)


def test_second_derivatives_fall_back():
    node = neuron(nir.LI, 3, tau=0.01, r=2.0)
    graph = make_graph(line("input", "n", "output"), np.array([3]), n=node)
    found = []
    for net in both(graph):
        xs = torch.linspace(0, 1, 40 * 3, dtype=torch.float64).reshape(40, 3).requires_grad_()
        (first,) = torch.autograd.grad((net.run(xs)[0] ** 3).sum(), xs, create_graph=True)
        found.append(torch.autograd.grad((first**2).sum(), [xs, net.n.tau]))
    for ours, theirs in zip(found[1], found[0], strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)


def test_threads_change_no_gradient(monkeypatch):
    _, fused = both()
    expected = gradients(fused, spikes())
    monkeypatch.setattr("nirx.execution.kernels.threads.WORTH_IT", 1)
    monkeypatch.setattr("nirx.execution.kernels.threads.thread_count", lambda: 3)
    monkeypatch.setattr("nirx.execution.kernels.scan.thread_count", lambda: 3)
    found = gradients(fused, spikes())
    for name, value in expected.items():
        assert value is None or torch.equal(found[name], value), name


def test_results_do_not_alias_what_the_gradient_keeps():
    _, fused = both()
    found = []
    for spoil in (False, True):
        xs = spikes()
        ys, state, recorded = fused.run(xs, record=["lif1.v", "lif2.v"], chunk=16)
        loss = ys.sum() + recorded["lif1.v"].sum()
        if spoil:
            for array in (state["lif2"]["v"], recorded["lif2.v"], recorded["lif1.v"]):
                array.data.fill_(7.0)
        found.append(torch.autograd.grad(loss, xs)[0])
    assert torch.equal(*found)


def test_transforms_of_torch_run_plain():
    _, fused = both()
    xs = spikes().detach()
    whole = torch.func.grad(lambda x: fused.run(x)[0].sum())(xs)
    assert whole.shape == xs.shape
    apart = torch.func.vmap(lambda x: fused.run(x)[0], in_dims=1, out_dims=1)(xs)
    torch.testing.assert_close(apart, fused.run(xs)[0])


class Spikes(torch.utils.data.Dataset):
    """Items that a network computes, in the processes of a data loader."""

    def __init__(self, net):
        self.net = net

    def __len__(self):
        return 4

    def __getitem__(self, index):
        with torch.no_grad():
            return self.net.run(spikes() * (index + 1))[0]


@pytest.mark.filterwarnings("ignore:os.fork:RuntimeWarning")  # JAX, if another test imported it
@pytest.mark.parametrize("context", ["fork", pytest.param("spawn", marks=pytest.mark.exhaustive)])
def test_kernels_run_in_the_processes_of_a_data_loader(context, monkeypatch):
    monkeypatch.setattr("nirx.execution.kernels.threads.WORTH_IT", 1)  # threads before the fork
    _, fused = both()
    data = Spikes(fused)
    expected = [data[i] for i in range(len(data))]
    loader = torch.utils.data.DataLoader(
        data, batch_size=None, num_workers=2, multiprocessing_context=context
    )
    for found, own in zip(loader, expected, strict=True):
        assert torch.equal(found, own)
