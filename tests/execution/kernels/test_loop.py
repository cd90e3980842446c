"""Cyclic components: one kernel computes what the executor's loop over steps computes."""

import nir
import numpy as np
import pytest

from nirx.graphs.state import FEEDBACK
from support.agreement import assert_bits, assert_near
from support.graphs import lif, make_graph
from support.kernels import loop_spikes, looped, pair


@pytest.mark.parametrize(
    "dtype", ["float64", pytest.param("float32", marks=pytest.mark.exhaustive)]
)
def test_the_bits_of_the_steps(dtype):
    plain, fused = pair(looped(), dtype, reproducible=True, dt=1.0)
    assert [fused.plan.choices[p].how for p in fused.plan.loops] == ["loop"]
    xs = loop_spikes(dtype)
    expected = plain.run(xs, record="all")
    assert 0 < expected[2]["b"].mean() < 1
    assert_bits(fused.run(xs, record="all"), expected)
    assert_bits(fused.run(xs, expected[1], chunk=7), plain.run(xs, expected[1], chunk=7))


@pytest.mark.exhaustive
def test_in_fast_mode_up_to_the_order_of_sums():
    plain, fused = pair(looped(), "float64", dt=1.0)
    xs = loop_spikes("float64")
    expected, found = (net.run(xs, record="all")[2] for net in (plain, fused))
    for name, value in expected.items():
        assert_near(found[name], value, 1e-12, name)


def test_without_a_batch_axis():
    plain, fused = pair(looped(), reproducible=True, dt=1.0)
    xs = loop_spikes()[:, 0]
    assert_bits(fused.run(xs, record="all"), plain.run(xs, record="all"))


def test_values_that_are_no_spikes_go_the_general_way():
    """A caller's state may hold any late value; the sliced product of 0 and 1 would be wrong."""
    plain, fused = pair(looped(), reproducible=True, dt=1.0)
    xs = loop_spikes()
    _, state = plain.run(xs)
    late = [tree[FEEDBACK] for tree in state.values() if FEEDBACK in tree]
    assert late
    for values in late:
        for value in values.values():
            value += np.float32(0.3)
    assert_bits(fused.run(xs, state), plain.run(xs, state))


@pytest.mark.exhaustive
def test_counts_go_the_general_way():
    plain, fused = pair(looped(), reproducible=True, dt=1.0, spikes="multi", reset="subtract")
    xs = 5 * loop_spikes()
    expected = plain.run(xs, record="all")
    assert expected[2]["b"].max() > 1
    assert_bits(fused.run(xs, record="all"), expected)


def test_weights_that_are_not_finite_go_the_general_way(monkeypatch):
    """0 times infinity is NaN, which a sum over spikes alone would miss."""
    plain, fused = pair(looped(), dt=1.0)
    for net in (plain, fused):
        for place, runner in zip(net.schedule.nodes, net._executor.runners, strict=True):
            if place.name == "back":
                runner.parameters["weight"][0, 0] = np.inf
    xs = loop_spikes()
    assert np.isnan(plain.run(xs, record=["back"])[2]["back"]).any()
    assert_bits(fused.run(xs, record=["back"]), plain.run(xs, record=["back"]))


def test_a_node_without_a_kernel_is_named():
    graph = make_graph(
        [("input", "a"), ("a", "delay"), ("delay", "a"), ("a", "output")],
        np.array([2]),
        a=lif(2),
        delay=nir.Delay(np.array([2.0, 2.0])),
    )
    _, fused = pair(graph, dt=1.0)
    reasons = {c.why for c in fused.plan.choices if c.why}
    assert reasons == {"it is in a cycle with 'delay': no loop runs it"}
