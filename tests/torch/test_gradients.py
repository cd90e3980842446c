"""Gradients reach every parameter of every node type, and the input."""

# nir's and torch's own annotations are narrower than what both accept and give.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportOptionalMemberAccess=false

from __future__ import annotations

from typing import Any

import nir
import numpy as np
import pytest
import torch

import nirx
import nirx_torch
from support.graphs import chain, numbers


def cuba(n: Any, spiking: bool) -> Any:
    own = {
        "tau_syn": n(3, low=4e-3, high=6e-3),
        "tau_mem": n(3, low=5e-3, high=8e-3),
        "r": n(3, low=2.0, high=3.0),
        "v_leak": n(3, low=0.01, high=0.1),
        "w_in": n(3, low=2.0, high=3.0),
    }
    if not spiking:
        return nir.CubaLI(**own)
    return nir.CubaLIF(**own, v_threshold=n(3, low=0.2, high=0.3), v_reset=n(3, high=0.15))


def make(kind: str, n: Any) -> tuple[Any, tuple[int, ...], tuple[int, ...]]:
    """A node of a type, and the features it takes and gives."""
    theta, reset = n(3, low=0.2, high=0.3), n(3, low=0.05, high=0.1)
    vector = {
        "Affine": lambda: nir.Affine(n(3, 3), n(3)),
        "Linear": lambda: nir.Linear(n(3, 3)),
        "Scale": lambda: nir.Scale(n(3)),
        "Threshold": lambda: nir.Threshold(n(3)),
        "I": lambda: nir.I(n(3)),
        "IF": lambda: nir.IF(1000 * n(3), theta, reset),
        "LI": lambda: nir.LI(n(3, low=4e-3, high=8e-3), n(3), n(3)),
        "LIF": lambda: nir.LIF(n(3, low=4e-3, high=8e-3), 2 * n(3), 0.1 * n(3), theta, reset),
        "CubaLI": lambda: cuba(n, False),
        "CubaLIF": lambda: cuba(n, True),
    }
    if kind == "Conv1d":
        return nir.Conv1d(7, n(2, 3, 3), 2, 1, 1, 1, n(2)), (3, 7), (2, 4)
    if kind == "Conv2d":
        node = nir.Conv2d((5, 6), n(4, 1, 3, 2), (1, 2), (1, 0), (1, 1), 2, n(4))
        return node, (2, 5, 6), (4, 5, 3)
    return vector[kind](), (3,), (3,)


TRAINABLE = [
    *("Affine", "Linear", "Scale", "Threshold", "I", "IF", "LI", "LIF", "CubaLI", "CubaLIF"),
    *("Conv1d", "Conv2d"),
]


@pytest.mark.parametrize("kind", TRAINABLE)
def test_every_parameter_and_the_input_get_a_gradient(kind, rule):
    node, takes, gives = make(kind, numbers)
    net = nirx_torch.from_nir(
        chain({"node": node}, takes, gives), rule, dtype="float64", surrogate="arctan"
    )
    names = {k for k, v in vars(node).items() if isinstance(v, np.ndarray) and v.dtype.kind == "f"}
    assert {name.removeprefix("node.") for name, _ in net.named_parameters()} == names
    xs = torch.rand(
        (12, 2, *takes), dtype=torch.float64, generator=torch.Generator().manual_seed(3)
    )
    xs.requires_grad_()
    ys, _ = net.run(xs)
    weights = torch.linspace(0.5, 1.5, ys.numel(), dtype=torch.float64).reshape(ys.shape)
    (ys * weights).sum().backward()
    assert xs.grad is not None
    assert torch.isfinite(xs.grad).all()
    assert (xs.grad[:-2] != 0).any()
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
        assert (parameter.grad != 0).any(), name
        assert parameter.grad.shape == parameter.shape


SMOOTH = [k for k in TRAINABLE if k not in ("Threshold", "IF", "LIF", "CubaLIF")]


STATELESS = ("Affine", "Linear", "Scale", "Conv1d", "Conv2d")
"""Nodes that no integrator steps, so one integrator is enough for the quick tests."""


