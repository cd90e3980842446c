"""The work on a good graph grows with its size only, whatever its form."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import nir
import numpy as np
import pytest

import nirx
from nirx.comparison.digest import graph_digest
from support.graphs import chain, lif, line, make_graph
from support.growth import assert_linear

D = nirx.Discretization(dt=1.0)


@pytest.fixture(autouse=True)
def _nir_reads_what_is_written() -> None:
    """Not in this file: nir's own reader takes quadratic time."""


def lifs(count: int, name: str = "n") -> dict[str, nir.LIF]:
    return {f"{name}{k}": lif() for k in range(count)}


def long_chain(count: int) -> nir.NIRGraph:
    return chain(lifs(count))


def one_shared_node(count: int) -> nir.NIRGraph:
    return chain(dict.fromkeys(lifs(count), lif()))


def fan(count: int) -> nir.NIRGraph:
    """One node with many sources."""
    nodes = lifs(count)
    edges = [*(("input", n) for n in nodes), *((n, "sum") for n in nodes), ("sum", "output")]
    return make_graph(edges, **nodes, sum=lif())


def many_inputs(count: int) -> nir.NIRGraph:
    nodes = {f"i{k}": nir.Input({"input": np.array([2])}) for k in range(count)}
    return make_graph([("input", "output"), *((n, "output") for n in nodes)], **nodes)


def ring(count: int) -> nir.NIRGraph:
    nodes = lifs(count)
    return chain(nodes, extra=[(f"n{count - 1}", "n0")])


def hub(count: int) -> nir.NIRGraph:
    """One recurrent component, in which every edge goes both ways."""
    nodes = lifs(count)
    edges = [*line("input", "hub", "output"), *(("hub", n) for n in nodes)]
    return make_graph([*edges, *((n, "hub") for n in nodes)], **nodes, hub=lif())


def subgraphs(count: int) -> nir.NIRGraph:
    return chain({f"s{k}": chain([lif()]) for k in range(count // 3)})


def deep(count: int) -> nir.NIRGraph:
    """A subgraph in a subgraph in a subgraph ..., some nodes in each."""
    graph = long_chain(3)
    for _ in range(count // 10):
        graph = chain({**lifs(3), "sub": graph})
    return graph


def ports(count: int) -> nir.NIRGraph:
    """A subgraph with many Inputs and Outputs, each with an edge of its own."""
    below = nir.NIRGraph({}, [], type_check=False)
    for k in range(count):
        below.nodes[f"i{k}"] = nir.Input({"input": np.array([2])})
        below.nodes[f"o{k}"] = nir.Output({"output": np.array([2])})
        below.edges.append((f"i{k}", f"o{k}"))
    below._update_input_output_types()
    edges = [("input", f"s.i{k}") for k in range(count)]
    return make_graph([*edges, *((f"s.o{k}", "output") for k in range(count))], s=below)


GRAPHS = (long_chain, one_shared_node, fan, many_inputs, ring, hub, subgraphs, ports, deep)
WORK: dict[str, Callable[[nir.NIRGraph], Any]] = {
    "check": lambda graph: nirx.check(graph, D),
    "digest of the schedule": lambda graph: nirx.schedule(graph, D).digest,
    "numpy": lambda graph: nirx.from_nir(graph, "numpy", discretization=D),
    "torch": lambda graph: nirx.from_nir(graph, "torch", discretization=D),
    "jax": lambda graph: nirx.from_nir(graph, "jax", discretization=D),
    "graph_digest": graph_digest,
    "repair": nirx.repair,
    "same_graph": lambda graph: nirx.same_graph(graph, graph),
}


@pytest.mark.parametrize(
    "work", ["check", *(pytest.param(w, marks=pytest.mark.slow) for w in WORK if w != "check")]
)
@pytest.mark.parametrize("make", GRAPHS)
@pytest.mark.sampled(8)
def test_a_good_graph_takes_linear_time(make, work):
    assert_linear(lambda size: (graph := make(size)) and (lambda: WORK[work](graph)))


def test_overrides_of_deep_graphs_take_linear_time():
    rule = nirx.Discretization(dt=1.0, overrides={"sub/sub": {"reset": "subtract"}})
    assert_linear(lambda size: (graph := deep(size)) and (lambda: nirx.check(graph, rule)), 300)


@pytest.mark.slow
@pytest.mark.parametrize("make", GRAPHS)
@pytest.mark.sampled(6)
def test_a_file_takes_linear_time(make, tmp_path):
    def work(size: int) -> Callable[[], Any]:
        graph, path = make(size), tmp_path / "a.nir"

        def both() -> None:
            nirx.write(path, graph)
            assert len(nirx.read(path).nodes) == len(graph.nodes)

        return both

    assert_linear(work)


def flattened(count: int) -> nir.NIRGraph:
    """A chain of subgraphs, whose nodes stand beside the others."""
    nodes: dict[str, Any] = {}
    edges = line("input", *(f"s{k}" for k in range(count)), "output")
    for k in range(count):
        nodes |= {f"s{k}.{name}": node for name, node in chain([lif()]).nodes.items()}
        edges += line(f"s{k}.input", f"s{k}.n0", f"s{k}.output")
    return make_graph(edges, **nodes)


def test_flattened_subgraphs_are_rebuilt_in_linear_time():
    mended, changes = nirx.repair(flattened(9))
    assert len(changes) == 9
    assert nirx.same_graph(mended, subgraphs(27))
    assert_linear(lambda size: (graph := flattened(size)) and (lambda: nirx.repair(graph)), 40)


@pytest.mark.parametrize("make", [fan, hub, long_chain])
def test_a_schedule_is_a_short_table(make):
    text = str(nirx.schedule(make(2000), D))
    assert len(text.splitlines()) < 1000
    assert "1,8" in text  # how many more nodes there are
