"""Models with cells that become NIR nodes: the choices, names and time step of the graph."""

# pyright: reportAttributeAccessIssue=false, reportArgumentType=false, reportCallIssue=false
# pyright: reportOperatorIssue=false

from __future__ import annotations

import json
from typing import Any

import nir
import numpy as np
import pytest
import torch
from torch import nn

import nirx
from nirx.graphs.returns import RETURNS_KEY
from nirx_torch import torch_to_nir


class Neuron(nn.Module):
    """A LIF; what it does after a spike is left to its subclasses."""

    def __init__(self, beta: Any = 0.75) -> None:
        super().__init__()
        self.register_buffer("beta", torch.tensor(beta))

    def forward(self, x, mem=None):
        mem = self.beta * (torch.zeros_like(x) if mem is None else mem) + x
        z = (mem > 1.0).to(x.dtype)
        return z, self.after(mem, z)


class Hard(Neuron):
    def after(self, mem, z):
        return mem * (1 - z)


class Soft(Neuron):
    def after(self, mem, z):
        return mem - z


class Adaptive(nn.Module):
    def forward(self, x, state=None):
        v, a = (torch.zeros_like(x),) * 2 if state is None else state
        v = 0.75 * v + x
        z = (v > 1.0 + a).to(x.dtype)
        return z, (v * (1 - z), 0.9 * a + z)


class Leaky(nn.Module):
    def forward(self, x, v=None):
        v = 0.5 * (torch.zeros_like(x) if v is None else v) + x
        return v, v


class Layers(nn.Module):
    def __init__(self, *cells: nn.Module) -> None:
        super().__init__()
        self.fc = nn.Linear(3, 4)
        self.cells = nn.ModuleList(cells)

    def forward(self, x, states=None):
        x, new = self.fc(x), []
        for n, cell in enumerate(self.cells):
            x, state = cell(x, None if states is None else states[n])
            new.append(state)
        return x, new


def run(graph: Any, xs: torch.Tensor, **more: Any) -> Any:
    return nirx.from_nir(graph, "numpy", dtype="float64", **more).run(xs.numpy())


def drive() -> torch.Tensor:
    return 6 * torch.rand(
        100, 2, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1)
    )


def own_run(model: nn.Module, xs: torch.Tensor) -> np.ndarray:
    found, state = [], None
    with torch.no_grad():
        for x in xs:
            y, state = model(x, state)
            found.append(y)
    return torch.stack(found).numpy()


@pytest.fixture
def xs() -> torch.Tensor:
    torch.manual_seed(0)
    return drive()


def rule_of(graph: Any) -> nirx.Discretization:
    return nirx.Discretization.from_json(graph.metadata["nirx_discretization"])


def plain(rule: nirx.Discretization) -> dict[str, dict[str, Any]]:
    return {path: dict(own) for path, own in rule.overrides.items()}


@pytest.mark.parametrize("subgraphs", [False, True])
def test_cells_that_fit_different_choices_are_overrides(xs: torch.Tensor, subgraphs: bool):
    model = Layers(Hard(), Soft(), Soft(), Leaky()).double()
    graph = torch_to_nir(model, subgraphs=subgraphs)
    rule = rule_of(graph)
    assert (rule.dt, rule.changes()) == (1.0, {"reset": "subtract"})
    path = "cells/0" if subgraphs else next(iter(plain(rule)))
    assert plain(rule) == {path: {"reset": "value"}}
    expected = own_run(model, xs)
    np.testing.assert_allclose(run(graph, xs)[0], expected, rtol=1e-9, atol=1e-12)
    assert expected.any()


def test_a_given_discretization_sets_dt_and_keeps_its_choices_for_the_others(xs: torch.Tensor):
    model = Layers(Hard(), Soft()).double()
    given = nirx.Discretization(dt=1e-3, threshold="ge", reset="subtract")
    graph = torch_to_nir(model, discretization=given)
    assert rule_of(graph).changes() == given.changes()
    assert [sorted(own) for own in plain(rule_of(graph)).values()] == [
        ["reset", "threshold"],
        ["threshold"],
    ]
    np.testing.assert_allclose(graph.nodes["cells.0"].tau, 4e-3)
    np.testing.assert_array_equal(run(graph, xs)[0], own_run(model, xs))


def test_a_node_without_a_rule_has_the_default_and_a_warning(xs: torch.Tensor):
    ones = np.ones(4)

    def lif(module: Any) -> nir.LIF:
        return nir.LIF(2e-4 * ones, ones, 0 * ones, 0.1 * ones, 0 * ones)

    model = Layers(Hard(), Soft()).double()
    with pytest.warns(nirx.NirxWarning, match="no discretization given"):
        graph = torch_to_nir(model, {Hard: lif})
    assert rule_of(graph).dt == 1e-4
    assert plain(rule_of(graph)) == {"cells.1": {"reset": "subtract"}}
    np.testing.assert_allclose(graph.nodes["cells.1"].tau, 4e-4)


def test_what_is_no_nir_neuron_stays_an_expression(xs: torch.Tensor):
    model = Layers(Soft(), Adaptive()).double()
    graph = torch_to_nir(model)
    assert [type(graph.nodes[f"cells.{n}"]) for n in (0, 1)] == [nir.LIF, nirx.Neuron]
    np.testing.assert_array_equal(run(graph, xs)[0], own_run(model, xs))
    assert not any("nirx_cell" in (n.metadata or {}) for n in graph.nodes.values())


class Reading(nn.Module):
    """Returns the parts of its cell's state as values too."""

    def __init__(self, cell: nn.Module, part: Any) -> None:
        super().__init__()
        self.fc, self.cell, self.part = nn.Linear(3, 4), cell, part

    def forward(self, x, state=None):
        z, state = self.cell(self.fc(x), state)
        return (z, self.part(state)), state


def test_a_returned_state_has_nirs_name(xs: torch.Tensor):
    with pytest.warns(nirx.NirxWarning, match="kept as recordings \\('cell.v'\\)"):
        graph = torch_to_nir(Reading(Soft(), lambda mem: mem).double())
    assert type(graph.nodes["cell"]) is nir.LIF
    assert json.loads(graph.metadata[RETURNS_KEY]) == ["output", "cell.v"]


class Counted(nn.Module):
    def forward(self, x, state=None):
        mem, count = (torch.zeros_like(x),) * 2 if state is None else state
        mem = 0.75 * mem + x
        z = (mem > 1.0).to(x.dtype)
        return z, (mem - z, count + z)


def test_a_returned_state_that_nir_lacks_keeps_the_expression():
    with pytest.warns(nirx.NirxWarning, match="kept as recordings"):
        graph = torch_to_nir(Reading(Counted(), lambda state: state[1]).double())
    assert type(graph.nodes["cell"]) is nirx.Neuron
    assert json.loads(graph.metadata[RETURNS_KEY]) == ["output", "cell.state_1"]


def test_a_cell_alone_runs_with_the_choices_that_it_fits():
    cell, xs = Soft([0.5, 0.75, 0.9]).double(), drive() / 6
    node = torch_to_nir(cell)
    assert type(node) is nir.LIF
    expected = own_run(cell, xs)
    assert 0 < expected.sum() < expected.size
    np.testing.assert_array_equal(run(node, xs)[0], expected)


def test_a_neuron_that_a_map_gives_stays_that():
    def step(x, s, p):
        return s.v * 0.5 + x, {"v": s.v * 0.5 + x}

    made = nirx.neuron(step, states={"v": 0.0})
    graph = torch_to_nir(Layers(Hard()), {Hard: lambda module: made})
    assert type(graph.nodes["cells.0"]) is nirx.Neuron
