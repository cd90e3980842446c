"""torch_to_nir leaves the module as it was; attributes that forward changes are its state."""

# nir's and torch's own annotations are narrower than what both accept and give.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false
# pyright: reportOperatorIssue=false, reportIndexIssue=false, reportOptionalCall=false
# pyright: reportIncompatibleMethodOverride=false

from __future__ import annotations

import copy
from typing import Any

import nir
import numpy as np
import pytest
import torch
from torch import nn

import nirx
from nirx_torch import torch_to_nir
from support.torch_modules import (
    RULE,
    assert_reads_back,
    build,
    lif,
    linear,
    samples,
    threshold,
)

# -- the module is left alone ---------------------------------------------------------------


class Remembers(nn.Module):
    """Leaves traces of a call in every kind of attribute."""

    def __init__(self, fail: bool = False):
        super().__init__()
        self.a = nn.Linear(3, 3)
        self.register_buffer("mean", torch.zeros(3))
        self.last: Any = None
        self.fail = fail

    def forward(self, x):
        self.last = x
        self.new = self.a(x)
        self.mean = self.mean * 0.5 + self.new
        if self.fail:
            raise KeyError("own")
        return self.a(self.mean)


def everything(module: nn.Module) -> dict[str, Any]:
    tensors = {k: v.clone() for k, v in module.state_dict().items()}
    own = {k: set(vars(m)) for k, m in module.named_modules()}
    return {**tensors, "names": own, "training": module.training, "last": vars(module).get("last")}


@pytest.mark.parametrize("fail", [False, True])
def test_tracing_leaves_the_module_as_it_was(fail):
    net = Remembers(fail)
    before, buffer, setter = everything(net), net.mean, nn.Module.__setattr__
    zeros, call = torch.zeros, nn.Module.__call__
    if fail:
        with pytest.raises(KeyError, match="own"):
            torch_to_nir(net)
    else:
        torch_to_nir(net, discretization=nirx.Discretization())
    after = everything(net)
    assert before.keys() == after.keys()
    for key, value in before.items():
        same = torch.equal(value, after[key]) if torch.is_tensor(value) else value == after[key]
        assert same, key
    assert net.mean is buffer
    assert (nn.Module.__setattr__, torch.zeros, nn.Module.__call__) == (setter, zeros, call)


def test_the_random_state_is_restored():
    net = build(lambda m, x: m.a(x) + torch.rand(3))
    torch.manual_seed(5)
    expected = torch.rand(2)
    torch.manual_seed(5)
    with pytest.raises(nirx.UnsupportedError, match="random"):
        torch_to_nir(net)
    assert torch.equal(torch.rand(2), expected)


def list_grows(m, x):
    m.log.append(x)
    return m.a(x)


def dict_changes(m, x):
    m.cache["v"] = m.a(x)
    return m.cache["v"]


def number_counts(m, x):
    m.count += 1
    return m.a(x) * m.count


def buffer_changes(m, x):
    m.seen.add_(1)
    return m.a(x) * m.seen


@pytest.mark.parametrize(
    ("step", "name"),
    [
        (list_grows, "log"),
        (dict_changes, "cache"),
        (number_counts, "count"),
        (buffer_changes, "seen"),
    ],
)
def test_state_that_a_graph_cannot_follow_is_refused_and_put_back(step, name):
    net = build(step)
    net.log, net.cache, net.count = [], {"v": None}, 0
    net.register_buffer("seen", torch.zeros(1, dtype=torch.float64))
    with pytest.raises(nirx.UnsupportedError, match=f"changes '{name}'"):
        torch_to_nir(net)
    assert (net.log, net.cache, net.count, net.seen.item()) == ([], {"v": None}, 0, 0.0)


def test_the_graph_shares_no_memory_with_the_module():
    net = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 2))
    graph = torch_to_nir(net, {nn.Linear: lambda m: nir.Affine(m.weight, m.bias.detach().numpy())})
    before = copy.deepcopy(graph.nodes["1"].weight)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.fill_(9)
    assert np.array_equal(graph.nodes["1"].weight, before)
    assert not (graph.nodes["0"].bias == 9).any()
    graph.nodes["0"].weight[:] = -1
    assert (net[0].weight == 9).all()


# -- hidden state ---------------------------------------------------------------------------


class Attributes(nn.Module):
    """Keeps its state in plain attributes that start as None."""

    def __init__(self):
        super().__init__()
        self.a, self.r, self.n = linear(0), linear(2, False), lif()
        self.last, self.own = None, None

    def forward(self, x):
        y = self.a(x) if self.last is None else self.a(x) + self.r(self.last)
        y, self.own = self.n(y, self.own)
        self.last = y
        return y


class Buffer(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.t = linear(0), threshold()
        self.register_buffer("v", torch.zeros(1, 3, dtype=torch.float64))

    def forward(self, x):
        self.v = self.v * 0.9 + self.a(x)
        z = self.t(self.v)
        self.v = self.v - z
        return z


class Inner(nn.Module):
    def __init__(self):
        super().__init__()
        self.one, self.b = Buffer(), linear(1)

    def forward(self, x):
        return self.b(self.one(x))


@pytest.mark.parametrize("make", [Attributes, Buffer, Inner])
def test_state_in_attributes_becomes_a_loop(make):
    net = make().double()
    graph = torch_to_nir(net, discretization=RULE)
    buffers = {k: v.clone() for k, v in net.named_buffers()}
    xs = samples()
    with torch.no_grad():
        expected = torch.stack([net(x) for x in xs]).numpy()  # from its start: still untouched
    assert all(not b.any() for b in buffers.values())
    assert_reads_back(graph, xs, expected)


def test_hidden_state_that_does_not_start_at_zero_warns():
    net = Buffer()
    net.v.fill_(0.5)
    with pytest.warns(nirx.NirxWarning, match="v does not start at zero"):
        torch_to_nir(net, discretization=RULE)


def written_in_place(m, x):
    m.v.mul_(0.9).add_(m.a(x))
    return m.t(m.v)


def written_by_operators(m, x):
    m.v += m.a(x)
    return m.t(m.v)


def written_by_item(m, x):
    m.v[:] = m.a(x)
    return m.t(m.v)


def copied_into(m, x):
    m.v.copy_(m.a(x))
    return m.t(m.v)


@pytest.mark.parametrize(
    "step", [written_in_place, written_by_operators, written_by_item, copied_into]
)
def test_hidden_state_written_in_place_is_refused_and_put_back(step):
    class InPlace(Buffer):
        def forward(self, x):
            return step(self, x)

    net = InPlace()
    net.v.fill_(0.25)
    with pytest.raises(nirx.UnsupportedError, match=r"writes into a tensor|changes 'v'"):
        torch_to_nir(net, discretization=RULE)
    assert net.v.tolist() == [[0.25] * 3]
