"""nir_to_torch with maps: users' modules instead of nodes, and hidden state in them."""

# nir's and torch's own annotations are narrower than what both accept and give.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false
# pyright: reportIndexIssue=false, reportOptionalSubscript=false

from __future__ import annotations

from typing import Any

import nir
import numpy as np
import pytest
import torch
from torch import nn

import nirx
from nirx_torch import NODE_MAP, nir_to_torch
from support.graphs import chain


def scale(factor: float = 5.0) -> nir.Scale:
    return nir.Scale(np.full(2, factor, np.float32))


class Double(nn.Module):
    def forward(self, x):
        return 2 * x


def with_scale(make: Any) -> Any:
    """A network in which a user's module is in the place of its one node, "s"."""
    return nir_to_torch(chain({"s": scale()}), {nir.Scale: lambda node: make()})


def first(net: Any) -> list[float]:
    return net(torch.ones(2))[0].tolist()


class MyScale(nir.Scale):
    """A subclass of a NIR type."""


def test_the_users_map_wins_for_graphs_and_leaves():
    mine = {nir.Scale: lambda node: Double()}
    assert isinstance(nir_to_torch(scale(), mine), Double)
    assert first(nir_to_torch(chain({"s": scale()}), mine)) == [2.0, 2.0]


def test_a_subclass_of_a_mapped_type_is_mapped():
    graph = chain({"s": MyScale(np.full(2, 5, np.float32))})
    assert first(nir_to_torch(graph)) == [5.0, 5.0]
    assert first(nir_to_torch(graph, {nir.Scale: lambda node: Double()})) == [2.0, 2.0]
    nearest = {nir.Scale: lambda node: nn.Identity(), MyScale: lambda node: Double()}
    assert first(nir_to_torch(graph, nearest)) == [2.0, 2.0]


def test_none_bypasses():
    graph = chain({"s": scale(), "t": scale(3)})
    assert first(nir_to_torch(graph, {nir.Scale: None})) == [1.0, 1.0]
    assert isinstance(nir_to_torch(scale(), {nir.Scale: None}), nn.Identity)


@pytest.mark.parametrize("nothing", [{}, None])
def test_a_type_that_no_map_has_is_refused(nothing):
    for node in (scale(), chain({"s": scale()})):
        with pytest.raises(ValueError, match="has an entry for Scale") as caught:
            nir_to_torch(node, {nir.LIF: None}, default_map=nothing)
        assert isinstance(caught.value, nirx.GraphError)


def test_a_default_map_of_the_users():
    own = NODE_MAP.copy()
    own.override(nir.Scale, lambda node: Double())
    for default_map in (own, {nir.Scale: lambda node: Double()}):
        net = nir_to_torch(chain({"s": scale()}), default_map=default_map)
        assert first(net) == [2.0, 2.0]
    assert first(nir_to_torch(chain({"s": scale()}))) == [5.0, 5.0]


def test_a_map_may_claim_whole_subgraphs():
    seen = []

    def claim(node):
        seen.append(sorted(node.nodes))
        return Double()

    graph = chain({"sub": chain({"deep": scale(7)}), "s": scale(3)})
    assert first(nir_to_torch(graph, {nir.NIRGraph: claim})) == [6.0, 6.0]
    assert seen == [["deep", "input", "output"]]


def test_a_builder_may_not_change_the_graph():
    def spoil(node):
        node.scale[:] = 9
        return Double()

    graph = chain({"s": scale()})
    nir_to_torch(graph, {nir.Scale: spoil})
    nir_to_torch(graph.nodes["s"], {nir.Scale: spoil})
    assert graph.nodes["s"].scale.tolist() == [5.0, 5.0]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([nir.Scale], "node_map is"),
        ({"Scale": None}, "node_map is"),
        ({nir.Scale: 3}, "node_map is"),
        ({nir.Scale: lambda node: 3}, "node_map returned a int; expected a torch.nn.Module"),
    ],
)
def test_a_wrong_map_or_builder_is_refused(given, message):
    for node in (scale(), chain({"s": scale()})):
        with pytest.raises(nirx.InputError, match=message):
            nir_to_torch(node, given)


@pytest.mark.parametrize("wrong", [3, None, [scale(1)], nn.Linear(1, 1), {"a": 1}])
def test_anything_but_NIR_is_refused(wrong):
    with pytest.raises(nirx.InputError, match="expected a NIR graph, a node or a path"):
        nir_to_torch(wrong)


def test_maps_may_be_used_any_number_of_times():
    mine = {nir.Scale: lambda node: Double()}
    graph = chain({"s": scale()})
    nets = [nir_to_torch(graph, mine) for _ in range(3)]
    assert len({id(net.s) for net in nets}) == 3
    assert set(mine) == {nir.Scale}


# -- hidden state of users' modules ------------------------------------------------------------


