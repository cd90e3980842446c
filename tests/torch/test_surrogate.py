"""The gradient of a LIF step is that of its equations and the surrogate, derived by hand."""

# nir's and torch's own annotations are narrower than what both accept and give.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import math

import nir
import numpy as np
import pytest
import torch

import nirx
import nirx_torch
from support.graphs import chain

A, R, LEAK, THETA, RESET, V0 = 0.5, 1.5, 0.25, 0.4, -0.2, 0.1
SILENT, SPIKING = 0.3, 0.6  # v = 0.4 - 1/20 -> below theta, and above it

SURROGATES = {
    "superspike": lambda u: 1 / (1 + 100 * abs(u)) ** 2,
    "arctan": lambda u: 1 / (1 + (math.pi * u) ** 2),
    "triangular": lambda u: max(0.0, 1 - abs(u)),
    "straight-through": lambda u: 1.0,
}


def quadratic(u):
    return 3.0 - u * u


@pytest.fixture(params=[*SURROGATES, "callable"])
def surrogate(request):
    name = request.param
    return (quadratic, quadratic) if name == "callable" else (name, SURROGATES[name])


def step(x, surrogate, detach_reset, **choices):
    """One step from V0: the network, the input, spike and new v."""
    values = [np.array([p]) for p in (2.0, R, LEAK, THETA, RESET)]
    graph = chain({"lif": nir.LIF(*values)}, 1, 1)
    rule = nirx.Discretization(dt=1.0, **choices)
    net = nirx_torch.from_nir(
        graph, rule, dtype="float64", surrogate=surrogate, detach_reset=detach_reset
    )
    given = torch.tensor([x], dtype=torch.float64, requires_grad=True)
    start = torch.tensor([V0], dtype=torch.float64, requires_grad=True)
    z, state = net(given, {"lif": {"v": start}})
    return net.lif, given, start, z, state["lif"]["v"]


def gradient(y, *of):
    grads = torch.autograd.grad(y, of, allow_unused=True, retain_graph=True)
    return [0.0 if g is None else g.item() for g in grads]


@pytest.mark.parametrize("x", [SILENT, SPIKING])
def test_the_spike(x, surrogate):
    given, by_hand = surrogate
    lif, x_, v0, z, _ = step(x, given, detach_reset=False)
    v = V0 + A * ((LEAK - V0) + R * x)
    s = by_hand(v - THETA)
    assert z.item() == float(v > THETA)
    expected = [s * A * R, s * (1 - A), -s, 0.0, s * A * x, s * A]
    found = gradient(z, x_, v0, lif.v_threshold, lif.v_reset, lif.r, lif.v_leak)
    assert found == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("detach_reset", [False, True])
@pytest.mark.parametrize("x", [SILENT, SPIKING])
def test_through_a_reset_to_a_value(x, detach_reset, surrogate):
    given, by_hand = surrogate
    lif, x_, v0, _, v_new = step(x, given, detach_reset)
    v = V0 + A * ((LEAK - V0) + R * x)
    z = float(v > THETA)
    assert v_new.item() == pytest.approx(RESET if z else v)
    through = 0.0 if detach_reset else by_hand(v - THETA) * (RESET - v)
    expected = [(1 - z + through) * A * R, (1 - z + through) * (1 - A), -through, z]
    found = gradient(v_new, x_, v0, lif.v_threshold, lif.v_reset)
    assert found == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("detach_reset", [False, True])
@pytest.mark.parametrize("x", [SILENT, SPIKING])
def test_through_a_reset_by_subtraction(x, detach_reset, surrogate):
    given, by_hand = surrogate
    lif, x_, _, _, v_new = step(x, given, detach_reset, reset="subtract")
    v = V0 + A * ((LEAK - V0) + R * x)
    z = float(v > THETA)
    assert v_new.item() == pytest.approx(v - z * THETA)
    s = 0.0 if detach_reset else by_hand(v - THETA)
    expected = [(1 - s * THETA) * A * R, -z + s * THETA, 0.0]
    found = gradient(v_new, x_, lif.v_threshold, lif.v_reset)
    assert found == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("detach_reset", [False, True])
def test_spike_and_reset_in_one_loss_add_up(detach_reset):
    lif, x_, _, z, v_new = step(SPIKING, "arctan", detach_reset)
    both = gradient(z + 2 * v_new, x_, lif.v_threshold)
    alone = [
        a + 2 * b
        for a, b in zip(
            gradient(z, x_, lif.v_threshold),
            gradient(v_new, x_, lif.v_threshold),
            strict=True,
        )
    ]
    assert both == pytest.approx(alone, rel=1e-12)


def test_several_spikes_have_the_gradient_of_one_surrogate():
    lif, x_, _, z, _ = step(2.4, "straight-through", False, spikes="multi", reset="none")
    v = V0 + A * ((LEAK - V0) + R * 2.4)
    assert z.item() == v // THETA > 1
    assert gradient(z, x_, lif.v_threshold) == pytest.approx([A * R, -1.0])


def test_an_unknown_surrogate_is_refused_with_the_choices(loop, rule):
    with pytest.raises(nirx.InputError, match="did you mean 'arctan'"):
        nirx_torch.from_nir(loop, rule, surrogate="arctam")
