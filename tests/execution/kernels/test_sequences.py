"""exp and tanh of reproducible mode as functions of a kernel: the same bits, in less text."""

# `plan` is of the networks that have kernels.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import nir
import numpy as np
import pytest
import torch

import nirx
from nirx import formulas as f
from nirx.execution.kernels.scan import LONGEST, scan_source, traced
from support.agreement import assert_bits
from support.graphs import line, make_graph
from support.kernels import pair
from support.neurons import alone

SPECIAL = [0.0, -0.0, 1e-40, 88.8, -104.0, 710.0, -750.0, 1500.0, np.inf, -np.inf, np.nan, 0.3]


def smooth(x, s, p):
    """Several exponentials and a tanh, as an AdEx with a soft reset has them."""
    u = p.a * s.u + f.tanh(x) * f.exp(-s.u) + 0.1 * f.sigmoid(x)
    z = f.spike(u, 0.6)
    return z + 0.01 * f.exp(x), {"u": f.where(z, 0.1 * u, u)}


def node(step=smooth, **options):
    return nirx.neuron(step, parameters={"a": 0.7}, states={"u": 0.2}, **options)


def step_of(own, dtype="float32"):
    net = nirx.from_nir(alone(own), "numpy", None, dtype, reproducible=True, execution="fused")
    return net, net.schedule.nodes[1].dynamics


def test_a_kernel_holds_a_sequence_once_however_often_it_is_called():
    net, dynamics = step_of(node())
    assert net.plan.choices[1].how == "fused"
    text = scan_source(traced(dynamics, "float32", True, False), "float32", ())
    assert text.count("def exponential(x)") == text.count("def hyperbolic_tangent(x)") == 1
    assert text.count("= exponential(") == 3
    assert "_back(" not in text


def test_a_step_of_too_many_calls_has_no_kernel():
    def step(x, s, p):
        u = s.u
        for _ in range(LONGEST // 15):
            u = f.exp(-u)
        return u, {"u": u * p.a}

    net, _ = step_of(node(step))
    (how, why) = net.plan.choices[1].how, net.plan.choices[1].why
    assert how == "plain"
    assert "take too long to compile" in why


@pytest.mark.exhaustive
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("backend", ["numpy", "torch"])
def test_the_bits_of_the_steps(backend, dtype):
    plain, fused = pair(alone(node(), 130), dtype, backend, reproducible=True)
    xs = np.random.default_rng(0).normal(0, 3, (40, 3, 130)).astype(dtype)
    xs.reshape(-1)[: len(SPECIAL)] = SPECIAL
    runs = []
    for net in (fused, plain):
        given = torch.from_numpy(xs) if backend == "torch" else xs
        runs.append(nirx.state_to_numpy(net.run(given, record="all")))
    assert_bits(*runs)


@pytest.mark.exhaustive
def test_gradients_are_those_of_the_steps():
    xs = torch.from_numpy(np.random.default_rng(1).random((30, 2, 4))).requires_grad_()

    def gradients(net):
        ys, _, recorded = net.run(xs, record="all")
        loss = (ys * torch.arange(1.0, 5.0)).sum() + sum((r * r).sum() for r in recorded.values())
        return torch.autograd.grad(loss, [xs, *net.parameters()])

    plain, fused = pair(alone(node()), "float64", "torch", reproducible=True)
    assert fused.plan.choices[1].how == "fused"
    for own, other in zip(gradients(fused), gradients(plain), strict=True):
        assert float(own.abs().max()) > 0
        torch.testing.assert_close(own, other, rtol=1e-11, atol=1e-11)


@pytest.mark.exhaustive
def test_in_a_loop_too():
    weight = np.random.default_rng(3).normal(size=(4, 4))

    def step(x, s, p):
        u = p.a * s.u + f.tanh(x) * f.exp(-s.u)
        z = f.spike(u, 0.3)
        return z, {"u": f.where(z, 0.0, u)}

    edges = [*line("input", "n", "output"), *line("n", "w", "n")]
    graph = make_graph(edges, takes=4, n=node(step), w=nir.Linear(weight))
    plain, fused = pair(graph, reproducible=True)
    assert fused.plan.choices[1].how == "loop"
    xs = np.random.default_rng(0).normal(0, 3, (40, 3, 4)).astype("f4")
    assert_bits(fused.run(xs, record="all"), plain.run(xs, record="all"))
