"""Parameter names follow the paths of the nodes."""

# nir's and torch's own annotations are narrower than what both accept and give.
# pyright: reportArgumentType=false

from __future__ import annotations

import copy
import io
from typing import Any

import nir
import numpy as np
import pytest
import torch

import nirx_torch
from support.graphs import chain, varied_lif

ODD = [
    *("self", "forward", "training", "run", "schedule", "children", "_anchor", "T_destination"),
    *("type", "keys", "graph", "if"),
    *("_parameters", "_in_order", "__class__", "__deepcopy__", "__wrapped__", "modules_by_path"),
    *("some.name", ".", "..", "a/b", "~", "it's", '"', "two\nlines", "nul\0", " ", "[bold]"),
    *("läif", "神经元", "é", "\U0001f9e0", "\ud800", "tau", "weight", "None", "0"),
]


def scale_graph(name: str, factor: float = 2.0) -> nir.NIRGraph:
    return chain({name: nir.Scale(np.full(2, factor, np.float32))}, 2, 2)


def parameter_names(graph: nir.NIRGraph, rule: Any) -> list[str]:
    return [name for name, _ in nirx_torch.from_nir(graph, rule).named_parameters()]


def test_a_nested_node_is_named_after_its_path(rule):
    inner = nir.NIRGraph(
        {"in": nir.Input(np.array([2])), "lif": varied_lif(2), "out": nir.Output(np.array([2]))},
        [("in", "lif"), ("lif", "out")],
        type_check=False,
    )
    outer = chain({"deep": inner}, 2, 2)
    net = nirx_torch.from_nir(chain({"lif1": outer, "s": nir.Scale(np.ones(2))}, 2, 2), rule)
    names = ("tau", "r", "v_leak", "v_threshold", "v_reset")
    expected = {f"lif1.deep.lif.{name}" for name in names} | {"s.scale"}
    assert set(dict(net.named_parameters())) == expected
    assert net.modules_by_path["lif1/deep/lif"] is net.get_submodule("lif1.deep.lif")


def test_a_dot_becomes_an_underscore(rule):
    assert parameter_names(scale_graph("some.name"), rule) == ["some_name.scale"]


def test_names_that_collide_get_a_suffix_and_keep_their_values(rule):
    factors = {"a.b": 2.0, "a_b": 3.0, "a_b_": 5.0, "a.b.": 7.0}
    nodes = {name: nir.Scale(np.full(1, f, np.float32)) for name, f in factors.items()}
    net = nirx_torch.from_nir(chain(nodes, 1, 1), rule)
    by_path = {p: m.scale.item() for p, m in net.modules_by_path.items() if p in factors}  # type: ignore[union-attr]
    assert by_path == factors
    assert net.get_parameter("a_b.scale").item() == 3.0
    assert net.get_parameter("a_b_.scale").item() == 5.0
    assert len(dict(net.named_parameters())) == 4
    assert net(torch.ones(1))[0].item() == 2 * 3 * 5 * 7


def test_names_do_not_depend_on_the_order_of_the_dict(rule):
    graph = chain({n: nir.Scale(np.ones(1)) for n in ("a.b", "a_b", "a.b_", "run")}, 1, 1)
    turned = nir.NIRGraph(dict(reversed(graph.nodes.items())), graph.edges[::-1], type_check=False)
    assert parameter_names(graph, rule) == parameter_names(turned, rule)


@pytest.mark.parametrize("name", ODD, ids=ascii)
def test_every_name_runs_saves_and_copies(name, rule):
    net = nirx_torch.from_nir(scale_graph(name), rule)
    x = torch.tensor([1.0, -3.0])
    assert torch.equal(net(x)[0], 2 * x)
    assert torch.equal(copy.deepcopy(net)(x)[0], 2 * x)
    stream = io.BytesIO()
    torch.save(net.state_dict(), stream)
    stream.seek(0)
    other = nirx_torch.from_nir(scale_graph(name, 9.0), rule)
    other.load_state_dict(torch.load(stream))
    assert torch.equal(other(x)[0], 2 * x)


@pytest.mark.parametrize("name", ODD, ids=ascii)
def test_every_name_of_a_subgraph(name, rule):
    graph = chain({name: scale_graph(name)}, 2, 2)
    net = nirx_torch.from_nir(graph, rule)
    assert torch.equal(net(torch.ones(2))[0], torch.full((2,), 2.0))
    assert len(dict(net.named_parameters())) == 1
