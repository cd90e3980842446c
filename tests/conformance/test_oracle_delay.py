"""Delay by hand."""

from typing import Any

import nir
import numpy as np
import pytest

from nirx import Discretization
from nirx_conformance import oracle

XS = [[1, 10, 100], [2, 20, 200], [3, 30, 300], [4, 40, 400]]


def test_each_element_has_its_own_delay(run_node):
    result = run_node(nir.Delay(np.array([0.0, 1.0, 2.0])), XS)
    assert result.outputs["out"].tolist() == [[1, 0, 0], [2, 10, 0], [3, 20, 100], [4, 30, 200]]
    # the buffer has two steps for every element, oldest first
    assert result.state["node"]["buffer"].tolist() == [[3, 30, 300], [4, 40, 400]]


def test_the_buffer_is_batch_steps_features():
    shape: Any = np.array([3])
    nodes = {
        "in": nir.Input(shape),
        "d": nir.Delay(np.full(3, 2.0)),
        "out": nir.Output(shape),
    }
    graph = nir.NIRGraph(nodes, [("in", "d"), ("d", "out")], type_check=False)
    xs = np.arange(4 * 5 * 3.0).reshape(4, 5, 3)
    result = oracle.run(graph, Discretization(dt=1.0), xs)
    np.testing.assert_array_equal(result.state["d"]["buffer"], np.swapaxes(xs[2:], 0, 1))
    np.testing.assert_array_equal(result.outputs["out"][2:], xs[:2])
    assert not result.outputs["out"][:2].any()


@pytest.mark.parametrize(
    ("delay", "dt", "steps"),
    [(0.3, 0.1, 3), (0.24, 0.1, 2), (0.26, 0.1, 3), (0.5, 1.0, 0), (1.5, 1.0, 2), (0.04, 0.1, 0)],
)
def test_delays_round_to_steps(run_node, delay, dt, steps):
    # rint: halves go to the even number
    result = run_node(nir.Delay(np.array([delay])), [[1], [2], [3], [4], [5]], dt=dt)
    assert result.outputs["out"].ravel().tolist() == [0] * steps + [1, 2, 3, 4, 5][: 5 - steps]


def test_a_delay_of_zero_steps_has_no_state(run_node):
    assert run_node(nir.Delay(np.zeros(3)), XS).state == {}
