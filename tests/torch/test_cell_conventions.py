"""Cells that no map knows: traced by `torch_to_nir` into `nirx.Neuron` nodes."""

# nir's and torch's annotations are narrower than what both take and give.
# pyright: reportAttributeAccessIssue=false, reportArgumentType=false
# pyright: reportIncompatibleMethodOverride=false, reportCallIssue=false, reportIndexIssue=false
# pyright: reportOperatorIssue=false

from __future__ import annotations

import copy
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from torch import nn

import nirx
from nirx_torch import torch_to_nir

STEPS, BATCH, SIZE = 60, 3, 4


class Surrogate(torch.autograd.Function):
    """As users write it."""

    @staticmethod
    def forward(ctx: Any, v: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(v)
        return (v > 0).to(v.dtype)

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> torch.Tensor:
        (v,) = ctx.saved_tensors
        return grad / (1 + 10 * v.abs()) ** 2


class Held(NamedTuple):
    v: torch.Tensor
    a: torch.Tensor


class ALIF(nn.Module):
    """A leaky neuron whose threshold rises with each spike."""

    def __init__(self) -> None:
        super().__init__()
        self.beta = nn.Parameter(torch.linspace(0.7, 0.9, SIZE))
        self.register_buffer("rise", torch.tensor(0.3))
        self.decay_a = 0.95

    def step(self, x: Any, v: Any, a: Any) -> Any:
        v = self.beta * v + x
        z = Surrogate.apply(v - 1.0 - self.rise * a)
        return z, v * (1 - z.detach()), self.decay_a * a + z


class WithTuple(ALIF):
    def forward(self, x, state=None):
        if state is None:
            state = torch.zeros_like(x), torch.full_like(x, 0.5)
        z, v, a = self.step(x, *state)
        return z, (v, a)


class WithNamedTuple(ALIF):
    def forward(self, x, state=None):
        state = Held(torch.zeros_like(x), torch.full_like(x, 0.5)) if state is None else state
        z, v, a = self.step(x, state.v, state.a)
        return z, Held(v, a)


class WithDict(ALIF):
    def forward(self, x, state=None):
        if state is None:
            state = {"v": torch.zeros_like(x), "a": torch.full_like(x, 0.5)}
        z, v, a = self.step(x, state["v"], state["a"])
        return z, {"v": v, "a": a}


class WithArguments(ALIF):
    def forward(self, x, v=None, a=None):
        v = torch.zeros_like(x) if v is None else v
        a = torch.full_like(x, 0.5) if a is None else a
        return self.step(x, v, a)


class WithAttributes(ALIF):
    def __init__(self) -> None:
        super().__init__()
        self.v: Any = None
        self.a: Any = None

    def forward(self, x):
        if self.v is None:
            self.v, self.a = torch.zeros_like(x), torch.full_like(x, 0.5)
        z, self.v, self.a = self.step(x, self.v, self.a)
        return z


class WithNumbers(ALIF):
    """Its states begin as plain numbers, as in SpikingJelly."""

    def __init__(self) -> None:
        super().__init__()
        self.v: Any = 0.0
        self.a: Any = 0.5

    def forward(self, x):
        z, self.v, self.a = self.step(x, self.v, self.a)
        return z


class WithBuffers(ALIF):
    """Writes into buffers (which have the two samples of the tracer), and resets with a mask."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("v", torch.zeros(2, SIZE))
        self.register_buffer("a", torch.full((2, SIZE), 0.5))

    def forward(self, x):
        self.v.mul_(self.beta).add_(x)
        z = Surrogate.apply(self.v - 1.0 - self.rise * self.a)
        self.v[z > 0] = 0.0
        self.a.mul_(self.decay_a).add_(z)
        return z


KINDS = [
    *(WithTuple, WithNamedTuple, WithDict, WithArguments),
    *(WithAttributes, WithNumbers, WithBuffers),
]
RETURNING = (WithTuple, WithNamedTuple, WithDict)


def drive(size: int = SIZE) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(0).random((STEPS, BATCH, size)))


def by_hand(xs: torch.Tensor) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Spikes, and v and a at the end, of an `ALIF`."""
    beta = np.linspace(0.7, 0.9, SIZE, dtype=np.float32).astype(float)
    rise, v, a, ys = float(np.float32(0.3)), np.zeros(xs.shape[1:]), np.full(xs.shape[1:], 0.5), []
    for x in xs.numpy():
        v = beta * v + x
        z = (v > 1.0 + rise * a).astype(float)
        v, a = v * (1 - z), 0.95 * a + z
        ys.append(z)
    return np.array(ys), v, a


def the_neuron(graph: Any) -> tuple[str, nirx.Neuron]:
    (found,) = [(k, n) for k, n in graph.nodes.items() if isinstance(n, nirx.Neuron)]
    return found


def run(graph: Any, xs: torch.Tensor) -> tuple[np.ndarray, Any]:
    return nirx.from_nir(graph, "numpy", nirx.Discretization(dt=1.0), "float64").run(xs.numpy())


@pytest.mark.parametrize("kind", KINDS)
def test_a_cell_in_every_convention(kind):
    graph = torch_to_nir(kind(), input_shape=(SIZE,))
    name, node = the_neuron(graph)
    assert node.label == kind.__name__
    assert list(node.step.states) == ["v", "a"] or kind is WithTuple
    assert sorted(node.parameters) == ["beta", "rise"]
    np.testing.assert_array_equal([float(v) for v in node.initial.values()], [0.0, 0.5])
    xs = drive()
    ys, state = run(graph, xs)
    spikes, v, a = by_hand(xs)
    assert spikes.sum() > 100
    np.testing.assert_array_equal(ys, spikes)
    for value, expected in zip(state[name].values(), (v, a), strict=True):
        np.testing.assert_allclose(value, expected, atol=1e-12)


def test_a_cell_alone_is_its_node_as_other_mapped_modules_are():
    assert isinstance(torch_to_nir(WithAttributes()), nirx.Neuron)


class Inside(nn.Module):
    """Between layers, and the same cell twice."""

    def __init__(self, kind: Any) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.fc1, self.fc2, self.fc3 = nn.Linear(5, SIZE), nn.Linear(SIZE, SIZE), nn.Linear(SIZE, 2)
        self.one, self.two = kind(), kind()
        self.keeps = kind in RETURNING

    def forward(self, x, state=None):
        if not self.keeps:
            return self.fc3(self.two(self.fc2(3 * self.one(2 * self.fc1(x)))))
        one, two = (None, None) if state is None else state
        z, one = self.one(2 * self.fc1(x), one)
        z, two = self.two(self.fc2(3 * z), two)
        return self.fc3(z), (one, two)


def run_model(model: nn.Module, xs: torch.Tensor, keeps: bool) -> np.ndarray:
    own, state, ys = copy.deepcopy(model).double(), None, []
    with torch.no_grad():
        for x in xs:
            result = own(x, state) if keeps else own(x)
            y, state = result if keeps else (result, None)
            ys.append(y.numpy())
    return np.array(ys)


@pytest.mark.parametrize("kind", [WithDict, WithAttributes])
def test_cells_in_a_model_run_as_the_model_does(kind):
    model = Inside(kind)
    graph = torch_to_nir(model)
    neurons = {k: n for k, n in graph.nodes.items() if isinstance(n, nirx.Neuron)}
    assert list(neurons) == ["one", "two"]
    xs = 6 * drive(5)
    expected = run_model(model, xs, kind is WithDict)
    ys, state = run(graph, xs)
    assert np.ptp(expected) > 0
    np.testing.assert_allclose(ys, expected, atol=1e-12)
    assert set(state) == {"one", "two"}
    own, _ = nirx.from_nir(graph, "torch", nirx.Discretization(dt=1.0), "float64").run(xs)
    np.testing.assert_allclose(own.detach().numpy(), expected, atol=1e-12)


def test_a_cell_in_sequential():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(5, SIZE), WithNumbers(), nn.Linear(SIZE, 2))
    xs = 6 * drive(5)
    ys, _ = run(torch_to_nir(model), xs)
    np.testing.assert_allclose(ys, run_model(model, xs, keeps=False), atol=1e-12)


