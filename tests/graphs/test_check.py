"""nirx.check: all faults together, each with its path and a suggested fix, and no consequences."""

from __future__ import annotations

from typing import Any

import nir
import numpy as np
import pytest

import nirx
from support.graphs import affine, chain, changed, lif, line, make_graph

D = nirx.Discretization(dt=1.0)
SHAPE: Any = np.array([2])


def between(node: Any) -> nir.NIRGraph:
    return chain({"node": node})


def faults(bad: nir.NIRGraph, d: nirx.Discretization | None = D) -> tuple[nirx.Fault, ...]:
    with pytest.raises(nirx.GraphError) as caught:
        nirx.check(bad, d)
    for fault in caught.value.faults:
        assert str(fault) in str(caught.value)
    return caught.value.faults


def two_inputs() -> nir.NIRGraph:
    edges = [*line("input", "s", "output"), ("b", "s")]
    return chain({"sub": make_graph(edges, s=lif(), b=nir.Input(SHAPE))})


class Strange(nir.NIRNode):
    metadata: Any = {}  # noqa: RUF012

    def __init__(self) -> None:
        self.input_type = self.output_type = {}


CASES: dict[str, tuple[nir.NIRGraph, str, str]] = {
    "unknown edge end": (
        make_graph(line("input", "lif", "output"), lif1=lif()),
        "edge 'input' -> 'lif'",
        "did you mean 'lif1'?",
    ),
    "shape mismatch": (between(affine(2, 3)), "node", "(3,)"),
    "parameter of another shape": (
        make_graph([*line("input", "node"), *line("input", "output")], node=lif(3)),
        "node",
        "(3,)",
    ),
    "fan-in of two shapes": (
        make_graph(
            [*line("input", "big", "sum"), *line("input", "sum", "output")],
            big=affine(3, 2),
            sum=nir.Scale(np.array(1.0)),
        ),
        "edge",
        "one shape",
    ),
    "self-loop": (
        make_graph([*line("input", "s", "output"), ("s", "s")], s=nir.Scale(np.ones(2))),
        "s",
        "Delay",
    ),
    "algebraic loop": (
        make_graph(
            [*line("input", "a", "b", "output"), ("b", "a")], a=affine(2, 2), b=affine(2, 2)
        ),
        "a",
        "'a', 'b'",
    ),
    "no input": (
        make_graph([*line("a", "b", "a"), ("a", "output")], input=None, a=lif(), b=lif()),
        "graph",
        "nir.Input",
    ),
    "no output": (
        make_graph(line("input", "a"), output=None, a=lif()),
        "graph",
        "nir.Output",
    ),
    "node without input": (
        make_graph([*line("input", "a", "output"), ("b", "a")], a=lif(), b=lif()),
        "b",
        "without incoming edges",
    ),
    "output without input": (
        make_graph(line("input", "a", "output"), a=lif(), late=nir.Output(SHAPE)),
        "late",
        "connect or remove",
    ),
    "edge into an input": (
        make_graph([*line("input", "a", "output"), ("a", "input")], a=lif()),
        "edge 'a' -> 'input'",
        "enters an Input",
    ),
    "edge out of an output": (
        make_graph([*line("input", "a", "output"), ("output", "a")], a=lif()),
        "edge 'output' -> 'a'",
        "leaves an Output",
    ),
    "ambiguous port": (two_inputs(), "edge 'input' -> 'sub'", "'sub.b', 'sub.input'"),
    "zero tau": (between(lif(tau=0.0)), "node", "tau > 0"),
    "negative tau": (between(lif(tau=-1.0)), "node", "tau > 0"),
    "one zero tau": (between(lif(tau=np.array([1.0, 0.0]))), "node", "tau > 0"),
    "nan": (between(lif(v_threshold=np.array([1, np.nan]))), "node", "v_threshold[1] is nan"),
    "infinity": (between(nir.Linear(np.array([[1, 2], [np.inf, 1]]))), "node", "weight[1, 0]"),
    "negative delay": (between(nir.Delay(np.array([1.0, -1.0]))), "node", "delay >= 0"),
    "nan delay": (between(nir.Delay(np.array([1.0, np.nan]))), "node", "finite"),
    "unknown type": (between(Strange()), "node", "register_type"),
    "not a node": (between(3), "node", "int"),
    "missing parameter": (between(changed(lif(), tau=None)), "node", "tau"),
    "text as parameter": (between(changed(lif(), tau="4")), "node", "tau"),
    "parameters that do not fit": (
        between(changed(lif(), v_leak=np.ones(3))),
        "node",
        "fit together",
    ),
    "edge that is not a pair": (
        changed(between(lif()), edges=[*line("input", "node", "output"), ("a",)]),
        "graph",
        "a pair of node names",
    ),
    "empty name": (
        make_graph([*line("input", "a", "output")], a=lif(), **{"": lif()}),
        "graph",
        "''",
    ),
    "unknown override": (between(lif()), "discretization override 'lif'", "no node"),
}


