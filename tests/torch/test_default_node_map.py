"""nirx_torch.NODE_MAP: the default entries, and how they are changed."""

from __future__ import annotations

import nir
import numpy as np
import pytest
import torch

import nirx
import nirx_torch
from support.graphs import chain


class Negate(torch.nn.Module):
    def forward(self, x):
        return -x


@pytest.fixture
def default_map(monkeypatch):
    """NODE_MAP, put back after the test."""
    node_map = nirx_torch.NODE_MAP
    monkeypatch.setattr(node_map, "_handlers", dict(node_map._handlers))
    return node_map


def test_it_has_every_type_but_the_graph(default_map):
    types = {t for t in vars(nir).values() if isinstance(t, type) and issubclass(t, nir.NIRNode)}
    abstract = {nir.NIRNode, nir.NIRGraph}
    assert set(default_map) == types - abstract
    assert len(default_map) == 18


def test_override_replaces_and_works_as_a_decorator(default_map, rule):
    @default_map.override(nir.Scale)
    def build(node):
        return Negate()

    assert default_map[nir.Scale] is build
    net = nirx_torch.from_nir(chain({"s": nir.Scale(np.ones(2))}, 2, 2), rule)
    assert net(torch.ones(2))[0].tolist() == [-1.0, -1.0]


def test_the_callers_map_goes_first(default_map, rule):
    default_map.override(nir.Scale, lambda node: Negate())
    graph = chain({"s": nir.Scale(np.ones(2))}, 2, 2)
    net = nirx_torch.from_nir(graph, rule, node_map={nir.Scale: lambda n: torch.nn.Identity()})
    assert net(torch.ones(2))[0].tolist() == [1.0, 1.0]


def test_register_refuses_a_type_that_is_there(default_map):
    with pytest.raises(nirx.InputError, match="Scale has an entry already; use override"):
        default_map.register(nir.Scale, lambda node: Negate())


def test_override_refuses_a_type_that_is_not_there(default_map):
    class Other(nir.NIRNode):
        pass

    with pytest.raises(nirx.InputError, match="Other has no entry; use register"):
        default_map.override(Other, lambda node: Negate())
    default_map.register(Other, lambda node: Negate())
    default_map.override(Other, lambda node: torch.nn.Identity())
    assert isinstance(default_map[Other](None), torch.nn.Identity)


def test_a_registered_type_runs(default_map, rule):
    class Squash(nir.NIRNode):
        """Known to NODE_MAP alone."""

        def __init__(self):
            self.input_type = {"input": np.array([2])}
            self.output_type = {"output": np.array([2])}
            self.metadata = {}

    default_map.register(Squash, lambda node: torch.nn.Tanh())
    net = nirx_torch.from_nir(chain({"s": Squash()}, 2, 2), rule)
    x = torch.tensor([0.5, -2.0])
    assert torch.equal(net(x)[0], torch.tanh(x))
