"""install_as_nirtorch: nirx under the name nirtorch."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from types import ModuleType

import pytest
import torch

import nirx_torch

SUBMODULES = ("from_nir", "to_nir", "graph", "graph_executor", "nir_interpreter", "torch_tracer")


@pytest.fixture
def without_nirtorch(monkeypatch):
    for name in [n for n in sys.modules if n.split(".")[0] == "nirtorch"]:
        monkeypatch.delitem(sys.modules, name)


@pytest.mark.usefixtures("without_nirtorch")
def test_the_package_and_its_submodules_can_be_imported():
    with nirx_torch.install_as_nirtorch():
        package = importlib.import_module("nirtorch")
        assert package.nir_to_torch is nirx_torch.nir_to_torch
        assert importlib.util.find_spec("nirtorch") is not None
        for name in SUBMODULES:
            below = importlib.import_module(f"nirtorch.{name}")
            assert getattr(package, name) is below
        assert importlib.import_module("nirtorch.from_nir").load is nirx_torch.load
        assert importlib.import_module("nirtorch.utils").sanitize_name("a.b") == "a_b"
    assert "nirtorch" not in sys.modules
    assert "nirtorch.graph" not in sys.modules


@pytest.mark.usefixtures("without_nirtorch")
def test_what_was_imported_before_is_replaced_and_put_back(monkeypatch):
    real, below, user = map(ModuleType, ("nirtorch", "nirtorch.from_nir", "some_library"))

    def load():
        raise AssertionError("nirtorch's")

    vars(real).update(load=load, from_nir=below)
    vars(below).update(load=load)
    vars(user).update(load=load, nirtorch=real, other=len)
    for module in (real, below, user):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    installed = nirx_torch.install_as_nirtorch()
    assert vars(user)["load"] is nirx_torch.load
    assert vars(user)["nirtorch"] is sys.modules["nirtorch"] is not real
    assert vars(user)["other"] is len
    installed.uninstall()
    installed.uninstall()  # does nothing
    assert vars(user)["load"] is load
    assert vars(user)["nirtorch"] is sys.modules["nirtorch"] is real
    assert sys.modules["nirtorch.from_nir"] is below


@pytest.mark.usefixtures("without_nirtorch")
def test_installing_twice_does_no_harm():
    with nirx_torch.install_as_nirtorch(), nirx_torch.install_as_nirtorch():
        assert importlib.import_module("nirtorch").load is nirx_torch.load
    assert "nirtorch" not in sys.modules


class Branches(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = (torch.nn.Linear(2, 2) for _ in range(3))

    def forward(self, x):
        x = self.a(x)
        return self.c(self.b(x)), x.sin()


@pytest.mark.usefixtures("without_nirtorch")
def test_the_graph_of_modules():
    with nirx_torch.install_as_nirtorch():
        graph = importlib.import_module("nirtorch.graph")
    found = graph.extract_torch_graph(Branches(), torch.ones(1, 2), model_name=None)
    assert found.get_edges() == [("a", "b"), ("b", "c")]
    assert [node.name for node in found.get_root()] == ["a"]
    (b,) = (node for node in found.node_list if node.name == "b")
    assert [node.name for node in found.find_source_nodes_of(b)] == ["a"]
    assert found.module_output_types[b.elem] == (1, 2)
    named = graph.extract_torch_graph(Branches(), torch.ones(1, 2))
    assert named.ignore_submodules_of([Branches]).get_edges() == []


@pytest.mark.usefixtures("without_nirtorch")
def test_a_type_can_be_left_out_of_the_graph():
    with nirx_torch.install_as_nirtorch():
        graph = importlib.import_module("nirtorch.graph")
    layers = torch.nn.Linear(2, 2), torch.nn.ReLU(), torch.nn.Linear(2, 2)
    found = graph.extract_torch_graph(torch.nn.Sequential(*layers), torch.ones(1, 2), None)
    assert found.get_edges() == [("0", "1"), ("1", "2")]
    assert found.ignore_nodes(torch.nn.ReLU).get_edges() == [("0", "2")]
    single = graph.extract_torch_graph(torch.nn.Linear(2, 2), torch.ones(1, 2))
    assert [node.name for node in single.node_list] == ["model"]
