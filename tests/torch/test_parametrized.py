"""A parametrized network is saved, copied, moved and compiled as any other."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import nirx
import nirx_torch
from support.copies import COPIES


@pytest.fixture
def make(loop, rule):
    def make(**options):
        net = nirx_torch.from_nir(loop, rule, **options)
        nirx.parametrize(net, "*.tau", positive="softplus")
        return nirx.parametrize(net, "lif.v_threshold", positive="exp", shared="mean")

    return make


@pytest.fixture
def xs():
    return torch.rand((40, 2, 3), generator=torch.Generator().manual_seed(0))


def disturb(net):
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.mul_(0.9)


def test_the_state_dict_holds_what_is_trained_and_restores_it(make, xs):
    net = make()
    disturb(net)
    names = list(net.state_dict())
    assert names == [name for name, _ in net.named_parameters()]
    assert {"lif.raw_tau", "lif.raw_v_threshold", "li.raw_tau", "lif.r"} <= {*names}
    assert "lif.tau" not in names
    assert net.state_dict()["lif.raw_v_threshold"].shape == ()
    other = make()
    assert not torch.equal(other.run(xs)[0], net.run(xs)[0])
    other.load_state_dict(net.state_dict(), strict=True)
    assert torch.equal(other.run(xs)[0], net.run(xs)[0])


def test_the_state_dict_of_a_plain_network_is_not_taken_for_raw_numbers(make, loop, rule):
    plain: Any = nirx_torch.from_nir(loop, rule)
    with pytest.raises(RuntimeError, match=r"lif\.raw_tau"):
        make().load_state_dict(plain.state_dict())
    net = nirx.parametrize(nirx_torch.from_nir(loop, rule), "*.tau", positive="exp")
    disturb(plain)
    assert nirx_torch.load_parameters(net, plain.state_dict()) == []
    torch.testing.assert_close(net.lif.tau, plain.lif.tau)


@pytest.mark.parametrize("how", COPIES)
def test_a_copy_is_equal_and_independent(how, make, xs):
    net = make()
    expected = net.run(xs)[0]
    other = COPIES[how](net)
    assert torch.equal(other.run(xs)[0], expected)
    nirx.parametrize(other, "lif.v_threshold")
    disturb(other)
    assert not torch.equal(other.run(xs)[0], expected)
    assert torch.equal(net.run(xs)[0], expected)


def test_an_optimizer_trains_the_raw_parameter(make, xs):
    net = make()
    nirx.trainable(net, "lif.tau")
    (parameter,) = (p for p in net.parameters() if p.requires_grad)
    assert parameter is net.lif.raw_tau
    before = net.lif.tau.detach().clone()
    optimizer = torch.optim.SGD([parameter], 1e4)
    net.run(xs)[0].sum().backward()
    optimizer.step()
    assert not torch.equal(net.lif.tau, before)
    assert (net.lif.tau > 0).all()


def test_a_frozen_parameter_stays_frozen_in_its_form(make):
    net = make()
    nirx.freeze(net, "*.tau")
    nirx.parametrize(net, "*.tau", positive="exp")
    assert not net.lif.raw_tau.requires_grad
    nirx.parametrize(net, "*.tau")
    assert not net.lif.tau.requires_grad


def test_the_network_moves_to_another_dtype(make):
    net = make().double()
    assert net.lif.tau.dtype == torch.float64
    assert net.run(torch.rand((4, 2, 3), dtype=torch.float64))[0].dtype == torch.float64


def test_a_value_is_not_assigned_past_its_form(make):
    net = make()
    with pytest.raises(nirx.InputError, match=r"tau of a LIF is held as softplus; set it"):
        net.lif.tau = torch.nn.Parameter(torch.ones(4))
    assert "tau: softplus" in repr(net.lif)
    with pytest.raises(AttributeError, match="tua"):
        _ = net.lif.tua


@pytest.mark.parametrize("execution", ["fused", "plain"])
def test_kernels_and_steps_agree_on_shared_parameters(execution, make, xs):
    net, other = make(), make(execution=execution)
    nirx.parametrize(net, "*.tau", "lif.v_threshold")
    nirx.parametrize(other, "lif.v_reset", "lif.r", "fc", "w", shared="mean")
    assert all(value.is_contiguous() for value in other.lif.arrays().values())
    nirx_torch.load_parameters(net, nirx_torch.parameters_to_numpy(other))
    ys, others = net.run(xs)[0], other.run(xs)[0]
    torch.testing.assert_close(others, ys, rtol=1e-6, atol=1e-6)
    with torch.no_grad():
        torch.testing.assert_close(other.run(xs)[0], ys, rtol=1e-6, atol=1e-6)
    ys.sum().backward()
    others.sum().backward()
    torch.testing.assert_close(other.lif.raw_r.grad, net.lif.r.grad.sum(), rtol=1e-4, atol=1e-4)


@pytest.mark.exhaustive
def test_a_compiled_run_equals_eager_and_has_the_same_gradients(make, xs):
    torch.compiler.reset()
    net = make()

    def run(xs):
        return net.run(xs)[0]

    ys = run(xs[:2])
    ys.sum().backward()
    expected = {name: p.grad.clone() for name, p in net.named_parameters()}
    net.zero_grad()
    compiled = torch.compile(run, backend="aot_eager", fullgraph=True)(xs[:2])
    assert torch.equal(compiled, ys)
    compiled.sum().backward()
    for name, parameter in net.named_parameters():
        torch.testing.assert_close(parameter.grad, expected[name])


def test_functional_call_takes_raw_parameters(make, xs):
    net = make()
    own = {name: p.detach() * 0.9 for name, p in net.named_parameters()}
    found = torch.func.functional_call(net, own, (xs[0],))[0]
    disturb(net)
    torch.testing.assert_close(found, net(xs[0])[0])


def test_torchs_own_parametrizations_of_a_node_count(loop, rule, xs):
    class Doubled(torch.nn.Module):
        def forward(self, raw):
            return 2 * raw

    net: Any = nirx_torch.from_nir(loop, rule)
    weight = net.fc.weight.detach().clone()
    torch.nn.utils.parametrize.register_parametrization(net.fc, "weight", Doubled())
    other: Any = nirx_torch.from_nir(loop, rule)
    with torch.no_grad():
        other.fc.weight.copy_(2 * weight)
    assert torch.equal(net.run(xs)[0], other.run(xs)[0])
    assert (nirx_torch.to_nir(net).nodes["fc"].weight == (2 * weight).numpy()).all()
