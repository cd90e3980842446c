"""nirx.same_graph: content, and nothing but content."""

# nir's own annotations are narrower than what it accepts.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import copy
from typing import Any

import nir
import numpy as np
import pytest

import nirx
from support.graphs import chain, lif


def graph() -> nir.NIRGraph:
    node = lif(2, dtype=np.float32, metadata={"a": {"b": np.arange(2)}})
    outer = chain({"n": node, "sub": chain({"n": node})})
    outer.metadata = {"k": "v"}
    return outer


def test_a_copy_is_the_same(example):
    assert nirx.same_graph(example.graph, example.graph)
    assert nirx.same_graph(example.graph, copy.deepcopy(example.graph))


def test_no_two_examples_are_the_same(examples):
    for a in examples:
        assert [nirx.same_graph(a.graph, b.graph) for b in examples].count(True) <= 2
        first = next(b.name for b in examples if nirx.same_graph(a.graph, b.graph))
        assert first in (a.name, "Input")  # Input and Output are the same example


def test_order_does_not_matter():
    a, b = graph(), graph()
    b.nodes = dict(reversed(b.nodes.items()))
    b.edges.reverse()
    assert nirx.same_graph(a, b)


def set_tau(value: Any):
    return lambda g: setattr(g.nodes["n"], "tau", value)


CHANGES = {
    "a bit": set_tau(np.nextafter(np.full(2, 4, np.float32), np.float32(5))),
    "sign of zero": lambda g: setattr(g.nodes["n"], "v_leak", -np.zeros(2, np.float32)),
    "dtype": set_tau(np.full(2, 4.0)),
    "byte order": set_tau(np.full(2, 4, ">f4")),
    "shape": set_tau(np.full((2, 1), 4, np.float32)),
    "none": set_tau(None),
    "an edge less": lambda g: g.edges.pop(),
    "an edge twice": lambda g: g.edges.append(g.edges[0]),
    "an edge turned": lambda g: g.edges.__setitem__(0, g.edges[0][::-1]),
    "a node less": lambda g: g.nodes.pop("n"),
    "a node more": lambda g: g.nodes.__setitem__("m", nir.Scale(np.ones(2))),
    "a node renamed": lambda g: g.nodes.__setitem__("m", g.nodes.pop("n")),
    "another type": lambda g: g.nodes.__setitem__("n", nir.Scale(np.ones(2))),
    "graph for node": lambda g: g.nodes.__setitem__("n", g.nodes["sub"]),
    "inside a subgraph": lambda g: g.nodes["sub"].edges.pop(),
    "metadata": lambda g: g.metadata.__setitem__("k", "w"),
    "metadata of a node": lambda g: g.nodes["n"].metadata["a"].__setitem__("b", np.arange(3)),
    "metadata more": lambda g: g.metadata.__setitem__("l", 1),
    "input shape": lambda g: g.nodes.__setitem__("input", nir.Input({"input": np.array([3])})),
}


@pytest.mark.parametrize("name", CHANGES)
def test_every_change_makes_a_different_graph(name):
    a, b = graph(), copy.deepcopy(graph())
    CHANGES[name](b)
    assert not nirx.same_graph(a, b)
    assert not nirx.same_graph(b, a)
    assert nirx.same_graph(b, b)


def test_nan_equals_nan():
    a, b = graph(), graph()
    a.nodes["n"].tau = b.nodes["n"].tau = np.array([np.nan, 1])
    assert nirx.same_graph(a, copy.deepcopy(b))


def test_tuples_and_arrays_of_the_same_numbers_are_the_same():
    def conv(stride: Any, padding: Any) -> nir.NIRGraph:
        node = nir.Conv2d(None, np.ones((1, 1, 2, 2)), stride, padding, 1, 1, np.ones(1))
        return nir.NIRGraph({"c": node}, [], type_check=False)

    assert nirx.same_graph(conv((1, 2), "same"), conv(np.array([1, 2]), "same"))
    assert not nirx.same_graph(conv((1, 2), "same"), conv((1, 2), "valid"))
    assert not nirx.same_graph(conv((1, 2), "same"), conv((1, 2), 0))


def test_edges_as_lists_and_missing_metadata_are_the_same():
    a, b = graph(), graph()
    b.edges = [list(e) for e in b.edges]
    a.metadata, b.metadata = {}, None
    assert nirx.same_graph(a, b)
