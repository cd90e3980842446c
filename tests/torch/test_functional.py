"""torch.func: functional_call, grad and vmap."""

# nir's and torch's own annotations are narrower than what both accept and give.
# pyright: reportAttributeAccessIssue=false, reportCallIssue=false

from __future__ import annotations

import pytest
import torch
from torch.func import functional_call, grad, stack_module_state, vmap

import nirx_torch


@pytest.fixture
def net(loop, rule):
    return nirx_torch.from_nir(loop, rule, dtype="float64", surrogate="arctan")


@pytest.fixture
def xs():
    generator = torch.Generator().manual_seed(9)
    return torch.rand((8, 5, 3), dtype=torch.float64, generator=generator)


def close(a, b):
    return torch.allclose(a, b, rtol=1e-12, atol=1e-14)


def test_functional_call_runs_with_the_parameters_given(net, loop, rule, xs):
    own = {name: p.detach() * 1.25 for name, p in net.named_parameters()}
    scaled = nirx_torch.from_nir(loop, rule, dtype="float64")
    scaled.load_state_dict(own)
    y, state = functional_call(net, own, (xs[0],))
    assert torch.equal(y, scaled(xs[0])[0])
    assert torch.equal(state["lif"]["v"], scaled(xs[0])[1]["lif"]["v"])
    assert not torch.equal(state["lif"]["v"], net(xs[0])[1]["lif"]["v"])


def test_func_grad_equals_backward(net, xs):
    def loss(parameters):
        y, state = functional_call(net, parameters, (xs[0],))
        return (y * y).sum() + state["lif"]["v"].sum()

    found = grad(loss)({k: p.detach() for k, p in net.named_parameters()})
    loss(dict(net.named_parameters())).backward()
    for name, parameter in net.named_parameters():
        expected = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
        assert close(found[name], expected), name


def test_vmap_over_the_batch_equals_the_batch(net, xs):
    whole, state = net.run(xs)
    found, found_state = vmap(net.run, in_dims=1, out_dims=(1, 0))(xs)
    assert close(found, whole)
    assert close(found_state["li"]["v"], state["li"]["v"])


def test_vmap_over_input_and_state(net, xs):
    _, state = net.run(xs[:4])
    whole, after = net(xs[4], state)
    found, found_after = vmap(net)(xs[4], state)
    assert close(found, whole)
    assert close(found_after["lif"]["feedback"]["w"], after["lif"]["feedback"]["w"])


def test_vmap_of_a_network_without_gradients(net, xs):
    net.requires_grad_(False)
    assert close(vmap(net.run, in_dims=1, out_dims=(1, 0))(xs)[0], net.run(xs)[0])


def test_gradients_per_sample(net, xs):
    parameters = {k: p.detach() for k, p in net.named_parameters()}

    def loss(parameters, x):
        y, state = functional_call(net, parameters, (x,))
        return y.sum() + state["lif"]["v"].sum()

    each = vmap(grad(loss), in_dims=(None, 0))(parameters, xs[0])
    whole = grad(loss)(parameters, xs[0])
    for name, own in each.items():
        assert own.shape == (5, *parameters[name].shape)
        assert close(own.sum(0), whole[name]), name
    assert not close(each["fc.weight"][0], each["fc.weight"][1])


def test_an_ensemble_of_networks_under_vmap(loop, rule, xs):
    nets = [nirx_torch.from_nir(loop, rule, dtype="float64") for _ in range(3)]
    for i, net in enumerate(nets):
        with torch.no_grad():
            net.fc.bias.add_(0.1 * i)
    parameters, buffers = stack_module_state(nets)  # type: ignore[arg-type]

    def run(parameters, buffers, x):
        return functional_call(nets[0], (parameters, buffers), (x,))[1]["lif"]["v"]

    found = vmap(run, in_dims=(0, 0, None))(parameters, buffers, xs[0])
    for i, net in enumerate(nets):
        assert close(found[i], net(xs[0])[1]["lif"]["v"])
