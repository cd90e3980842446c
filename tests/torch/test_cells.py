"""Cells outside every map, traced into `nirx.Neuron` nodes."""

# The conventions differ on purpose.
# pyright: reportIncompatibleMethodOverride=false, reportCallIssue=false, reportIndexIssue=false
# pyright: reportOperatorIssue=false

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
import torch
from torch import nn

import nirx
from nirx_torch import torch_to_nir


class State(NamedTuple):
    v: torch.Tensor
    a: torch.Tensor


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

    def start(self, x):
        return State(torch.zeros_like(x), torch.full_like(x, 0.1))

    def step(self, x, v, a):
        decay = torch.sigmoid(self.tau)
        v = decay * v + (1 - decay) * x
        z = Spike.apply(v - (0.2 + self.beta * a))
        return z, v * (1 - z.detach()), 0.9 * a + 0.1 * z

    def forward(self, x, state=None):
        s = self.start(x) if state is None else state
        z, v, a = self.step(x, *s)
        return z, State(v, a)


class AsDict(Adaptive):
    def forward(self, x, state=None):
        s = state or self.start(x)._asdict()
        z, v, a = self.step(x, s["v"], s["a"])
        return z, {"v": v, "a": a}


class Arguments(Adaptive):
    def forward(self, x, v=None, a=None):
        if v is None:
            v, a = self.start(x)
        return self.step(x, v, a)


class Hidden(Adaptive):
    def __init__(self):
        super().__init__()
        self.v, self.a = None, None

    def forward(self, x):
        if self.v is None:
            self.v, self.a = self.start(x)
        z, self.v, self.a = self.step(x, self.v, self.a)
        return z


class InPlace(Adaptive):
    """Writes into buffers, and resets with a mask."""

    def __init__(self):
        super().__init__()
        self.register_buffer("v", torch.zeros(2, 3))
        self.register_buffer("a", torch.full((2, 3), 0.1))

    def forward(self, x):
        decay = torch.sigmoid(self.tau)
        self.v.mul_(decay).add_((1 - decay) * x)
        z = Spike.apply(self.v - (0.2 + self.beta * self.a))
        self.v[z > 0] = 0.0
        self.a.mul_(0.9).add_(0.1 * z)
        return z


def inputs(steps=300):
    return torch.rand(steps, 2, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def stepped(cell, xs):
    """What a module gives when it is called for every step."""
    found, state = [], ()
    with torch.no_grad():
        for x in xs:
            y = cell(x, *state)
            y, *state = y if isinstance(y, tuple) else (y,)
            found.append(y)
    return torch.stack(found).numpy()


@pytest.mark.parametrize("make", [Adaptive, AsDict, Arguments, Hidden, InPlace])
def test_an_adaptive_lif_in_each_convention_has_the_spikes_of_its_module(make):
    cell, xs = make().double(), inputs()
    before = {k: v.clone() for k, v in cell.state_dict().items()}
    node = torch_to_nir(cell)
    assert isinstance(node, nirx.Neuron)
    assert all(torch.equal(v, before[k]) for k, v in cell.state_dict().items())
    assert getattr(cell, "v", None) is None or "v" in before
    assert sorted(node.parameters) == ["tau"]
    assert {k: float(v) for k, v in node.initial.items()} == pytest.approx({"v": 0.0, "a": 0.1})
    expected = stepped(cell, xs)
    assert 0 < expected.sum() < expected.size
    net = nirx.from_nir(node, backend="numpy", dtype="float64")
    np.testing.assert_array_equal(net.run(xs.numpy())[0], expected)
    got = nirx.from_nir(node, backend="torch", dtype="float64").run(xs)[0]
    np.testing.assert_array_equal(got.detach().numpy(), expected)


def test_a_model_of_layers_and_cells():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.n, self.b = nn.Linear(4, 3), Adaptive(), nn.Linear(3, 2)

        def forward(self, x, state=None):
            z, state = self.n(self.a(x), state)
            return self.b(z), state

    net = Net().double()
    graph = torch_to_nir(net)
    assert type(graph.nodes["n"]).__name__ == "Neuron"
    xs = torch.rand(50, 2, 4, dtype=torch.float64) * 3
    got = nirx.from_nir(graph, backend="numpy", dtype="float64").run(xs.numpy())[0]
    np.testing.assert_allclose(got, stepped(net, xs), atol=1e-12)


def test_the_graph_shares_no_memory_with_the_module():
    cell = Adaptive()
    node = torch_to_nir(cell)
    node.parameters["tau"][:] = 9
    assert cell.tau.tolist() == [0.5, 1.0, 2.0]


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
        self.w = nn.Parameter(torch.eye(3))

    def forward(self, x, state=None):
        v = torch.zeros_like(x) if state is None else state
        self.calls += 1
        v = torch.tanh(self.step(self, v + x))
        return (v > 1).float(), v


def decides(m, v):
    return v if bool((v > 0).any()) else -v


REFUSED = {
    "matrix product": (lambda m, v: v @ m.w, "torch's mm at test_cells.py"),
    "mean": (lambda m, v: v - v.mean(), "torch's mean at test_cells.py"),
    "random": (lambda m, v: v + torch.rand_like(v), "torch's rand_like at test_cells.py"),
    "roll": (lambda m, v: v.roll(1, 1), "torch's roll at test_cells.py"),
    "transpose": (lambda m, v: v.t().reshape(v.shape), "torch's t at test_cells.py"),
    "item": (lambda m, v: v * v[0, 0].item(), "torch's select at test_cells.py"),
    "branch": (decides, r"by the values of a tensor at test_cells.py"),
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