def matrix(m, x):
    return x @ m.w


def total(m, x):
    return x + x.sum(-1, keepdim=True)


def average(m, x):
    return x - x.mean(0)


def noise(m, x):
    return x + torch.rand_like(x)


def number(m, x):
    return x if x.max().item() > 0 else -x


def longer(m, x):
    return torch.cat([x, x], -1)[:, 1:-3]


REFUSED = [
    (matrix, "mm", "is a matrix product"),
    (total, "sum", "adds up neurons or samples"),
    (average, "mean", "adds up neurons or samples"),
    (noise, "rand_like", "is random"),
    (number, "", "decides or computes by the values of a tensor"),
    (longer, "cat", "gives another shape"),
]


class Odd(nn.Module):
    def __init__(self, step: Any) -> None:
        super().__init__()
        self.step, self.v = step, None
        self.w = nn.Parameter(torch.eye(SIZE))

    def forward(self, x):
        v = torch.zeros_like(x) if self.v is None else self.v
        self.v = 0.9 * v + x
        return self.step(self, self.v) * (self.v > 1)


@pytest.mark.parametrize(("step", "operation", "said"), REFUSED)
def test_what_is_not_elementwise_is_refused_with_the_line(step, operation, said):
    model = nn.Sequential(nn.Linear(5, SIZE), Odd(step))
    line = step.__code__.co_firstlineno + 1
    with pytest.raises(nirx.UnsupportedError) as caught:
        torch_to_nir(model)
    text = str(caught.value)
    assert f"1 (Odd): torch's {operation}" in text or not operation
    assert f"at test_cell_conventions.py:{line}" in text
    assert said in text
    assert "use torch.where" in text or "put layers (such as nn.Linear) outside it" in text
    assert "As a neuron of its own" in text


