"""nirx.check: one fault, one line, with the path and the mend; all of them together."""

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


def nested(inner: nir.NIRGraph) -> nir.NIRGraph:
    return graph(line("input", "sub", "output"), sub=inner)


def between(node: Any) -> nir.NIRGraph:
    return graph(line("input", "node", "output"), node=node)


def faults(bad: nir.NIRGraph, d: nirx.Discretization | None = D) -> tuple[nirx.Fault, ...]:
    with pytest.raises(nirx.GraphError) as caught:
        nirx.check(bad, d)
    for fault in caught.value.faults:
        assert str(fault) in str(caught.value)
    return caught.value.faults


def two_inputs() -> nir.NIRGraph:
    inner = graph([*line("input", "s", "output"), ("b", "s")], s=lif(), b=nir.Input(np.array([2])))
    return nested(inner)


class Strange(nir.NIRNode):
    metadata: Any = {}  # noqa: RUF012

    def __init__(self) -> None:
        self.input_type = self.output_type = {}


CASES: dict[str, tuple[nir.NIRGraph, str, str]] = {
    "unknown edge end": (
        graph(line("input", "lif", "output"), lif1=lif()),
        "edge 'input' -> 'lif'",
        "did you mean 'lif1'?",
    ),
    "shape mismatch": (between(affine(2, 3)), "node", "(3,)"),
    "output of another shape": (between(affine(3, 2)), "output", "(2,)"),
    "parameter of another shape": (
        graph([*line("input", "node"), *line("input", "output")], node=lif(n=3)),
        "node",
        "(3,)",
    ),
    "fan-in of two shapes": (
        graph(
            [*line("input", "big", "sum"), *line("input", "sum", "output")],
            big=affine(3, 2),
            sum=nir.Scale(np.array(1.0)),
        ),
        "edge",
        "one shape",
    ),
    "self-loop": (
        graph([*line("input", "s", "output"), ("s", "s")], s=nir.Scale(np.ones(2))),
        "s",
        "Delay",
    ),
    "algebraic loop": (
        graph([*line("input", "a", "b", "output"), ("b", "a")], a=affine(2, 2), b=affine(2, 2)),
        "a",
        "'a', 'b'",
    ),
    "no input": (
        graph([("a", "b"), ("b", "a"), ("a", "o")], False, a=lif(), b=lif(), o=nir.Output([2])),
        "graph",
        "nir.Input",
    ),
    "no output": (
        graph([("i", "a")], False, i=nir.Input(np.array([2])), a=lif()),
        "graph",
        "nir.Output",
    ),
    "nothing comes in": (
        graph([*line("input", "a", "output"), ("b", "a")], a=lif(), b=lif()),
        "b",
        "without incoming edges",
    ),
    "an output nothing goes into": (
        graph(line("input", "a", "output"), a=lif(), late=nir.Output(np.array([2]))),
        "late",
        "connect or remove",
    ),
    "edge into an input": (
        graph([*line("input", "a", "output"), ("a", "input")], a=lif()),
        "edge 'a' -> 'input'",
        "enters an Input",
    ),
    "edge out of an output": (
        graph([*line("input", "a", "output"), ("output", "a")], a=lif()),
        "edge 'output' -> 'a'",
        "leaves an Output",
    ),
    "ambiguous port": (two_inputs(), "edge 'input' -> 'sub'", "'sub.b', 'sub.input'"),
    "zero tau": (between(lif(0.0)), "node", "tau > 0"),
    "negative tau": (between(lif(tau=-1.0)), "node", "tau > 0"),
    "one zero tau": (between(lif(tau=np.array([1.0, 0.0]))), "node", "tau > 0"),
    "nan": (between(lif(v_threshold=np.array([1, np.nan]))), "node", "v_threshold[1] is nan"),
    "infinity": (between(nir.Linear(np.array([[1, 2], [np.inf, 1]]))), "node", "weight[1, 0]"),
    "negative delay": (between(nir.Delay(np.array([1.0, -1.0]))), "node", "delay >= 0"),
    "nan delay": (between(nir.Delay(np.array([1.0, np.nan]))), "node", "finite"),
    "unknown type": (between(Strange()), "node", "register_type"),
    "not a node": (between(3), "node", "int"),
    "missing parameter": (between(lif(tau=None)), "node", "tau"),
    "text as parameter": (between(lif(tau="4")), "node", "tau"),
    "parameters that do not fit": (between(lif(v_leak=np.ones(3))), "node", "fit together"),
    "edge that is no pair": (
        graph([*line("input", "a", "output"), ("a",)], a=lif()),
        "graph",
        "a pair of node names",
    ),
    "empty name": (graph([*line("input", "a", "output")], a=lif(), **{"": lif()}), "graph", "''"),
    "unknown override": (between(lif()), "discretization override 'lif'", "no node"),
}


@pytest.mark.parametrize("name", CASES)
def test_each_fault_is_one_line_with_path_and_mend(name):
    bad, where, words = CASES[name]
    d = nirx.Discretization(dt=1.0, overrides={"lif": {}}) if "override" in name else D
    (fault,) = faults(bad, d)
    assert fault.where.startswith(where)
    assert words in str(fault)
    if "override" not in name:
        assert len(faults(bad, None)) == 1


NOT_INSIDE = ("no input", "no output", "unknown override", "an output nothing goes into")


@pytest.mark.parametrize("name", [n for n in CASES if n not in NOT_INSIDE])
def test_a_fault_in_a_subgraph_has_the_whole_path(name):
    inner, where, _ = CASES[name]
    (fault,) = faults(nested(nested(inner)))
    assert "sub/sub" in fault.where
    assert where.split("'")[0].strip() in fault.where or where == "graph"


def test_schedule_and_from_nir_say_the_same():
    bad = CASES["zero tau"][0]
    for function in (nirx.schedule, lambda g, d: nirx.from_nir(g, "numpy", d)):
        with pytest.raises(nirx.GraphError, match="tau > 0"):
            function(bad, D)


@pytest.mark.parametrize(("nodes", "edges"), [([lif()], []), (None, []), ({}, None), ({}, 3)])
def test_a_graph_of_other_things_is_a_graph_error(nodes, edges):
    bad = graph([])
    bad.nodes, bad.edges = nodes, edges
    with pytest.raises(nirx.GraphError):
        nirx.check(bad, D)


def test_a_multi_spike_threshold_must_be_positive():
    d = nirx.Discretization(dt=1.0, spikes="multi")
    (fault,) = faults(between(lif(v_threshold=np.zeros(2))), d)
    assert "v_threshold > 0" in str(fault)