def smooth_cases():
    for kind in SMOOTH:
        heavy = kind == "Conv2d"
        yield pytest.param(kind, "euler", marks=[pytest.mark.exhaustive] * heavy)
        again = kind in STATELESS
        yield pytest.param(kind, "exponential", marks=[pytest.mark.exhaustive] * again)


@pytest.mark.parametrize(("kind", "integrator"), [*smooth_cases()])
def test_gradients_of_smooth_nodes_are_the_true_ones(kind, integrator):
    node, takes, gives = make(kind, numbers)
    rule = nirx.Discretization(dt=1e-3, integrator=integrator)
    net = nirx_torch.from_nir(chain({"node": node}, takes, gives), rule, dtype="float64")
    xs = torch.rand((3, *takes), dtype=torch.float64, generator=torch.Generator().manual_seed(4))
    names = [name for name, _ in net.named_parameters()]

    def run(xs: torch.Tensor, *values: torch.Tensor) -> torch.Tensor:
        class Run(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.net = net

            def forward(self, xs: torch.Tensor) -> torch.Tensor:
                return self.net.run(xs)[0]

        own = {f"net.{name}": v for name, v in zip(names, values, strict=True)}
        return torch.func.functional_call(Run(), own, (xs,))

    # tau is near 1e-3: the step of the finite difference has to be far below it
    values = [p.detach().clone().requires_grad_() for p in net.parameters()]
    assert torch.autograd.gradcheck(
        run, (xs.requires_grad_(), *values), eps=1e-8, atol=1e-4, rtol=1e-4
    )


def test_gradients_flow_through_delay_pool_and_flatten(rule):
    nodes = {
        "delay": nir.Delay(np.array([[[0.0, 1e-3], [2e-3, 1e-3]]])),
        "sum": nir.SumPool2d(np.array([2, 1]), np.array([1, 1]), np.array([1, 0])),
        "avg": nir.AvgPool2d(np.array([2, 2]), np.array([1, 1]), np.array([0, 0])),
        "flat": nir.Flatten({"input": np.array([1, 2, 1])}, 0, -1),
    }
    net = nirx_torch.from_nir(chain(nodes, (1, 2, 2), 2), rule)
    xs = torch.rand((5, 1, 2, 2)).requires_grad_()
    net.run(xs)[0].sum().backward()
    # each pixel is in two windows of `sum` by row; of those, rows 0-2 average over pairs
    assert xs.grad is not None
    assert torch.allclose(xs.grad[:3, 0, 0], torch.full((3, 2), 0.75))
    assert torch.allclose(xs.grad[:3, 0, 1], torch.full((3, 2), 0.75))
    assert xs.grad[4, 0, 0, 1] == xs.grad[4, 0, 1, 0] == 0, "still in the delay at the end"


def test_gradients_flow_around_a_feedback_loop(loop, rule):
    net = nirx_torch.from_nir(loop, rule, dtype="float64", surrogate="arctan")
    xs = torch.rand((10, 3), dtype=torch.float64, generator=torch.Generator().manual_seed(5))
    ys, _, rec = net.run(xs, record=["lif"])
    ys.sum().backward()
    spiked = rec["lif"][:-1].sum(0) > 0
    assert spiked.sum() >= 3
    assert torch.equal(net.w.weight.grad != 0, spiked.expand(4, 4))


def test_gradients_flow_through_the_state(loop, rule):
    net = nirx_torch.from_nir(loop, rule, dtype="float64", surrogate="arctan")
    xs = torch.rand((10, 3), dtype=torch.float64, generator=torch.Generator().manual_seed(6))
    net.run(xs)[0][-1].sum().backward()
    whole = [p.grad.clone() for p in net.parameters()]
    net.zero_grad()
    _, state = net.run(xs[:4])
    net.run(xs[4:], state)[0][-1].sum().backward()
    for name_and_parameter, expected in zip(net.named_parameters(), whole, strict=True):
        name, parameter = name_and_parameter
        assert torch.allclose(parameter.grad, expected, rtol=1e-10, atol=1e-14), name