@pytest.mark.parametrize("kind", KINDS)
def test_the_module_stays_as_it_was(kind):
    cell = kind()
    before = {k: (v, v.clone()) for k, v in cell.state_dict(keep_vars=True).items()}
    attributes = {k: v for k, v in vars(cell).items() if not k.startswith("_")}
    _, node = the_neuron(torch_to_nir(cell, input_shape=(SIZE,)))
    for name, (tensor, copied) in before.items():
        assert dict(cell.state_dict(keep_vars=True))[name] is tensor
        assert torch.equal(tensor, copied)
        if name in node.parameters:
            assert not np.shares_memory(node.parameters[name], tensor.detach().numpy())
    assert {k: v for k, v in vars(cell).items() if not k.startswith("_")} == attributes
    node.parameters["beta"][...] = 9.0
    assert torch.equal(cell.beta, before["beta"][1])


class Mixed(nn.Module):
    """With as many neurons as the example has samples, no shape shows the transposition."""

    v: Any = None

    def forward(self, x):
        v = torch.zeros_like(x) if self.v is None else self.v
        self.v = 0.5 * v + x.T
        return (self.v > 1).to(x.dtype)


def test_a_step_that_mixes_neurons_unseen_is_found_on_random_numbers():
    with pytest.raises(nirx.UnsupportedError, match="its step mixes neurons or samples"):
        torch_to_nir(Mixed(), input_shape=(2,))


def test_one_cell_called_twice_with_one_state_is_refused():
    cell = WithAttributes()
    with pytest.raises(nirx.UnsupportedError, match="called twice in a step and keeps one state"):
        torch_to_nir(nn.Sequential(nn.Linear(5, SIZE), cell, cell))


def test_parameters_per_channel_of_images():
    class Channels(WithNumbers):
        def __init__(self) -> None:
            super().__init__()
            self.beta = nn.Parameter(torch.tensor([0.7, 0.8, 0.9]).reshape(3, 1, 1))

    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(2, 3, 3), Channels())
    xs = 3 * torch.rand(STEPS, BATCH, 2, 5, 5, dtype=torch.float64)
    expected = run_model(model, xs, keeps=False)
    assert expected.sum() > 100
    ys, _ = run(torch_to_nir(model, input_shape=(2, 5, 5)), xs)
    np.testing.assert_array_equal(ys, expected)
