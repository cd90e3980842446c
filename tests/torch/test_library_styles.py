"""torch_to_nir on nested modules, and on models in the style of the SNN libraries."""

# nir's and torch's own annotations are narrower than what both accept and give.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false
# pyright: reportOperatorIssue=false, reportIndexIssue=false, reportOptionalCall=false
# pyright: reportIncompatibleMethodOverride=false

from __future__ import annotations

import json
from typing import Any

import nir
import numpy as np
import pytest
import torch
from torch import nn

import nirx
from nirx.graphs.returns import RETURNS_KEY
from nirx_torch import torch_to_nir
from support.torch_modules import (
    RULE,
    Net,
    Stepping,
    assert_reads_back,
    in_a_loop,
    li,
    lif,
    linear,
    samples,
)

# -- modules within modules ------------------------------------------------------------------


class Stack(nn.Sequential):
    """As Norse's SequentialState: a list of states, one for each layer, filled in place."""

    def forward(self, x, state=None):
        state = [None] * len(self) if state is None else state
        for index, layer in enumerate(self):
            if getattr(layer, "has_memory", isinstance(layer, Stack)):
                x, state[index] = layer(x, state[index])
            else:
                x = layer(x)
        return x, state


class Outer(nn.Module):
    def __init__(self):
        super().__init__()
        self.one, self.two = Stack(linear(0), lif()), Stack(linear(1), li())

    def forward(self, x, state=None):
        one, two = (None, None) if state is None else state
        y, one = self.one(x, one)
        z, two = self.two(y, two)
        return z + y, (one, two)


@pytest.mark.parametrize("subgraphs", [False, True])
def test_nested_modules_with_state(subgraphs):
    net = Outer().double()
    graph = torch_to_nir(net, discretization=RULE, subgraphs=subgraphs)
    assert ("one" in graph.nodes) == subgraphs
    xs = samples()
    assert_reads_back(graph, xs, in_a_loop(net, xs, None))


@pytest.mark.parametrize("options", [{}, {"concrete_args": {"state": None}}])
def test_a_stack_that_fills_a_list_of_states(options):
    net = Stack(linear(0), lif(), Stack(linear(1), lif()), linear(2), li()).double()
    graph = torch_to_nir(net, discretization=RULE, **options)
    assert list(graph.nodes) == ["input", "0", "1", "2.0", "2.1", "3", "4", "output"]
    xs = samples()
    assert_reads_back(graph, xs, in_a_loop(net, xs, None))


@pytest.mark.parametrize("last", [True, False])
def test_neurons_with_state_in_a_plain_sequence(last):
    layers = [linear(0), lif(), linear(1), lif(), *([] if last else [linear(2)])]
    graph = torch_to_nir(nn.Sequential(*layers))
    assert list(graph.nodes) == ["input", *map(str, range(len(layers))), "output"]
    assert len(graph.edges) == len(layers) + 1


def test_a_pinned_state_that_holds_a_loop_is_refused():
    def step(m, x, state):
        y = m.a(x) if state is None else m.a(x) + m.r(state)
        return y, y

    net = Stepping(step, a=linear(0), r=linear(1))
    with pytest.raises(nirx.UnsupportedError, match="pins its argument `state`"):
        torch_to_nir(net, concrete_args={"state": None})


def test_a_loop_across_nested_modules():
    def step(m, x, state):
        y, own = m.ahead(x + m.back(state[0]), [None, state[1]])
        return y, (y, own[1])

    layers = {"ahead": Stack(linear(0), lif()), "back": nn.Sequential(linear(1, False))}
    net = Stepping(step, **layers).double()
    xs = samples()
    expected = in_a_loop(net, xs, (torch.zeros_like(xs[0]), None))
    for nested in (False, True):
        graph = torch_to_nir(net, discretization=RULE, subgraphs=nested, input_shape=3)
        assert_reads_back(graph, xs, expected)


# -- the libraries' manners, imitated ---------------------------------------------------------


class Leaky(nn.Module):
    """As snnTorch's Leaky: (input_, mem) -> (spk, mem), or hidden; resets by subtraction."""

    def __init__(self, init_hidden: bool = False, output: bool = False):
        super().__init__()
        self.init_hidden, self.output = init_hidden, output
        self.register_buffer("mem", torch.zeros(0), persistent=False)

    def init_leaky(self):
        self.mem = torch.zeros_like(self.mem)
        return self.mem

    def forward(self, input_, mem=None):
        if mem is not None:
            self.mem = mem
        if self.mem.shape != input_.shape:
            self.mem = torch.zeros_like(input_)
        self.mem = 0.9 * self.mem + input_
        spk = (self.mem > 1).to(input_.dtype)
        return spk if self.init_hidden and not self.output else (spk, self.mem)


def export_leaky(module: Leaky) -> nir.LIF:
    return nir.LIF(np.full(3, 5e-3), np.full(3, 2.0), np.zeros(3), np.ones(3), np.zeros(3))


def snn(step: Any, kind: type = Net) -> Any:
    return kind(step, fc1=linear(0), lif1=Leaky(), fc2=linear(1), lif2=Leaky())


class Membranes(Net):
    def forward(self, x, mem1, mem2):
        return self.step(self, x, mem1, mem2)


def with_membranes(m, x, mem1, mem2):
    spk1, mem1 = m.lif1(m.fc1(x), mem1)
    spk2, mem2 = m.lif2(m.fc2(spk1), mem2)
    return spk2, mem1, mem2


def with_initial_membranes(m, x):
    return with_membranes(m, x, m.lif1.init_leaky(), m.lif2.init_leaky())[::2]


