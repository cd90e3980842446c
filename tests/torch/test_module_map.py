"""torch_to_nir with maps: the user's entries, defaults, and what exporters may return."""

# nir's and torch's own annotations are narrower than what both accept and give.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false
# pyright: reportOperatorIssue=false, reportIndexIssue=false, reportOptionalCall=false
# pyright: reportIncompatibleMethodOverride=false

from __future__ import annotations

import nir
import numpy as np
import pytest
import torch
from torch import nn

import nirx
from nirx_torch import MODULE_MAP, torch_to_nir
from support.torch_modules import runs_on_both, samples, sequential


class Mine(nn.Linear):
    """A subclass of a mapped class."""


class Square(nn.Module):
    def forward(self, x):
        return x * x


def test_the_users_entry_wins():
    graph = torch_to_nir(sequential(nn.Linear(3, 3)), {nn.Linear: lambda m: nir.Scale(m.weight[0])})
    assert isinstance(graph.nodes["0"], nir.Scale)


def test_a_subclass_of_a_mapped_class_is_mapped():
    assert isinstance(torch_to_nir(sequential(Mine(3, 3))).nodes["0"], nir.Affine)
    users = torch_to_nir(sequential(Mine(3, 3)), {nn.Linear: lambda m: nir.Linear(m.weight)})
    assert isinstance(users.nodes["0"], nir.Linear)


def test_none_bypasses():
    net = sequential(nn.Linear(3, 3), nn.ReLU(), nn.Dropout(0.5)).train()
    graph = torch_to_nir(net, {nn.ReLU: None, nn.Dropout: None})
    assert graph.edges == [("input", "0"), ("0", "output")]
    by_call = torch_to_nir(net, {nn.ReLU: lambda m: None, nn.Dropout: lambda m: None})
    assert by_call.edges == graph.edges


def test_a_default_dict_replaces_the_defaults():
    net = sequential(nn.Linear(3, 3))
    for nothing in ({}, None):
        with pytest.raises(nirx.UnsupportedError, match=r"torch.nn.Linear at 0 has no NIR node"):
            torch_to_nir(net, default_dict=nothing)
    graph = torch_to_nir(net, default_dict={nn.Linear: lambda m: nir.Linear(m.weight)})
    assert isinstance(graph.nodes["0"], nir.Linear)


def test_maps_are_copied_joined_and_guarded():
    own = MODULE_MAP.copy()
    own.override(nn.Linear, lambda m: nir.Linear(m.weight))
    assert isinstance(torch_to_nir(sequential(nn.Linear(3, 3))).nodes["0"], nir.Affine)
    joined = MODULE_MAP | {nn.ReLU: None}
    assert nn.ReLU not in MODULE_MAP
    net = sequential(nn.Linear(3, 3), nn.ReLU())
    assert list(torch_to_nir(net, default_dict=joined).nodes) == ["input", "0", "output"]
    assert list(torch_to_nir(net, joined, {}).nodes) == ["input", "0", "output"]
    with pytest.raises(nirx.InputError, match="Linear has an entry already; use override"):
        own.register(nn.Linear, lambda m: None)
    with pytest.raises(nirx.InputError, match="ReLU has no entry; use register"):
        own.override(nn.ReLU, None)
    own.register(nn.ReLU, None)
    with pytest.raises(nirx.InputError, match="ReLU has an entry"):
        own.register_handlers({nn.Tanh: None, nn.ReLU: None})
    assert nn.Tanh not in own
    own.register_handlers([(nn.Tanh, None), (nn.GELU, None)])
    assert {nn.Tanh, nn.GELU} <= set(own)


def test_register_is_a_decorator():
    own = MODULE_MAP.copy()

    @own.register(Square)
    def export(module):
        return nir.Scale(np.ones(3))

    assert own[Square] is export
    assert isinstance(torch_to_nir(sequential(Square()), own, {}).nodes["0"], nir.Scale)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([nn.Linear], "module_map is"),
        ({"Linear": None}, "module_map is"),
        ({nn.Linear: 3}, "module_map is"),
    ],
)
def test_anything_but_a_map_is_refused(given, message):
    with pytest.raises(nirx.InputError, match=message):
        torch_to_nir(sequential(nn.Linear(3, 3)), given)


@pytest.mark.parametrize("wrong", [3, "Affine", nn.Linear(1, 1), [nir.Scale(np.ones(1))]])
def test_an_exporter_that_gives_something_else_is_named(wrong):
    with pytest.raises(nirx.InputError, match="0: the exporter of Linear gave a"):
        torch_to_nir(sequential(nn.Linear(3, 3)), {nn.Linear: lambda m: wrong})


def test_an_exporters_own_error_passes():
    def export(module):
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine") as caught:
        torch_to_nir(sequential(nn.Linear(3, 3)), {nn.Linear: export})
    assert "raised by the exporter of Linear for 0" in caught.value.__notes__[0]


def subgraph(module: nn.Linear) -> nir.NIRGraph:
    size = np.array([3])
    return nir.NIRGraph(
        {
            "input": nir.Input(size),
            "w": nir.Affine(module.weight, module.bias),
            "s": nir.Scale(torch.full((3,), 2.0)),
            "output": nir.Output(size),
        },
        [("input", "w"), ("w", "s"), ("s", "output")],
        type_check=False,
    )


def test_an_exporter_may_give_a_graph_and_tensors():
    net = sequential(nn.Linear(3, 3), nn.Linear(3, 2))
    exporters = {nn.Linear: lambda m: subgraph(m) if m is net[0] else MODULE_MAP[nn.Linear](m)}
    for nested in (False, True):
        graph = torch_to_nir(net, exporters, subgraphs=nested)
        inner = graph.nodes["0"]
        assert isinstance(inner, nir.NIRGraph)
        assert type(inner.nodes["w"].weight) is type(inner.nodes["s"].scale) is np.ndarray
        xs = samples(3)
        for found in runs_on_both(graph, xs):
            expected = net[1](2 * net[0](xs)).detach()
            np.testing.assert_allclose(found, expected, rtol=1e-12)
