"""Cells outside every map: their operations and first steps."""

# The conventions differ on purpose.
# pyright: reportIncompatibleMethodOverride=false, reportCallIssue=false, reportIndexIssue=false
# pyright: reportOperatorIssue=false

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import nirx
from nirx_torch import torch_to_nir


class Spike(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return (x > 0).to(x.dtype)

    @staticmethod
    def backward(ctx, gradient):
        return gradient


class Adaptive(nn.Module):
    """An adaptive LIF, with its state as an argument."""

    def __init__(self):
        super().__init__()
        self.tau = nn.Parameter(torch.tensor([0.5, 1.0, 2.0]))
        self.beta = 1.6

    def step(self, x, v, a):
        decay = torch.sigmoid(self.tau)
        v = decay * v + (1 - decay) * x
        z = Spike.apply(v - (0.2 + self.beta * a))
        return z, v * (1 - z.detach()), 0.9 * a + 0.1 * z

    def forward(self, x, state=None):
        s = (torch.zeros_like(x), torch.full_like(x, 0.1)) if state is None else state
        z, v, a = self.step(x, *s)
        return z, (v, a)


def test_what_a_map_has_an_entry_for_stays_that():
    made = nirx.neuron(lambda x, s, p: (x, {}), states={}, label="mine")
    assert torch_to_nir(Adaptive(), {Adaptive: lambda module: made}).label == "mine"


def test_comparisons_as_numbers_are_spikes_and_others_are_not():
    class Refractory(nn.Module):
        def forward(self, x, state=None):
            v, rest = (torch.zeros_like(x),) * 2 if state is None else state
            v = torch.where(rest > 0, v, v + x)
            z = (v > 1.0).float()
            return z, (v * (1 - z), torch.where(z > 0, 3.0, torch.clamp(rest - 1, min=0)))

    names = [o.name for o in torch_to_nir(Refractory()).step.expression.operations]
    assert names.count("spike") == 1
    assert names.count("greater") > 1


class Refused(nn.Module):
    def __init__(self, step):
        super().__init__()
        self.step, self.calls = step, 0

    def forward(self, x, state=None):
        v = torch.zeros_like(x) if state is None else state
        self.calls += 1
        v = torch.tanh(self.step(self, v + x))
        return (v > 1).float(), v


REFUSED = {
    "roll": (lambda m, v: v.roll(1, 1), "torch's roll at test_cells.py"),
    "transpose": (lambda m, v: v.t().reshape(v.shape), "torch's t at test_cells.py"),
    "item": (lambda m, v: v * v[0, 0].item(), "torch's select at test_cells.py"),
    "counter": (lambda m, v: v * m.calls, r"changes from call to call with self.calls"),
    "sine": (torch.sin, None),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_elementwise_is_refused_with_its_line(name):
    step, said = REFUSED[name]
    cell = Refused((lambda m, v: torch.sin(v)) if said is None else step)
    with pytest.raises(nirx.UnsupportedError, match=said or "torch's sin at test_cells.py"):
        torch_to_nir(nn.Sequential(nn.Linear(3, 3), cell))
    assert cell.calls == 0


def test_a_first_step_that_starts_from_nothing_is_a_step_from_zero():
    class First(nn.Module):
        def forward(self, x, state=None):
            v = torch.tanh(x) if state is None else torch.tanh(0.5 * state + x)
            return (v > 0.5).float(), v

    assert {k: float(v) for k, v in torch_to_nir(First()).initial.items()} == {"v": 0.0}


def test_a_first_step_that_is_no_step_is_refused():
    class First(nn.Module):
        def forward(self, x, state=None):
            v = x * x if state is None else torch.tanh(0.5 * state + x)
            return (v > 0.5).float(), v

    with pytest.raises(nirx.UnsupportedError, match="not a step from any initial state"):
        torch_to_nir(First())


def test_a_parameter_of_another_form_is_computed_once():
    class Weighted(Adaptive):
        def step(self, x, v, a):
            return super().step(x * torch.softmax(self.tau, 0).unsqueeze(0), v, a)

    node = torch_to_nir(Weighted())
    expected = torch.softmax(torch.tensor([0.5, 1.0, 2.0]), 0)
    np.testing.assert_allclose(node.parameters["tau__softmax"], expected)


class Inline(torch.nn.Module):
    """A neuron that is written among the layers."""

    def __init__(self):
        super().__init__()
        self.fc = torch.nn.Linear(3, 2)

    def forward(self, x, v):
        v = v + (self.fc(x) - v) / 2
        z = (v > 1).to(x.dtype)
        return z, v * (1 - z)


def test_a_neuron_among_layers_is_told_to_be_a_module():
    said = r"gt in Inline.forward has no NIR node; .* if its step is a module of its own"
    with pytest.raises(nirx.UnsupportedError, match=said):
        torch_to_nir(Inline())
