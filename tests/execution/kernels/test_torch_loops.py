"""Gradients of cyclic components: those of the steps one by one."""

import itertools

import numpy as np
import pytest
import torch

import nirx
from support.kernels import loop_spikes, looped, pair

RULES = {
    "default": {},
    "subtract": {"reset": "subtract", "integrator": "exponential"},
    "next": {"reset_when": "next", "synapse": "voltage-first"},
}


def gradients(net, xs, state=None, record=("a.v", "b", "back")):
    """The gradients of a loss of outputs, recordings, last states and late values."""
    ys, last, recorded = net.run(xs, state, record=list(record), chunk=16)
    weight = torch.linspace(-1, 1, ys.numel(), dtype=ys.dtype).reshape(ys.shape)
    loss = (ys * weight).sum() + sum((r**2).mean() for r in recorded.values())
    loss = loss + (last["b"]["v"] ** 3).sum() + sum(v.sum() for v in leaves(last))
    names, parameters = zip(*sorted(net.named_parameters()), strict=True)
    starts = [] if state is None else leaves(state)
    found = torch.autograd.grad(loss, [xs, *starts, *parameters], allow_unused=True)
    return dict(
        zip(["xs", *(f"state {i}" for i in range(len(starts))), *names], found, strict=True)
    )


def leaves(tree):
    if isinstance(tree, dict):
        return [leaf for name in sorted(tree) for leaf in leaves(tree[name])]
    return [tree]


def assert_equal(found, expected):
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert (found[name] is None) == (value is None), name
        if value is not None:
            bound = 1e-12 * float(value.abs().max())
            assert float((found[name] - value).abs().max()) <= bound, name


def inputs():
    return torch.tensor(loop_spikes("float64"), requires_grad=True)


def every_case():
    """Each choice is in one of three; the other combinations are for `make test-all`."""
    quick = [("default", False, False), ("subtract", True, True)]
    for case in itertools.product(RULES, [False, True], [False, True]):
        yield pytest.param(*case, marks=[] if case in quick else pytest.mark.exhaustive)


@pytest.mark.parametrize(("rule", "detach", "reproducible"), [*every_case()])
@pytest.mark.sampled(3)
def test_the_gradients_of_the_steps(rule, detach, reproducible, monkeypatch):
    ran = count_kernels(monkeypatch)
    options = {"detach_reset": detach, "surrogate": "arctan"}
    plain, fused = pair(looped(), "float64", "torch", reproducible, options, dt=1.0, **RULES[rule])
    expected = gradients(plain, inputs())
    assert not ran
    assert_equal(gradients(fused, inputs()), expected)
    assert ran


@pytest.mark.exhaustive
def test_from_a_state():
    plain, fused = pair(looped(), "float64", "torch", dt=1.0)
    with torch.no_grad():
        _, state = plain.run(inputs())
    for leaf in leaves(state):
        leaf.requires_grad_()
    assert_equal(gradients(fused, inputs(), state), gradients(plain, inputs(), state))


def test_without_a_batch_axis():
    plain, fused = pair(looped(), "float64", "torch", dt=1.0)
    found = [gradients(net, inputs()[:, 0].detach().requires_grad_()) for net in (fused, plain)]
    assert_equal(*found)


def test_an_empty_batch_has_gradients():
    _, fused = pair(looped(), "float64", "torch", dt=1.0)
    found = gradients(fused, inputs()[:, :0].detach().requires_grad_())
    assert all((g == 0).all() for g in found.values())


@pytest.mark.exhaustive
def test_many_products_are_multiplied(monkeypatch):
    ran = count_kernels(monkeypatch)
    monkeypatch.setattr("nirx_torch.fused_loop.LARGEST", 0)
    monkeypatch.setattr("nirx_torch.fused_loop.MOST_PRODUCTS", 10)
    plain, fused = pair(looped(), "float64", "torch", dt=1.0)
    assert_equal(gradients(fused, inputs()), gradients(plain, inputs()))
    assert not ran


def test_second_derivatives_are_refused():
    _, fused = pair(looped(), "float64", "torch", dt=1.0)
    xs = inputs()
    with pytest.raises(nirx.UnsupportedError, match='execution="plain"'):
        torch.autograd.grad(fused.run(xs)[0].sum(), xs, create_graph=True)
    with pytest.raises(nirx.UnsupportedError, match="is_grads_batched"):
        torch.autograd.grad(fused.run(xs)[0].sum(), xs, torch.ones(2), is_grads_batched=True)


def count_kernels(monkeypatch):
    """Calls of the kernel that runs a component backwards."""
    from nirx_torch import fused_loop

    ran, own = [], fused_loop.backward_loop

    def counted(*arguments):
        ran.append(arguments)
        return own(*arguments)

    monkeypatch.setattr(fused_loop, "backward_loop", counted)
    return ran


def test_spikes_flow_both_ways():
    """The network of these tests spikes, and not always."""
    plain, _ = pair(looped(), "float64", "torch", dt=1.0)
    with torch.no_grad():
        rates = [float(v.mean()) for v in plain.run(inputs(), record=["a", "b"])[2].values()]
    assert all(0 < rate < 1 for rate in rates)
    assert np.isfinite(rates).all()