class InBuffer(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("v", torch.zeros(2))

    def forward(self, x):
        self.v = self.v + x
        return self.v


class InBufferInPlace(InBuffer):
    def forward(self, x):
        self.v.add_(x.sum(0))
        return self.v + x


class InAttribute(nn.Module):
    def __init__(self):
        super().__init__()
        self.last = torch.zeros(2)

    def forward(self, x):
        self.last = self.last * 0.5 + x
        return self.last


class Norm(nn.BatchNorm1d):
    def __init__(self):
        super().__init__(2)


class FromNone(nn.Module):
    def __init__(self):
        super().__init__()
        self.last: Any = None

    def forward(self, x):
        self.last = x if self.last is None else self.last + x
        return self.last


HOLDING = [
    (InBuffer, "v"),
    (InBufferInPlace, "v"),
    (InAttribute, "last"),
    (FromNone, "last"),
    (lambda: nn.Sequential(InBuffer()), "0.v"),
]


def stepped(net, xs):
    """Outputs of explicit steps, and the last state."""
    state, ys = None, []
    for x in xs:
        y, state = net(x, state)
        ys.append(y)
    return torch.stack(ys), state


@pytest.mark.parametrize(("make", "name"), HOLDING)
def test_a_state_that_a_module_keeps_in_itself_is_carried(make, name):
    xs = torch.rand(5, 4, 2)
    alone = make()
    expected = torch.stack([alone(x) for x in xs])
    net = with_scale(make)
    ys, state = stepped(net, xs)
    assert torch.equal(ys, expected)
    assert name in state["s"]
    for again in (stepped(net, xs)[0], net.run(xs)[0], with_scale(make).run(xs)[0]):
        assert torch.equal(again, expected)


@pytest.mark.parametrize(("make", "name"), HOLDING)
def test_the_states_of_earlier_steps_stay_as_they_were(make, name):
    xs = torch.rand(5, 4, 2)
    net = with_scale(make)
    _, first = net(xs[0], None)
    kept = first["s"][name].clone()
    y, _ = net(xs[1], first)
    for x in xs:
        net(x)
    assert torch.equal(first["s"][name], kept)
    assert torch.equal(net(xs[1], first)[0], y)
    assert torch.equal(with_scale(make)(xs[1], first)[0], y)


@pytest.mark.parametrize(("make", "name"), HOLDING)
def test_without_a_state_the_module_goes_on_from_what_it_holds(make, name):
    xs = torch.rand(5, 4, 2)
    net = with_scale(make)
    expected = stepped(with_scale(make), xs)[0]
    assert torch.equal(torch.stack([net(x)[0] for x in xs]), expected)
    net(xs[0], None)  # neither reads nor changes what the module holds
    net.run(xs)
    longer = stepped(with_scale(make), torch.cat([xs, xs[:1]]))[0]
    assert torch.equal(net(xs[0])[0], longer[-1])


def test_gradients_flow_through_a_carried_state():
    net = with_scale(InBuffer)
    x = torch.ones(3, 4, 2, requires_grad=True)
    net.run(x)[0][-1].sum().backward()
    assert torch.equal(x.grad, torch.ones(3, 4, 2))


@pytest.mark.parametrize("make", [lambda: nn.BatchNorm1d(2), lambda: nn.Sequential(Norm())])
def test_the_statistics_of_training_are_no_state(make):
    net = with_scale(make)
    _, state, *_ = net.run(torch.rand(3, 4, 2))
    assert state == {}
    assert any(int(b) == 3 for name, b in net.named_buffers() if "tracked" in name)


class Handle:
    pass


class KeepsAnObject(nn.Module):
    def __init__(self):
        super().__init__()
        self.handle = Handle()

    def forward(self, x):
        self.handle = Handle()
        return x


class TakesAndKeeps(InBuffer):
    def forward(self, x, state=None):
        return super().forward(x), state


@pytest.mark.parametrize(("make", "name"), [(KeepsAnObject, "handle"), (TakesAndKeeps, "v")])
def test_a_state_that_cannot_be_carried_is_warned_of(make, name):
    net = with_scale(make)
    with pytest.warns(UserWarning, match=rf"'s': '{name}' of its module .*nirx (does not|cannot)"):
        net(torch.rand(4, 2), None)
    net(torch.rand(4, 2), None)  # once


def test_a_module_may_take_its_state_as_further_arguments():
    torch.manual_seed(0)
    rnn = nn.LSTM(2, 2)
    xs = torch.rand(4, 3, 1, 2)
    expected, hidden = [], None
    for x in xs:
        y, hidden = rnn(x, hidden)
        expected.append(y)
    net = with_scale(lambda: rnn)
    assert torch.equal(net.run(xs)[0], torch.stack(expected))
    assert torch.equal(stepped(net, xs)[0], torch.stack(expected))


def test_a_state_of_another_form_is_refused():
    net = with_scale(InBuffer)
    with pytest.raises(nirx.InputError, match="state of 's' is a Tensor"):
        net(torch.rand(4, 2), {"s": torch.zeros(2)})
    with pytest.raises(nirx.InputError, match=r"state of 's' has 'a\.b'"):
        net(torch.rand(4, 2), {"s": {"a.b": torch.zeros(2)}})


class Cached(nn.Module):
    """Computes a constant once; assigns the same value again in each call."""

    def __init__(self):
        super().__init__()
        self.table: Any = None
        self.same = torch.zeros(2)

    def forward(self, x):
        if self.table is None:
            self.table = torch.arange(2.0)
        self.same = torch.zeros(2)
        return x + self.table + self.same


@pytest.mark.parametrize(
    "make",
    [
        Cached,
        Double,
        lambda: nn.BatchNorm1d(2).eval(),
        lambda: nn.utils.parametrizations.weight_norm(nn.Linear(2, 2)),
        lambda: nn.Dropout(0.5),
    ],
)
def test_caches_and_constants_are_not_hidden_state(make):
    torch.manual_seed(0)
    net = with_scale(make)
    for _ in range(5):
        assert net(torch.rand(4, 2))[0].shape == (4, 2)


class WithState(nn.Module):
    def forward(self, x, state=None):
        total = x if state is None else state[0] + x
        return total, (total, [x])


def test_a_users_state_is_under_its_nodes_name():
    net = with_scale(WithState)
    _, state = net(torch.ones(2))
    y, state = net(torch.ones(2), state)
    assert y.tolist() == [2.0, 2.0]
    assert isinstance(state["s"], tuple)
    assert torch.equal(state["s"][0], y)
    assert torch.equal(state["s"][1][0], torch.ones(2))
