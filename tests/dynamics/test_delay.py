"""Delay: every element comes out its own number of steps later."""

# nir takes arrays and None where its annotations say dicts and ints.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false

from __future__ import annotations

from typing import Any

import nir
import numpy as np
import pytest

import nirx


def net(delay: Any, dt: float = 1.0, shape: tuple[int, ...] = (3,)) -> Any:
    nodes = {"i": nir.Input(np.array(shape)), "o": nir.Output(np.array(shape))}
    nodes["d"] = nir.Delay(np.asarray(delay, np.float64))
    graph = nir.NIRGraph(nodes, [("i", "d"), ("d", "o")], type_check=False)
    return nirx.from_nir(graph, "numpy", nirx.Discretization(dt=dt), "float64")


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
    assert state["d"]["buffer"].tolist() == xs[5:].tolist()
    _, state = net([0, 1, 4]).run(xs[:2])
    assert state["d"]["buffer"].tolist() == [[0] * 3, [0] * 3, *xs[:2].tolist()]
    assert net([0, 0, 0]).run(xs)[1] == {}


@pytest.mark.parametrize(("delay", "dt", "steps"), [(0.3, 0.1, 3), (1e-3, 1e-4, 10), (7, 1, 7)])
def test_the_number_of_steps_is_rounded_in_float64(delay, dt, steps):
    xs = values(12, 1)
    assert net(delay, dt, (1,)).run(xs)[0].tolist() == late(xs, np.array([steps])).tolist()


def test_a_float32_delay_is_still_on_the_grid():
    delay = np.float32(3e-3)
    nodes = {"i": nir.Input(np.array([1])), "o": nir.Output(np.array([1]))}
    nodes["d"] = nir.Delay(np.array([delay]))
    graph = nir.NIRGraph(nodes, [("i", "d"), ("d", "o")], type_check=False)
    buffer = nirx.from_nir(graph, "numpy", nirx.Discretization(dt=1e-4)).init_state()["d"]["buffer"]
    assert buffer.shape == (30, 1)


@pytest.mark.parametrize(("delay", "steps"), [(0.5, 0), (1.5, 2), (2.5, 2), (0.2, 0), (1.002, 1)])
def test_off_the_grid_it_goes_to_the_nearest_even_and_warns(delay, steps):
    with pytest.warns(nirx.NirxWarning, match="delay"):
        n = net(delay, shape=(1,))
    xs = values(6, 1)
    assert n.run(xs)[0].tolist() == late(xs, np.array([steps])).tolist()


def test_a_delayed_ring_goes_round():
    one = np.ones(1)
    nodes = {"i": nir.Input(np.array([1])), "s": nir.Scale(one / 2), "d": nir.Delay(2 * one)}
    nodes["o"] = nir.Output(np.array([1]))
    edges = [("i", "s"), ("s", "d"), ("d", "s"), ("s", "o")]
    graph = nir.NIRGraph(nodes, edges, type_check=False)
    n = nirx.from_nir(graph, "numpy", nirx.Discretization(dt=1.0), "float64")
    xs = np.array([8.0, 0, 0, 0, 0])[:, None]
    assert n.run(xs)[0][:, 0].tolist() == [4, 0, 2, 0, 1]
    assert n.run(xs, chunk=1)[0][:, 0].tolist() == [4, 0, 2, 0, 1]
    assert n.schedule.feedback_edges == ()


@pytest.mark.parametrize("kinds", ["sd", "ds"])
def test_a_delayed_ring_does_not_depend_on_names(kinds):
    scale, delay = kinds[0] + "x", kinds[1] + "y"
    one = np.ones(1)
    nodes = {"i": nir.Input(np.array([1])), scale: nir.Scale(one / 2), delay: nir.Delay(one)}
    nodes["zz"] = nir.Delay(one)
    nodes["o"] = nir.Output(np.array([1]))
    edges = [("i", scale), (scale, delay), (delay, "zz"), ("zz", scale), (scale, "o")]
    graph = nir.NIRGraph(nodes, edges, type_check=False)
    n = nirx.from_nir(graph, "numpy", nirx.Discretization(dt=1.0), "float64")
    xs = np.array([8.0, 0, 0, 0, 0])[:, None]
    assert n.run(xs)[0][:, 0].tolist() == [4, 0, 2, 0, 1]


def test_a_delay_too_long_for_any_buffer_is_a_fault():
    with pytest.raises(nirx.GraphError, match="share a unit"):
        net(1e9, dt=1e-4, shape=(1,))
