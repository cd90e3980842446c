"""nirx.check: all faults together, and none that is only the consequence of another."""

# nir takes arrays and None where its annotations say dicts and ints.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false

from __future__ import annotations

import itertools
from typing import Any

import nir
import numpy as np
import pytest

import nirx

D = nirx.Discretization(dt=1.0)


def lif(tau: Any = 4.0, n: int = 2, **changes: Any) -> nir.LIF:
    one = np.ones(n)
    node = nir.LIF(one, one, 0 * one, one, 0 * one)
    node.tau = tau * one if isinstance(tau, float) else tau
    for name, value in changes.items():
        setattr(node, name, value)
    return node


def affine(out: int, into: int) -> nir.Affine:
    return nir.Affine(np.ones((out, into)), np.zeros(out))


def graph(edges: list[tuple[Any, Any]], ports: bool = True, **nodes: Any) -> nir.NIRGraph:
    shape = np.array([2])
    outer = {"input": nir.Input(shape), "output": nir.Output(shape)} if ports else {}
    return nir.NIRGraph({**outer, **nodes}, edges, metadata={}, type_check=False)


def line(*names: str) -> list[tuple[str, str]]:
    return list(itertools.pairwise(names))


def faults(bad: nir.NIRGraph, d: nirx.Discretization | None = D) -> tuple[nirx.Fault, ...]:
    with pytest.raises(nirx.GraphError) as caught:
        nirx.check(bad, d)
    for fault in caught.value.faults:
        assert str(fault) in str(caught.value)
    return caught.value.faults


def test_several_faults_are_listed_together():
    bad = graph(
        [*line("input", "a", "b", "output"), ("input", "c"), ("c", "d"), ("d", "c")],
        a=lif(0.0),
        b=nir.Scale(np.array([np.nan, 1])),
        c=nir.Scale(np.ones(2)),
        d=nir.Scale(np.ones(2)),
        e=lif(),
    )
    assert sorted(f.where for f in faults(bad)) == ["a", "b", "c", "e"]


@pytest.mark.parametrize(
    ("node", "loop"),
    [(affine(2, 3), False), (nir.Scale(np.ones(2)), True), (lif(0.0), False)],
    ids=["shape mismatch", "algebraic loop", "zero tau"],
)
def test_an_unknown_edge_end_hides_no_other_fault(node, loop):
    edges = [*line("input", "node", "output"), ("input", "nowhere")]
    edges += [("node", "node")] if loop else []
    found = faults(graph(edges, node=node))
    assert sorted(f.where for f in found) == ["edge 'input' -> 'nowhere'", "node"]


def test_an_unknown_end_is_one_fault_however_many_edges_name_it():
    bad = graph([*line("input", "x", "output"), ("x", "a"), ("a", "output")], a=lif())
    (fault,) = faults(bad)
    assert "2 more edges" in fault.where


@pytest.mark.parametrize(
    "delay", [nir.Delay(np.array([-1.0, 1.0])), nir.Delay(np.ones(3)), nir.Delay(np.array([1e9]))]
)
def test_a_faulty_delay_in_a_cycle_is_no_loop_too(delay):
    edges = [*line("input", "s", "output"), ("s", "d"), ("d", "s")]
    bad = graph(edges, s=nir.Scale(np.ones(2)), d=delay)
    assert [f.where for f in faults(bad)] == ["d"]


def test_a_misfit_does_not_spread():
    nodes = {"a": affine(2, 3), "b": lif(), "c": affine(4, 2), "d": lif(n=4)}
    bad = graph([*line("input", "a", "b", "c", "d"), *line("b", "output")], **nodes)
    assert [f.where for f in faults(bad)] == ["a"]


def test_an_unknown_node_does_not_spread():
    bad = graph(line("input", "a", "b", "output"), a=3, b=lif())
    assert [f.where for f in faults(bad)] == ["a"]


def test_a_graph_that_contains_itself_is_one_fault():
    inner = graph(line("input", "a", "output"), a=lif())
    inner.nodes["a"] = inner
    assert "contains itself" in str(faults(inner)[0])


@pytest.mark.parametrize("what", [None, 3, "g.nir", lif()])
def test_what_is_no_graph_is_an_input_error(what):
    with pytest.raises(nirx.InputError):
        nirx.check(what, D)


@pytest.mark.parametrize("d", [1e-3, "euler", {"dt": 1}])
def test_what_is_no_discretization_is_an_input_error(d):
    with pytest.raises(nirx.InputError):
        nirx.check(graph(line("input", "a", "output"), a=lif()), d)
