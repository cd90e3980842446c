"""Subclasses of mapped modules: exported as their base only if they compute what it computes."""

# pyright: reportArgumentType=false, reportAttributeAccessIssue=false
# pyright: reportIncompatibleMethodOverride=false

from __future__ import annotations

import warnings

import nir
import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations

import nirx
from nirx_torch import torch_to_nir


class Twice(nn.Linear):
    def forward(self, x):
        return 2 * super().forward(x)


class Positive(nn.Linear):
    def forward(self, x):
        return nn.functional.linear(x, self.weight.abs(), self.bias)


class Centred(nn.Conv1d):
    """It overrides what the call of its base uses."""

    def _conv_forward(self, input, weight, bias):
        return super()._conv_forward(input, weight - weight.mean(), bias)


class Halves(nn.Dropout):
    def forward(self, x):
        return x * 0.5


class Seeded(nn.Linear):
    """It computes what its base computes."""

    def __init__(self, takes, gives):
        super().__init__(takes, gives)
        self.note = "seeded"

    def reset_parameters(self):
        nn.init.constant_(self.weight, 0.5)
        nn.init.zeros_(self.bias)

    def extra_repr(self):
        return "seeded"


def same_as_module(module, shape):
    graph = torch_to_nir(nn.Sequential(module).eval(), input_shape=shape)
    xs = np.random.default_rng(1).normal(size=(3, *shape)).astype("float32")
    expected = module(torch.from_numpy(xs)).detach().numpy()
    np.testing.assert_allclose(nirx.from_nir(graph, "numpy").run(xs)[0], expected, atol=1e-6)
    return graph


OVERRIDDEN = {
    "its own call": (lambda: Twice(3, 2), (3,)),
    "its own weight": (lambda: Positive(3, 2), (3,)),
    "a method that the call uses": (lambda: Centred(2, 3, 3), (2, 7)),
    "a bypassed module": (lambda: Halves().eval(), (3,)),
}


@pytest.mark.parametrize("name", OVERRIDDEN)
def test_what_is_overridden_is_in_the_graph(name):
    make, shape = OVERRIDDEN[name]
    torch.manual_seed(3)
    same_as_module(make(), shape)


def materialized():
    layer = nn.LazyLinear(2)
    layer(torch.zeros(1, 3))
    return layer


INHERITED = {
    "another initialization": lambda: Seeded(3, 2),
    "lazy": materialized,
    "parametrized": lambda: parametrizations.weight_norm(nn.Linear(3, 2)),
    "made at run time": lambda: type("Made", (nn.Linear,), {})(3, 2),
    "torch's own subclass": lambda: nn.modules.linear.NonDynamicallyQuantizableLinear(3, 2),
}


@pytest.mark.parametrize("name", INHERITED)
def test_the_entry_of_the_base_counts(name):
    graph = same_as_module(INHERITED[name](), (3,))
    assert isinstance(graph.nodes["0"], nir.Affine)


def ones(module):
    return nir.Linear(np.ones((2, 3), np.float32))


@pytest.mark.parametrize("kind", [Twice, Seeded])
def test_the_users_entry_for_the_class_itself_counts(kind):
    graph = torch_to_nir(nn.Sequential(kind(3, 2)), {kind: ones})
    assert graph.nodes["0"].weight.tolist() == [[1, 1, 1], [1, 1, 1]]


def test_the_users_entry_for_a_base_follows_the_same_rule():
    graph = torch_to_nir(nn.Sequential(Seeded(3, 2), Twice(2, 2)), {nn.Linear: ones})
    assert graph.nodes["0"].weight.tolist() == [[1, 1, 1], [1, 1, 1]]
    assert "1.mul" in graph.nodes


class Branching(nn.Linear):
    def forward(self, x):
        return super().forward(x) if x.sum() > 0 else x


def test_refused_by_name():
    with pytest.raises(
        nirx.UnsupportedError, match=r"0 \(Branching, which no map has an entry for"
    ):
        torch_to_nir(nn.Sequential(Branching(3, 2)))


def test_training_with_rounded_weights_is_no_linear():
    """Layers of torch.ao.nn.qat are subclasses that round their weight."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        quantization = pytest.importorskip("torch.ao.quantization")
        model = nn.Sequential(nn.Linear(3, 2))
        model.qconfig = quantization.get_default_qat_qconfig()
        model = quantization.prepare_qat(model).eval()
    said = r"qat.modules.linear.Linear at 0 has no NIR node \(it overrides forward of Linear"
    with pytest.raises(nirx.UnsupportedError, match=said):
        torch_to_nir(model)


def test_a_forward_that_is_replaced_in_the_module_is_traced():
    layer = nn.Linear(3, 2)
    layer.forward = lambda x: 2 * nn.functional.linear(x, layer.weight)
    graph = same_as_module(layer, (3,))
    assert sorted(graph.nodes) == ["0.linear", "0.mul", "input", "output"]
    assert torch_to_nir(nn.Sequential(layer), {nn.Linear: ones}).nodes["0"].weight.sum() == 6


class Cell(nn.Module):
    """A mapped neuron of a library."""

    def forward(self, x, v=None):
        v = self.charge(x, torch.zeros_like(x) if v is None else v)
        z = (v > 1).to(x.dtype)
        return z, v * (1 - z)

    def charge(self, x, v):
        return 0.5 * v + 0.5 * x


class Slow(Cell):
    def charge(self, x, v):
        return 0.9 * v + 0.1 * x


def lif(cell):
    one = np.ones(2, np.float32)
    return nir.LIF(2 * one, one, 0 * one, one)


def test_a_neuron_with_another_method_is_traced():
    graph = torch_to_nir(nn.Sequential(Cell(), nn.Linear(2, 2)), {Cell: lif}, input_shape=2)
    assert graph.nodes["0"].tau.tolist() == [2, 2]
    node = torch_to_nir(Slow(), {Cell: lif})
    np.testing.assert_allclose(node.tau, 10, rtol=1e-6)
