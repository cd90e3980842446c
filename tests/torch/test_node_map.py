"""Users' modules in the place of NIR nodes."""

# nir's and torch's own annotations are narrower than what both accept and give.
# pyright: reportAttributeAccessIssue=false, reportOperatorIssue=false

from __future__ import annotations

from typing import Any

import nir
import numpy as np
import pytest
import torch

import nirx
import nirx_torch
from support.graphs import chain


class Double(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.factor = torch.nn.Parameter(torch.tensor(2.0))

    def forward(self, x):
        return self.factor * x


class Count(torch.nn.Module):
    """Adds up its input; gives the sum. Starts from None."""

    def forward(self, x, state):
        total = x if state is None else state["total"] + x
        return total, {"total": total}


class CountFromTen(Count):
    def init_state(self, batch_shape):
        return {"total": torch.full((*batch_shape, 2), 10.0)}


class Spike(torch.nn.Module):
    """A neuron without memory; keeps the last spikes as a bare tensor."""

    def __init__(self, node):
        super().__init__()
        self.threshold = torch.nn.Parameter(torch.tensor(node.v_threshold))

    def forward(self, x, state):
        z = (x > self.threshold).to(x.dtype)
        return z, (z, [x])


def scale():
    return chain({"s": nir.Scale(np.ones(2))}, 2, 2)


def build(graph, rule, make, **options):
    return nirx_torch.from_nir(graph, rule, node_map={nir.Scale: make}, **options)


def test_a_stateless_module(rule):
    net = build(scale(), rule, lambda node: Double())
    xs = torch.rand(5, 3, 2)
    assert torch.equal(net.run(xs)[0], 2 * xs)
    assert torch.equal(net(xs[0])[0], 2 * xs[0])
    assert net.run(xs)[1] == net.init_state((3,)) == {}
    assert [name for name, _ in net.named_parameters()] == ["s.factor"]


def test_a_module_takes_the_dtype_of_the_network(rule):
    net = build(scale(), rule, lambda node: Double(), dtype="float64")
    assert net(torch.ones(2, dtype=torch.float64))[0].dtype is torch.float64


@pytest.mark.parametrize(("module", "start"), [(Count, 0.0), (CountFromTen, 10.0)])
@pytest.mark.parametrize("chunk", [1, 2, 256])
def test_a_stateful_module(module, start, chunk, rule):
    net = build(scale(), rule, lambda node: module())
    xs = torch.arange(1.0, 11).reshape(5, 1, 2)
    expected = start + xs.cumsum(0)
    ys, state = net.run(xs, chunk=chunk)
    assert torch.equal(ys, expected)
    assert torch.equal(state["s"]["total"], expected[-1])
    first, middle = net.run(xs[:2], chunk=chunk)
    kept = middle["s"]["total"].clone()
    second, end = net.run(xs[2:], middle, chunk=chunk)
    assert torch.equal(torch.cat([first, second]), expected)
    assert torch.equal(end["s"]["total"], expected[-1])
    assert torch.equal(middle["s"]["total"], kept)
    assert torch.equal(net(xs[0])[0], expected[0])
    assert torch.equal(net(xs[0], net.init_state((1,)))[0], expected[0])


def test_init_state_holds_what_the_module_gives(rule):
    assert build(scale(), rule, lambda n: Count()).init_state((3,)) == {}
    state = build(scale(), rule, lambda n: CountFromTen()).init_state((3,))
    assert state["s"]["total"].shape == (3, 2)


@pytest.mark.parametrize("chunk", [1, 3, 256])
def test_a_module_in_a_loop(chunk, loop, rule):
    # Spike replaces a LIF: the edge w -> lif stays the feedback edge.
    net = nirx_torch.from_nir(loop, rule, node_map={nir.LIF: Spike})
    xs = torch.rand((7, 2, 3), generator=torch.Generator().manual_seed(11))
    ys, state, rec = net.run(xs, record=["lif", "w"], chunk=chunk)
    fc, w = net.fc, net.w
    late = torch.zeros(2, 4)
    for t, x in enumerate(xs):
        z = (x @ fc.weight.T + fc.bias + late > net.lif.threshold).float()
        late = z @ w.weight.T
        assert torch.equal(rec["lif"][t], z), t
        assert torch.allclose(rec["w"][t], late)
    assert 0 < rec["lif"].sum() < rec["lif"].numel()
    own, rows = None, []
    for x in xs:
        y, own = net(x, own)
        rows.append(y)
    assert torch.allclose(torch.stack(rows), ys)
    first, middle = net.run(xs[:3])
    second, end = net.run(xs[3:], middle)
    assert torch.allclose(torch.cat([first, second]), ys)
    assert torch.equal(end["lif"][0], state["lif"][0])


def test_a_whole_subgraph_may_be_claimed(rule):
    graph = chain({"sub": scale()}, 2, 2)
    seen: list[Any] = []

    def make(node):
        seen.append(node)
        return Double()

    net = nirx_torch.from_nir(graph, rule, node_map={nir.NIRGraph: make})
    assert net(torch.ones(2))[0].tolist() == [2.0, 2.0]
    assert set(net.modules_by_path) == {"input", "sub", "output"}
    assert [type(node) for node in seen] == [nir.NIRGraph]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda node: 3, "'s': node_map returned a int; expected a torch.nn.Module"),
        (lambda node: torch.nn.Linear(2, 3), r"'s'.* returned shape \(4, 3\); expected \[4, 2\]"),
    ],
)
def test_a_wrong_module_is_refused(make, message, rule):
    with pytest.raises(nirx.InputError, match=message):
        build(scale(), rule, make)(torch.ones(4, 2))


def test_a_stateful_module_must_return_its_state(rule):
    class Forgetful(torch.nn.Module):
        def forward(self, x, state):
            return x

    net = build(scale(), rule, lambda node: Forgetful())
    with pytest.raises(nirx.InputError, match=r"'s'.*expected \(y, state\)"):
        net(torch.ones(2))


def test_a_node_map_that_is_not_a_mapping_is_refused(rule):
    with pytest.raises(nirx.InputError, match=r"node_map is \["):
        nirx_torch.from_nir(scale(), rule, node_map=[nir.Scale])  # type: ignore[arg-type]
