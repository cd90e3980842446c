"""Products and maxima of spikes become Thresholds of sums, which are exact."""

# pyright: reportAttributeAccessIssue=false, reportArgumentType=false

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import nir
import numpy as np
import pytest
import torch
from torch import nn

import nirx
from nirx_torch import torch_to_nir


class Spikes(nn.Module):
    """A neuron without memory."""

    def forward(self, x):
        raise AssertionError("only traced")


def threshold(module: Any) -> nir.Threshold:
    return nir.Threshold(np.full(4, 0.5))


class Joined(nn.Module):
    """Two layers of spikes, and what is made of them."""

    def __init__(self, join: Callable[..., Any]) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(3, 4), nn.Linear(3, 4)
        self.one, self.other, self.join = Spikes(), Spikes(), join

    def forward(self, x):
        return self.join(self.one(self.a(x)), self.other(self.b(x)))


JOINS: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "and": (lambda a, b: a * b, lambda a, b: a * b),
    "iand": (lambda a, b: a * (1.0 - b), lambda a, b: a * (1 - b)),
    "iand, first": (lambda a, b: (1 - a) * b, lambda a, b: (1 - a) * b),
    "iand, negated": (lambda a, b: a * (-b + 1.0), lambda a, b: a * (1 - b)),
    "nor": (lambda a, b: (1 - a) * (1 - b), lambda a, b: (1 - a) * (1 - b)),
    "nand": (lambda a, b: torch.maximum(1 - a, 1 - b), lambda a, b: 1 - a * b),
    "or": (torch.maximum, np.maximum),
    "or, of sums": (lambda a, b: a + b - a * b, np.maximum),
    "minimum": (torch.minimum, np.minimum),
    "logical": (lambda a, b: torch.logical_or(a, b).float(), np.maximum),
    "square": (lambda a, b: a * a, lambda a, b: a),
    "of three": (lambda a, b: a * b * (1 - a * b), lambda a, b: 0 * a),
    "twice": (lambda a, b: (n := 1 - b) * a + n * a, lambda a, b: 2 * a * (1 - b)),
}


@pytest.mark.parametrize("name", JOINS)
def test_spikes_are_joined_as_the_program_says(name: str):
    join, expected = JOINS[name]
    model = Joined(join).double()
    graph = torch_to_nir(model, {Spikes: threshold})
    assert not any("nirx_gate" in (n.metadata or {}) for n in graph.nodes.values())
    xs = np.random.default_rng(0).standard_normal((40, 2, 3)) * 3
    net = nirx.from_nir(graph, "numpy", nirx.Discretization(), "float64")
    got = net.run(xs)[0]
    a, b = (
        (xs @ m.weight.detach().numpy().T + m.bias.detach().numpy() > 0.5).astype(float)
        for m in (model.a, model.b)
    )
    assert all(((a == i) & (b == j)).any() for i in (0, 1) for j in (0, 1))
    np.testing.assert_array_equal(got, expected(a, b))


REFUSED = {
    "a sum of spikes": lambda a, b: (a + b) * a,
    "a scaled spike": lambda a, b: (2 * a) * b,
    "1 - a, where 1 - a is also a value": lambda a, b: (1 - a) * b + (1 - a),
    "spikes and their opposite": lambda a, b: a * (1 - a),
    "a maximum with a number": lambda a, b: torch.maximum(a, torch.tensor(0.5)),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_spike_is_refused(name: str):
    with pytest.raises(nirx.UnsupportedError, match=r"no NIR node|adds a constant"):
        torch_to_nir(Joined(REFUSED[name]), {Spikes: threshold})


@pytest.mark.parametrize("join", [lambda a, b: a * b, lambda a, b: a * a, torch.maximum])
def test_values_of_layers_are_refused(join: Callable[..., Any]):
    with pytest.raises(nirx.UnsupportedError, match="at most one per neuron"):
        torch_to_nir(Joined(join), {Spikes: None})


def test_spikes_of_the_step_before_are_refused():
    class Late(Joined):
        def forward(self, x, state):
            a = self.one(self.a(x))
            return a * state, a

    with pytest.raises(nirx.UnsupportedError, match=r"depend on the network's inputs|at most one"):
        torch_to_nir(Late(torch.mul), {Spikes: threshold})


def test_neurons_that_may_spike_more_than_once_are_refused():
    rule = nirx.Discretization(spikes="multi")
    ones = np.ones(4)

    def neuron(module: Any) -> nir.IF:
        return nir.IF(ones, ones, 0 * ones)

    with pytest.raises(nirx.UnsupportedError, match="at most one per neuron"):
        torch_to_nir(Joined(lambda a, b: a * b), {Spikes: neuron}, discretization=rule)