@pytest.mark.parametrize("name", CASES)
def test_each_fault_is_one_line_with_path_and_suggested_fix(name):
    bad, where, words = CASES[name]
    d = nirx.Discretization(dt=1.0, overrides={"lif": {}}) if "override" in name else D
    (fault,) = faults(bad, d)
    assert fault.where.startswith(where)
    assert words in str(fault)
    if "override" not in name:
        assert len(faults(bad, None)) == 1


NOT_INSIDE = ("no input", "no output", "unknown override", "output without input")


@pytest.mark.parametrize("name", [n for n in CASES if n not in NOT_INSIDE])
def test_a_fault_in_a_subgraph_has_the_whole_path(name):
    inner, where, _ = CASES[name]
    (fault,) = faults(chain({"sub": chain({"sub": inner})}))
    assert "sub/sub" in fault.where
    assert where.split("'")[0].strip() in fault.where or where == "graph"


def test_schedule_and_from_nir_raise_the_same_faults():
    bad = CASES["zero tau"][0]
    for function in (nirx.schedule, lambda g, d: nirx.from_nir(g, "numpy", d)):
        with pytest.raises(nirx.GraphError, match="tau > 0"):
            function(bad, D)


@pytest.mark.parametrize(("nodes", "edges"), [([lif()], []), (None, []), ({}, None), ({}, 3)])
def test_malformed_nodes_and_edges_are_a_graph_error(nodes, edges):
    bad = changed(make_graph([]), nodes=nodes, edges=edges)
    with pytest.raises(nirx.GraphError):
        nirx.check(bad, D)


def test_a_multi_spike_threshold_must_be_positive():
    d = nirx.Discretization(dt=1.0, spikes="multi")
    (fault,) = faults(between(lif(v_threshold=np.zeros(2))), d)
    assert "v_threshold > 0" in str(fault)


def test_several_faults_are_listed_together():
    bad = make_graph(
        [*line("input", "a", "b", "output"), *line("input", "c", "d", "c")],
        a=lif(tau=0.0),
        b=nir.Scale(np.array([np.nan, 1])),
        c=nir.Scale(np.ones(2)),
        d=nir.Scale(np.ones(2)),
        e=lif(),
    )
    assert sorted(f.where for f in faults(bad)) == ["a", "b", "c", "e"]


@pytest.mark.parametrize(
    ("node", "loop"),
    [(affine(2, 3), False), (nir.Scale(np.ones(2)), True), (lif(tau=0.0), False)],
    ids=["shape mismatch", "algebraic loop", "zero tau"],
)
def test_an_unknown_edge_end_hides_no_other_fault(node, loop):
    edges = [*line("input", "node", "output"), ("input", "nowhere")]
    edges += [("node", "node")] if loop else []
    found = faults(make_graph(edges, node=node))
    assert sorted(f.where for f in found) == ["edge 'input' -> 'nowhere'", "node"]


def test_an_unknown_end_is_one_fault_however_many_edges_name_it():
    bad = make_graph([*line("input", "x", "output"), ("x", "a"), ("a", "output")], a=lif())
    (fault,) = faults(bad)
    assert "2 more edges" in fault.where


@pytest.mark.parametrize(
    "delay", [nir.Delay(np.array([-1.0, 1.0])), nir.Delay(np.ones(3)), nir.Delay(np.array([1e9]))]
)
def test_a_faulty_delay_in_a_cycle_is_not_also_a_loop(delay):
    edges = [*line("input", "s", "output"), ("s", "d"), ("d", "s")]
    bad = make_graph(edges, s=nir.Scale(np.ones(2)), d=delay)
    assert [f.where for f in faults(bad)] == ["d"]


def test_delays_that_do_not_fit_the_input_are_one_fault_with_a_time_step_too():
    bad = chain([nir.Delay(np.array([1.0, 2.5]))], 3)
    with pytest.raises(nirx.GraphError) as caught:
        nirx.check(bad, nirx.Discretization(dt=1e-3))
    assert [f.where for f in caught.value.faults] == ["n0"]


def test_a_shape_mismatch_causes_no_other_faults():
    nodes = {"a": affine(2, 3), "b": lif(), "c": affine(4, 2), "d": lif(4)}
    bad = make_graph([*line("input", "a", "b", "c", "d"), *line("b", "output")], **nodes)
    assert [f.where for f in faults(bad)] == ["a"]


def test_an_unknown_node_causes_no_other_faults():
    bad = make_graph(line("input", "a", "b", "output"), a=3, b=lif())
    assert [f.where for f in faults(bad)] == ["a"]


def test_a_graph_that_contains_itself_is_one_fault():
    inner = make_graph(line("input", "a", "output"), a=lif())
    inner.nodes["a"] = inner
    assert "contains itself" in str(faults(inner)[0])


@pytest.mark.parametrize("what", [None, 3, "g.nir"])
def test_anything_but_a_graph_is_an_input_error(what):
    with pytest.raises(nirx.InputError):
        nirx.check(what, D)


@pytest.mark.parametrize("d", [1e-3, "euler", {"dt": 1}])
def test_anything_but_a_discretization_is_an_input_error(d):
    with pytest.raises(nirx.InputError):
        nirx.check(make_graph(line("input", "a", "output"), a=lif()), d)
