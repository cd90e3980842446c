"""Fused layers under torch.compile: one operation each, whatever the length of a run."""

import copy
import pickle

import nir
import numpy as np
import pytest
import torch

from nirx_conformance.benchmarks.networks import feed_forward
from support.graphs import line, make_graph, neuron
from support.kernels import pair

pytestmark = pytest.mark.slow


class Run(torch.nn.Module):
    """`run` as a forward."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, xs, state=None):
        return self.net.run(xs, state, record=["lif1.v"])


def network(graph=None):
    graph = feed_forward((30, 20, 10)) if graph is None else graph
    _, fused = pair(graph, "float64", "torch", dt=1e-3)
    return fused


def spikes(steps=40):
    return torch.from_numpy((np.random.default_rng(0).random((steps, 3, 30)) < 0.2).astype("f8"))


def operations(net, steps):
    """How many operations a compiler sees in a run."""
    torch.compiler.reset()
    seen = []

    def backend(module, inputs):
        seen.append(len(list(module.graph.nodes)))
        return module

    torch.compile(Run(net), backend=backend, fullgraph=True)(spikes(steps))
    return seen


def loss(result):
    ys, state, recorded = result
    return ys.sum() + (recorded["lif1.v"] ** 2).sum() + (state["lif2"]["v"] ** 3).sum()


def test_a_graph_does_not_grow_with_time():
    net = network()
    assert operations(net, 40) == operations(net, 80)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_results_and_gradients_of_eager_mode():
    torch.compiler.reset()
    net = network()
    compiled = torch.compile(Run(net), backend="aot_eager", fullgraph=True)
    xs = spikes()
    with torch.no_grad():
        _, state = net.run(xs)
    for start in (None, state):
        found, expected = compiled(xs, start), Run(net)(xs, start)
        for ours, theirs in zip(leaves(found), leaves(expected), strict=True):
            assert torch.equal(ours, theirs)
        parameters = list(net.parameters())
        ours = torch.autograd.grad(loss(found), parameters, allow_unused=True)
        theirs = torch.autograd.grad(loss(expected), parameters, allow_unused=True)
        for a, b in zip(ours, theirs, strict=True):
            assert (a is None) == (b is None)
            if a is not None:
                torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_gradients_of_one_number_without_axes():
    torch.compiler.reset()
    ports = {"takes": np.array((), int), "gives": np.array((), int)}
    graph = make_graph(line("input", "lif1", "output"), lif1=neuron(nir.LIF, ()), **ports)
    net = network(graph)

    def gradients(model):
        ys, _, recorded = model(torch.linspace(0, 40, 20, dtype=torch.float64))
        loss = ys.sum() + recorded["lif1.v"].square().sum()
        return torch.autograd.grad(loss, [*net.parameters()])

    compiled = torch.compile(Run(net), backend="aot_eager", fullgraph=True)
    torch.testing.assert_close(gradients(compiled), gradients(Run(net)), rtol=1e-12, atol=1e-12)


def leaves(result):
    ys, state, recorded = result
    return [ys, recorded["lif1.v"], *(state[name]["v"] for name in ("lif1", "lif2"))]


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda n: pickle.loads(pickle.dumps(n))])
def test_a_copy_finds_its_own_layers(copied):
    torch.compiler.reset()
    net = copied(network())
    compiled = torch.compile(Run(net), backend="aot_eager", fullgraph=True)
    assert torch.equal(compiled(spikes())[0], net.run(spikes())[0])
    assert (
        torch.compile(Run(net.float()), backend="aot_eager", fullgraph=True)(spikes().float())[
            0
        ].dtype
        == torch.float32
    )
