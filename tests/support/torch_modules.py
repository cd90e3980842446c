"""Torch modules of tests, and what is done with them: traced, run step by step, compared."""

# nir's and torch's own annotations are narrower than what both accept and give.
# pyright: reportArgumentType=false, reportIncompatibleMethodOverride=false

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import nir
import numpy as np
import torch
from torch import nn

import nirx
from nirx_torch import nir_to_torch, torch_to_nir

__all__ = [
    "RULE",
    "Forward",
    "Net",
    "Stepping",
    "assert_reads_back",
    "assert_same_numbers",
    "build",
    "cell",
    "in_a_loop",
    "lif",
    "li",
    "linear",
    "plain_loop",
    "runs_on_both",
    "samples",
    "sequential",
    "threshold",
]

RULE = nirx.Discretization(dt=1e-3)

Forward = Callable[..., Any]


class Net(nn.Module):
    """A module whose forward is a function of itself and its input."""

    def __init__(self, step: Forward, **children: Any):
        super().__init__()
        self.step = step
        for name, child in children.items():
            setattr(self, name, child)

    def forward(self, x):
        return self.step(self, x)


class Stepping(Net):
    """The same with a state."""

    def forward(self, x, state):
        return self.step(self, x, state)


def linear(seed: int, bias: bool = True) -> nn.Linear:
    """3 features to 3, in float64."""
    layer = nn.Linear(3, 3, bias).double()
    generator = torch.Generator().manual_seed(seed)
    for parameter in layer.parameters():
        parameter.data.copy_(torch.rand(parameter.shape, generator=generator) - 0.35)
    return layer


def build(step: Forward, **children: Any) -> Net:
    """A `Net` in float64 and eval mode, by default with two Linear layers a and b."""
    net = Net(step, **(children or {"a": nn.Linear(3, 3), "b": nn.Linear(3, 3)}))
    for index, parameter in enumerate(net.parameters()):
        generator = torch.Generator().manual_seed(index)
        parameter.data.copy_(torch.rand(parameter.shape, generator=generator) - 0.4)
    return net.double().eval()


def sequential(*layers: nn.Module) -> nn.Sequential:
    return nn.Sequential(*layers).double().eval()


def lif() -> Any:
    """A LIF that nirx runs."""
    tau, zero = np.array([4e-3, 6e-3, 8e-3]), np.zeros(3)
    node = nir.LIF(tau, np.full(3, 2.0), zero, np.full(3, 0.15), zero)
    return nir_to_torch(node, discretization=RULE)


def li() -> Any:
    node = nir.LI(np.full(3, 5e-3), np.full(3, 2.0), np.zeros(3))
    return nir_to_torch(node, discretization=RULE)


def threshold() -> Any:
    return nir_to_torch(nir.Threshold(np.full(3, 0.2)))


def cell(step: Forward) -> Stepping:
    """Two layers, two recurrent layers without and one with bias, two LIF, a LI, a Threshold."""
    layers = {"a": linear(0), "b": linear(1), "r": linear(2, False), "q": linear(3, False)}
    return Stepping(step, **layers, c=linear(4), n=lif(), m=lif(), i=li(), t=threshold()).double()


def samples(*shape: int, steps: int = 12) -> torch.Tensor:
    """[steps, 4, *shape], by default of 3 features."""
    generator = torch.Generator().manual_seed(5)
    size = (steps, 4, *(shape or (3,)))
    return torch.rand(size, generator=generator, dtype=torch.float64) * 2 - 0.5


def in_a_loop(net: nn.Module, xs: Any, state: Any) -> np.ndarray:
    """What a module with state gives, called step by step."""
    rows = []
    with torch.no_grad():
        for x in xs:
            y, state = net(x, state)
            rows.append(y)
    return torch.stack(rows).numpy()


def runs_on_both(graph: nir.NIRGraph, xs: Any) -> list[Any]:
    """Outputs of the graph on the NumPy and the torch backend, in float64."""
    rule = None if "nirx_discretization" in graph.metadata else nirx.Discretization()
    nets = (nirx.from_nir(graph, b, rule, "float64") for b in ("numpy", "torch"))
    return [nirx.state_to_numpy(net.run(xs)[0]) for net in nets]


def assert_reads_back(
    graph: nir.NIRGraph, xs: Any, expected: np.ndarray, rtol: float = 1e-11
) -> None:
    """The graph gives these outputs, which are not all the same, on both backends."""
    assert len(np.unique(expected.round(6))) > 1
    for found in runs_on_both(graph, xs):
        assert found.shape == expected.shape
        np.testing.assert_allclose(found, expected, rtol=rtol, atol=rtol / 10)


def assert_same_numbers(net: nn.Module, shape: Any = (3,), **options: Any) -> nir.NIRGraph:
    """The graph of a module gives what the module gives; returns the graph."""
    graph = torch_to_nir(net, **options)
    xs = samples(*shape, steps=5)
    with torch.no_grad():
        expected = torch.stack([net(x.clone()) for x in xs]).numpy()
    assert np.abs(expected).max() > 0.01
    assert_reads_back(graph, xs, expected, rtol=1e-12)
    return graph


def plain_loop(m: Any, x: torch.Tensor) -> torch.Tensor:
    """A forward over time: the outputs of all steps of a layer `a` and a neuron `n`."""
    state, rows = None, []
    for x_t in x:
        y, state = m.n(m.a(x_t), state)
        rows.append(y)
    return torch.stack(rows)
