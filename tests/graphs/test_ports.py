"""The ends of edges: nodes, subgraphs and ports."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import nir
import numpy as np
import pytest

import nirx
from nirx.graphs.ports import BadEnd, Ends
from support.graphs import chain, line

SHAPE: Any = np.array([1])
D = nirx.Discretization()


def ports(inputs: Iterable[str], outputs: Iterable[str]) -> dict[str, Any]:
    return {n: nir.Input(SHAPE) for n in inputs} | {n: nir.Output(SHAPE) for n in outputs}


def sub(inputs: str = "i", outputs: str = "o", gain: float = 1.0) -> nir.NIRGraph:
    """Every Input into one Scale, and that into every Output."""
    takes, gives = inputs.split(), outputs.split()
    nodes = {"s": nir.Scale(np.array([gain])), **ports(takes, gives)}
    edges = [*((n, "s") for n in takes), *(("s", n) for n in gives)]
    return nir.NIRGraph(nodes, edges, type_check=False)


NODES: dict[str, Any] = {
    "plain": nir.Scale(np.array([1.0])),
    "one": sub(),
    "two": sub("i j", "o p"),
    "dotted.name": sub("a.b c", "o"),
    "a": sub("b.c d"),
    "a.b": sub("c d"),
    "both": sub("x y"),
    "both.x": nir.Scale(np.array([1.0])),
    "none": nir.NIRGraph({}, [], type_check=False),
}


@pytest.mark.parametrize(
    ("end", "path"),
    [
        ("plain", ("plain",)),
        ("one", ("one", "i")),
        ("one.i", ("one", "i")),
        ("two.j", ("two", "j")),
        ("dotted.name.c", ("dotted.name", "c")),
        ("dotted.name.a.b", ("dotted.name", "a.b")),
        ("a.d", ("a", "d")),
        ("a.b.d", ("a.b", "d")),
        ("both.x", ("both.x",)),
        ("both.y", ("both", "y")),
    ],
)
def test_an_end_names_a_node_a_subgraph_or_a_port(end, path):
    assert Ends(NODES).resolve(end, nir.Input) == path


@pytest.mark.parametrize(
    ("end", "found", "mend"),
    [
        ("two", "2 Inputs", "'two.i', 'two.j'"),
        ("two.k", "no node 'two.k'", "did you mean 'two."),
        ("two.o", "no node 'two.o'", "two."),
        ("two.s", "no node", "two."),
        ("one.s", "no node", "one.i"),
        ("plian", "no node 'plian'", "did you mean 'plain'?"),
        ("a.b.c", "may mean", "rename"),
        ("none", "no Input", "add a nir.Input"),
        ("none.i", "no node", ""),
        ("", "no node ''", ""),
        (".", "no node '.'", ""),
        ("a.b", "2 Inputs", "'a.b.c', 'a.b.d'"),
    ],
)
def test_an_unknown_or_ambiguous_end_is_refused_with_a_suggested_fix(end, found, mend):
    with pytest.raises(BadEnd) as caught:
        Ends(NODES).resolve(end, nir.Input)
    assert found in caught.value.found
    given = Ends(NODES).suggestion(end, nir.Input) if caught.value.missing else caught.value.mend
    assert mend in given


def test_the_source_of_an_edge_names_an_output():
    assert Ends(NODES).resolve("two.p", nir.Output) == ("two", "p")
    with pytest.raises(BadEnd, match="no node"):
        Ends(NODES).resolve("two.i", nir.Output)


def test_several_ports_carry_several_values():
    inner = nir.NIRGraph(
        {**ports("xy", "pq"), "s": nir.Scale(np.array([10.0]))},
        [*line("x", "s", "p"), ("y", "q")],
        type_check=False,
    )
    nodes = ports("ab", "cd")
    edges = [("a", "sub.x"), ("b", "sub.y"), ("sub.q", "c"), ("sub.p", "d"), ("b", "sub.x")]
    net = nirx.from_nir(nir.NIRGraph({**nodes, "sub": inner}, edges, type_check=False), "numpy", D)
    one = np.ones(1, np.float32)
    ys, _ = net({"a": one, "b": 2 * one})
    assert {k: v.tolist() for k, v in ys.items()} == {"c": [2.0], "d": [30.0]}


def test_fan_in_and_fan_out_at_a_subgraphs_port():
    extra = [("input", "sub.i"), ("sub.o", "output")]
    net = nirx.from_nir(chain({"sub": sub(gain=2.0)}, 1, extra=extra), "numpy", D)
    assert net(np.ones(1, np.float32))[0].tolist() == [8.0]
