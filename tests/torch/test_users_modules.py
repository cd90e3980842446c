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


class FromNone(nn.Module):
    def __init__(self):
        super().__init__()
        self.last: Any = None

    def forward(self, x):
        self.last = x if self.last is None else self.last + x
        return self.last


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (InBuffer, "v"),
        (InBufferInPlace, "v"),
        (InAttribute, "last"),
        (FromNone, "last"),
        (lambda: nn.Sequential(InBuffer()), "0.v"),
        (lambda: nn.BatchNorm1d(2), "running_mean"),
        (lambda: nn.Sequential(nn.BatchNorm1d(2)), "0.running_var"),
    ],
)
def test_hidden_state_is_refused_by_name(make, name):
    net = with_scale(make)
    with pytest.raises(nirx.UnsupportedError, match=rf"'s'.*keeps state in itself.*'{name}'"):
        net.run(torch.rand(3, 4, 2))


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
