"""torch.compile and torch.export give the same results as eager mode."""

# nir's and torch's own annotations are narrower than what both accept and give.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false, reportOptionalMemberAccess=false

from __future__ import annotations

import nir
import numpy as np
import pytest
import torch

import nirx
import nirx_torch
from support.graphs import chain, numbers


class Run(torch.nn.Module):
    """`run` as a forward."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, xs, state=None):
        return self.net.run(xs, state)


@pytest.fixture
def xs():
    return torch.rand((6, 2, 3), generator=torch.Generator().manual_seed(7))


def assert_same(a, b):
    ys, state = a
    others, other_state = b
    assert torch.equal(ys, others)
    one, other = nirx.state_to_numpy(state), nirx.state_to_numpy(other_state)
    assert one.keys() == other.keys()
    assert np.array_equal(one["lif"]["v"], other["lif"]["v"])
    assert np.array_equal(one["lif"]["feedback"]["w"], other["lif"]["feedback"]["w"])


@pytest.mark.slow
@pytest.mark.parametrize(
    "integrator", ["euler", pytest.param("exponential", marks=pytest.mark.exhaustive)]
)
def test_a_compiled_step_is_one_graph_and_equals_eager(integrator, loop, xs):
    torch.compiler.reset()
    net = nirx_torch.from_nir(loop, nirx.Discretization(dt=1e-3, integrator=integrator))
    compiled = torch.compile(net, backend="aot_eager", fullgraph=True)
    state = net(xs[0])[1]
    assert_same(compiled(xs[0]), net(xs[0]))
    assert_same(compiled(xs[1], state), net(xs[1], state))


@pytest.mark.slow
def test_a_compiled_run_equals_eager(loop, rule, xs):
    torch.compiler.reset()
    run = Run(nirx_torch.from_nir(loop, rule))
    compiled = torch.compile(run, backend="aot_eager", fullgraph=True)
    assert_same(compiled(xs), run(xs))


@pytest.mark.slow
def test_a_compiled_run_has_the_same_gradients(loop, rule, xs):
    torch.compiler.reset()
    net = nirx_torch.from_nir(loop, rule, surrogate="arctan")
    run = Run(net)
    run(xs)[0].sum().backward()
    expected = {name: p.grad.clone() for name, p in net.named_parameters()}
    net.zero_grad()
    torch.compile(run, backend="aot_eager", fullgraph=True)(xs)[0].sum().backward()
    for name, parameter in net.named_parameters():
        assert torch.allclose(parameter.grad, expected[name], rtol=1e-5, atol=1e-6), name


@pytest.mark.slow
def test_a_compiled_network_sees_changed_parameters(loop, rule, xs):
    torch.compiler.reset()
    net = nirx_torch.from_nir(loop, rule)
    compiled = torch.compile(net, backend="aot_eager", fullgraph=True)
    before = compiled(xs[0])[1]["li"]["v"]
    with torch.no_grad():
        net.li.v_leak.add_(1)
    after = compiled(xs[0])
    assert not torch.equal(after[1]["li"]["v"], before)
    assert_same(after, net(xs[0]))


def test_an_exported_step_equals_eager(loop, rule, xs):
    net = nirx_torch.from_nir(loop, rule)
    exported = torch.export.export(net, (xs[0],)).module()
    assert_same(exported(xs[1]), net(xs[1]))


@pytest.mark.slow
def test_an_exported_step_with_state_equals_eager(loop, rule, xs):
    net = nirx_torch.from_nir(loop, rule)
    with torch.no_grad():
        start, (_, state) = net.init_state((2,)), net(xs[0])
        exported = torch.export.export(net, (xs[0], start)).module()
    assert_same(exported(xs[1], state), net(xs[1], state))


@pytest.mark.slow
def test_delays_and_convolutions_compile(rule):
    torch.compiler.reset()
    n = numbers
    nodes = {
        "conv": nir.Conv2d((4, 4), n(2, 1, 3, 3), 1, "same", 1, 1, n(2)),
        "delay": nir.Delay(1e-3 * (np.arange(32).reshape(2, 4, 4) % 3)),
        "pool": nir.AvgPool2d(np.array([2, 2]), np.array([2, 2]), np.array([0, 0])),
        "flat": nir.Flatten({"input": np.array([2, 2, 2])}, 0, -1),
    }
    run = Run(nirx_torch.from_nir(chain(nodes, (1, 4, 4), 8), rule))
    xs = torch.rand((5, 2, 1, 4, 4), generator=torch.Generator().manual_seed(8))
    expected, state = run(xs)
    found, other = torch.compile(run, backend="aot_eager", fullgraph=True)(xs)
    assert torch.equal(found, expected)
    assert torch.equal(other["delay"]["buffer"], state["delay"]["buffer"])