CHAIN = [("input", "fc1"), ("fc1", "lif1"), ("lif1", "fc2"), ("fc2", "lif2"), ("lif2", "output")]


@pytest.mark.parametrize(
    ("step", "kind"), [(with_initial_membranes, Net), (with_membranes, Membranes)]
)
@pytest.mark.parametrize("stateful", [None, [Leaky]])
def test_membranes_passed_as_in_snntorch(step, kind, stateful):
    net = snn(step, kind)
    said = "kept as recordings" if kind is Net else "'mem1', 'mem2' and returns the new value"
    with pytest.warns(nirx.NirxWarning, match=said):
        graph = torch_to_nir(net, {Leaky: export_leaky}, stateful_modules=stateful)
    assert graph.edges == CHAIN
    given = graph.metadata.get(RETURNS_KEY)
    assert given == (json.dumps(["output", "lif2.v"]) if kind is Net else None)
    assert net.lif1.mem.shape == (0,)


def test_stateful_modules_name_what_returns_a_pair():
    net = snn(lambda m, x: m.fc2(m.lif1(m.fc1(x))[0]))
    with pytest.raises(nirx.UnsupportedError, match="stateful_modules"):
        torch_to_nir(net, {Leaky: export_leaky})
    graph = torch_to_nir(net, {Leaky: export_leaky}, stateful_modules=[Leaky])
    assert graph.edges == [*CHAIN[:3], ("fc2", "output")]


def test_a_sequence_of_hidden_neurons():
    net = nn.Sequential(linear(0), Leaky(True), linear(1), Leaky(True, True))
    names = ["input", "0", "1", "2", "3", "output"]
    graph = torch_to_nir(net, {Leaky: export_leaky})
    assert list(graph.nodes) == names


def over_time(m, x):
    mem, rows = m.lif1.init_leaky(), []
    for step in range(3):
        spk, mem = m.lif1(m.fc1(x[step]), mem)
        rows.append(spk)
    return torch.stack(rows)


def same_input(m, x):
    mem, total = m.lif1.init_leaky(), 0
    for _ in range(3):
        spk, mem = m.lif1(m.fc1(x), mem)
        total = total + spk
    return total


def reads_the_membrane(m, x):
    return m.fc2(m.lif1(m.fc1(x), None)[1])


def test_a_forward_over_time_is_its_step():
    graph = torch_to_nir(snn(over_time), {Leaky: export_leaky}, stateful_modules=[Leaky])
    assert graph.edges == [*CHAIN[:2], ("lif1", "output")]


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (same_input, r"returns a call of add .*torch.stack"),
        (reads_the_membrane, "the state of lif1 .* is used as a value"),
    ],
)
def test_a_sum_over_time_or_the_membrane_is_refused(step, message):
    with pytest.raises(nirx.UnsupportedError, match=message):
        torch_to_nir(snn(step), {Leaky: export_leaky}, stateful_modules=[Leaky])


class RLeaky(nn.Module):
    """As snnTorch's RLeaky: its own last spikes are an argument."""

    def __init__(self):
        super().__init__()
        self.recurrent, self.lif = linear(2), lif()

    def forward(self, x, spk=None, mem=None):
        spk = torch.zeros_like(x) if spk is None else spk
        return self.lif(x + self.recurrent(spk), mem)


def export_recurrent(module: RLeaky) -> nir.NIRGraph:
    size, layer = np.array([3]), module.recurrent
    nodes = {
        "input": nir.Input(size),
        "lif": torch_to_nir(module.lif),
        "rec": nir.Affine(layer.weight, layer.bias),
        "output": nir.Output(size),
    }
    edges = [("input", "lif"), ("lif", "rec"), ("rec", "lif"), ("lif", "output")]
    return nir.NIRGraph(nodes, edges, type_check=False)


def test_a_recurrent_module_as_a_leaf_with_a_subgraph():
    def step(m, x, state):
        spk, mem = (None, None) if state is None else state
        spk, mem = m.r(m.fc(x), spk, mem)
        return spk, (spk, mem)

    net = Stepping(step, fc=linear(0), r=RLeaky()).double()
    graph = torch_to_nir(net, {RLeaky: export_recurrent}, discretization=RULE)
    assert graph.edges == [("input", "fc"), ("fc", "r"), ("r", "output")]
    xs = samples()
    assert_reads_back(graph, xs, in_a_loop(net, xs, None))


class IAFSqueeze(nn.Module):
    """As sinabs: state in a buffer, x -> spikes."""

    def __init__(self):
        super().__init__()
        self.register_buffer("v_mem", torch.zeros(1))

    def forward(self, data):
        self.v_mem = self.v_mem + data
        return (self.v_mem > 1).float()


def test_a_convolutional_network_as_in_sinabs():
    shape = (4, 8, 8)
    net = nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1, bias=False),
        IAFSqueeze(),
        nn.AvgPool2d(2),
        nn.Dropout2d(0.5),
        nn.Flatten(),
        nn.Linear(64, 10, bias=False),
    ).eval()
    neuron = nir.IF(np.ones(shape), np.ones(shape), np.zeros(shape))
    graph = torch_to_nir(net, {IAFSqueeze: lambda m: neuron}, input_shape=(2, 8, 8))
    assert list(graph.nodes) == ["input", "0", "1", "2", "4", "5", "output"]
    found, _ = nirx.from_nir(graph, discretization=RULE, backend="torch").run(
        torch.ones(3, 2, 2, 8, 8)
    )
    assert found.shape == (3, 2, 10)
