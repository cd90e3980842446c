"""LI and LIF, step by step, by hand. All numbers are binary fractions, so everything is exact."""

from __future__ import annotations

import math

import nir
import numpy as np
import pytest

from support.graphs import neuron
from support.one_node import alone, history


def li(leak: float = 1.0) -> nir.LI:
    """v' = v + 0.25*((leak - v) + 2*x)."""
    return neuron(nir.LI, 1, r=2.0, v_leak=leak)


def lif(tau: float = 2.0, leak: float = 0.0) -> nir.LIF:
    """v' = v + ((leak - v) + x)/tau; v_threshold = 1, v_reset = -1."""
    return neuron(nir.LIF, 1, tau=tau, v_leak=leak, v_reset=-1.0)


def test_euler_moves_li_by_dt_over_tau():
    v1 = 0 + 0.25 * (1 + 2 * 3)
    v2 = v1 + 0.25 * ((1 - v1) + 2 * 0)
    v3 = v2 + 0.25 * ((1 - v2) + 2 * -2)
    assert history(li(), [3, 0, -2]) == ([v1, v2, v3], [v1, v2, v3])


def test_exponential_moves_li_by_the_exact_fraction():
    ys, _ = history(li(), [3, 0], integrator="exponential")
    a = -math.expm1(-0.25)
    v1 = a * 7
    assert ys == pytest.approx([v1, v1 + a * (1 - v1)], rel=1e-14)


def test_old_output_is_one_step_late():
    ys, vs = history(li(), [3, 0, -2], output="old", reset_when="next")
    assert ys == [0.0, *vs[:-1]]


def test_li_may_start_at_its_leak():
    assert history(li(leak=4.0), [0, 0], initial_v="leak")[0] == [4.0, 4.0]
    assert history(li(leak=4.0), [0, 0], initial_v="zero")[0] == [1.0, 1.75]


def test_lif_spikes_above_the_threshold_and_resets_to_v_reset():
    # v: 1.5 -> spike, -1; then (-1)/2 + 1/2 = 0; then 0 + 2.5/2 = 1.25 -> spike
    assert history(lif(), [3, 1, 2.5]) == ([1, 0, 1], [-1, 0, -1])


def test_at_the_threshold_gt_does_not_spike_and_ge_does():
    assert history(lif(), [2, 0], threshold="gt") == ([0, 0], [1, 0.5])
    assert history(lif(), [2, 0], threshold="ge") == ([1, 0], [-1, -0.5])


def test_subtract_subtracts_the_threshold_and_ignores_v_reset():
    assert history(lif(), [3, 1], reset="subtract") == ([1, 0], [0.5, 0.75])


def test_reset_none_does_not_change_the_membrane():
    assert history(lif(), [3, 1, 1], reset="none") == ([1, 1, 1], [1.5, 1.25, 1.125])


def test_next_resets_after_the_leak_of_the_next_step():
    # 1.5 spikes and stays; the next step leaks to 0.75 + 0.5 = 1.25, then resets
    assert history(lif(), [3, 1, 1], reset_when="next") == ([1, 0, 0], [1.5, -1, 0])
    assert history(lif(), [3, 1, 1], reset="subtract", reset_when="next") == (
        [1, 0, 0],
        [1.5, 0.25, 0.625],
    )


def test_next_leaked_resets_before_the_leak_of_the_next_step():
    assert history(lif(), [3, 1, 1], reset_when="next-leaked") == ([1, 0, 0], [1.5, 0, 0.5])
    assert history(lif(), [3, 1, 1], reset="subtract", reset_when="next-leaked") == (
        [1, 0, 0],
        [1.5, 0.75, 0.875],
    )


@pytest.mark.parametrize("when", ["next", "next-leaked"])
@pytest.mark.parametrize("reset", ["value", "subtract"])
def test_old_output_delays_the_spikes_and_nothing_else(when, reset):
    xs = [3, 1, 4, 0, 5, 5, 5]
    new, vs = history(lif(), xs, reset=reset, reset_when=when)
    old, same = history(lif(), xs, reset=reset, reset_when=when, output="old")
    assert old == [0, *new[:-1]]
    assert same == vs
    assert 0 < sum(new) < len(xs)


def test_old_output_without_a_reset():
    assert history(lif(), [3, 1, 1], reset="none", output="old") == ([0, 1, 1], [1.5, 1.25, 1.125])


def test_lif_may_start_at_its_leak():
    assert history(lif(leak=0.5), [0], initial_v="leak") == ([0], [0.5])
    assert history(lif(leak=2.0), [0], initial_v="leak") == ([1], [-1])


def test_units_of_dt_and_tau_cancel():
    xs = [3, 1, 2.5]
    assert history(lif(tau=2e-3), xs, dt=1e-3)[0] == history(lif(), xs)[0]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_step_is_this_sequence_of_operations(dtype):
    kind = np.dtype(dtype).type
    rng = np.random.default_rng(0)
    tau, r, leak, x = (rng.uniform(0.3, 3, 50).astype(dtype) for _ in range(4))
    ys, _ = alone(nir.LI(tau, r, leak), 50, dtype, dt=0.1).run(np.stack([x, x * kind(0.7)]))
    a, v = kind(0.1) / tau, np.zeros(50, dtype)
    for t, now in enumerate((x, x * kind(0.7))):
        v = v + a * ((leak - v) + r * now)
        assert ys[t].tolist() == v.tolist()
