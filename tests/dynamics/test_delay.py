"""Delay: every element has its own delay."""

from __future__ import annotations

from typing import Any

import nir
import numpy as np
import pytest

import nirx
from support.graphs import line, make_graph
from support.one_node import alone


def net(delay: Any, dt: float = 1.0, shape: tuple[int, ...] = (3,)) -> Any:
    return alone(nir.Delay(np.asarray(delay, np.float64)), shape, dt=dt)


def ring(*delays: float, names: tuple[str, str] = ("s", "d")) -> Any:
    """A Scale by 1/2 with its own output, delayed, added to its input."""
    scale, first = names
    nodes = {first: nir.Delay(np.array([delays[0]]))}
    nodes |= {f"zz{k}": nir.Delay(np.array([delay])) for k, delay in enumerate(delays[1:])}
    edges = [*line("input", scale, *nodes, scale), (scale, "output")]
    graph = make_graph(edges, 1, **{scale: nir.Scale(np.array([0.5]))}, **nodes)
    return nirx.from_nir(graph, "numpy", nirx.Discretization(dt=1.0), "float64")


def late(xs: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """By hand: element e of step t is element e of step t - steps[e], or 0."""
    out = np.zeros_like(xs)
    for index in np.ndindex(steps.shape):
        for t in range(steps[index], len(xs)):
            out[(t, ..., *index)] = xs[(t - steps[index], ..., *index)]
    return out


def values(t: int, *rest: int) -> np.ndarray:
    return np.random.default_rng(0).uniform(1, 2, (t, *rest))


@pytest.mark.parametrize("steps", [[0, 0, 0], [2, 2, 2], [0, 1, 4], [9, 0, 12]], ids=str)
@pytest.mark.parametrize("batch", [(), (2,), (2, 3)])
@pytest.mark.parametrize("chunk", [1, 3, 256])
def test_each_element_has_its_own_delay(steps, batch, chunk):
    xs = values(10, *batch, 3)
    ys, _ = net(steps).run(xs, chunk=chunk)
    assert ys.tolist() == late(xs, np.array(steps)).tolist()


@pytest.mark.parametrize("delay", [3.0, [3.0], [[1.0], [2.0]], [[0.0, 1.0, 2.0]]], ids=str)
def test_delays_broadcast(delay):
    xs = values(6, 2, 3)
    steps = np.broadcast_to(np.array(delay, int), (2, 3))
    assert net(delay, shape=(2, 3)).run(xs)[0].tolist() == late(xs, steps).tolist()


def test_steps_one_by_one_give_the_same():
    xs, n, state = values(9, 2, 3), net([0, 1, 4]), None
    for t, x in enumerate(xs):
        y, state = n(x, state)
        assert y.tolist() == late(xs, np.array([0, 1, 4]))[t].tolist()


def test_the_buffer_has_the_longest_delay_oldest_first():
    xs = values(9, 3)
    _, state = net([0, 1, 4]).run(xs)
    assert state["n"]["buffer"].tolist() == xs[5:].tolist()
    _, state = net([0, 1, 4]).run(xs[:2])
    assert state["n"]["buffer"].tolist() == [[0] * 3, [0] * 3, *xs[:2].tolist()]
    assert net([0, 0, 0]).run(xs)[1] == {}


@pytest.mark.parametrize(("delay", "dt", "steps"), [(0.3, 0.1, 3), (1e-3, 1e-4, 10), (7, 1, 7)])
def test_the_number_of_steps_is_rounded_in_float64(delay, dt, steps):
    xs = values(12, 1)
    assert net(delay, dt, (1,)).run(xs)[0].tolist() == late(xs, np.array([steps])).tolist()


def test_a_float32_delay_is_still_on_the_grid():
    delay = nir.Delay(np.array([3e-3], np.float32))
    assert alone(delay, 1, "float32", dt=1e-4).init_state()["n"]["buffer"].shape == (30, 1)


@pytest.mark.parametrize(("delay", "steps"), [(0.5, 0), (1.5, 2), (2.5, 2), (0.2, 0), (1.002, 1)])
def test_a_delay_off_the_grid_is_rounded_half_to_even_and_warns(delay, steps):
    with pytest.warns(nirx.NirxWarning, match="delay"):
        n = net(delay, shape=(1,))
    xs = values(6, 1)
    assert n.run(xs)[0].tolist() == late(xs, np.array([steps])).tolist()


def test_values_circulate_in_a_ring_with_a_delay():
    n = ring(2.0)
    xs = np.array([8.0, 0, 0, 0, 0])[:, None]
    assert n.run(xs)[0][:, 0].tolist() == [4, 0, 2, 0, 1]
    assert n.run(xs, chunk=1)[0][:, 0].tolist() == [4, 0, 2, 0, 1]
    assert n.schedule.feedback_edges == ()


@pytest.mark.parametrize("kinds", ["sd", "ds"])
def test_a_delayed_ring_does_not_depend_on_names(kinds):
    xs = np.array([8.0, 0, 0, 0, 0])[:, None]
    n = ring(1.0, 1.0, names=(kinds[0] + "x", kinds[1] + "y"))
    assert n.run(xs)[0][:, 0].tolist() == [4, 0, 2, 0, 1]


def test_a_delay_too_long_for_any_buffer_is_a_fault():
    with pytest.raises(nirx.GraphError, match="share a unit"):
        net(1e9, dt=1e-4, shape=(1,))
