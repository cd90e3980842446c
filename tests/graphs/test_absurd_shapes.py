"""Numbers of axes that no array has: refused at once, by `check` and by `repair`."""

import nir
import numpy as np
import pytest

import nirx
from support.graphs import lif, line, make_graph


@pytest.mark.parametrize("start", [10**12, np.array([10**12]), 2**40])
def test_a_flatten_that_starts_nowhere(start):
    flat = nir.Flatten({"input": np.array([2, 3])}, 0, -1)
    graph = make_graph(line("input", "flat", "output"), np.array([2, 3]), flat=flat)
    flat.start_dim, flat.end_dim = start, -1
    with pytest.raises(nirx.GraphError, match="flat: start_dim"):
        nirx.check(graph)
    graph.nodes["input"] = nir.Input({"input": np.array([1, 2, 3])})
    nirx.repair(graph)  # tries no more ways than there are axes


def test_more_axes_than_an_array_has():
    graph = make_graph(line("input", "output"), np.ones(71, int))
    with pytest.raises(nirx.GraphError, match="71 axes"):
        nirx.check(graph)


def test_a_time_constant_next_to_nothing_is_no_division_by_zero():
    tau = np.array([np.longdouble("1e-4000")] * 2)
    node = lif(2)
    node.tau = tau
    graph = make_graph(line("input", "lif", "output"), np.array([2]), lif=node)
    rule = nirx.Discretization(dt=1e-3, integrator="exponential")
    with np.errstate(divide="raise"), pytest.raises(nirx.GraphError, match="tau"):
        nirx.from_nir(graph, "numpy", rule)
