"""A lone node stands for a graph: it runs between an Input and an Output of its shape."""

# pyright: reportArgumentType=false

from __future__ import annotations

import nir
import numpy as np
import pytest

import nirx
from support.graphs import affine, chain, lif, neuron

D = nirx.Discretization(dt=1.0)


@pytest.mark.parametrize("node", [lif(3), affine(2, 3), nir.Linear(np.ones((2, 3)))])
def test_a_lone_node_runs_as_between_an_input_and_an_output(node, backend):
    xs = np.random.default_rng(0).random((9, 2, 3)).astype(np.float32)
    whole = chain([node], 3, 3 if isinstance(node, nir.LIF) else 2)
    nets = [nirx.from_nir(graph, backend, D) for graph in (node, whole)]
    alone, between = (np.asarray(nirx.state_to_numpy({"y": n.run(xs)[0]})["y"]) for n in nets)
    assert np.array_equal(alone, between)


def test_a_lone_node_is_checked_scheduled_and_compared():
    node = lif(3)
    nirx.check(node, D)
    assert [n.name for n in nirx.schedule(node, D).nodes] == ["input", "lif", "output"]
    xs = np.full((5, 1, 3), 9, np.float32)
    assert nirx.compare(node, xs, ("numpy", "torch"), discretization=D).agree
    assert node.metadata == {}


@pytest.mark.parametrize(
    ("node", "words"),
    [
        (neuron(nir.LIF, ()), "determine no shape"),
        (nir.SumPool2d(2, 2, 0), "determine no shape"),
        (nir.Input(np.array([3])), "a single Input"),
        (nir.Output(np.array([3])), "a single Output"),
    ],
)
def test_a_lone_node_without_a_shape_is_refused(node, words):
    for call in (nirx.check, nirx.schedule, lambda n, d: nirx.from_nir(n, "numpy", d)):
        with pytest.raises(nirx.GraphError, match=words):
            call(node, D)


def test_a_faulty_lone_node_is_a_graph_error():
    with pytest.raises(nirx.GraphError, match="tau > 0"):
        nirx.from_nir(lif(3, tau=-1.0), "numpy", D)
