"""LI and LIF, step by step by hand. All numbers are binary fractions, so all is exact."""

# nir takes arrays and None where its annotations say dicts and ints.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false

from __future__ import annotations

import math
from typing import Any

import nir
import numpy as np
import pytest

import nirx


def run(node: Any, xs: list[float], **choices: Any) -> tuple[list[float], list[float]]:
    """Outputs and membrane potentials of one element, dt = 1."""
    nodes = {"i": nir.Input(np.array([1])), "n": node, "o": nir.Output(np.array([1]))}
    graph = nir.NIRGraph(nodes, [("i", "n"), ("n", "o")], type_check=False)
    d = nirx.Discretization(dt=1.0, **choices)
    net = nirx.from_nir(graph, "numpy", d, "float64")
    ys, _, rec = net.run(np.array(xs, np.float64)[:, None], record=["n.v"])
    return ys[:, 0].tolist(), rec["n.v"][:, 0].tolist()


def li(tau: float = 4.0, r: float = 2.0, leak: float = 1.0) -> nir.LI:
    return nir.LI(np.array([tau]), np.array([r]), np.array([leak]))


def lif(theta: float = 1.0, reset: float = -1.0, tau: float = 2.0, leak: float = 0.0) -> nir.LIF:
    """v' = v + ((leak - v) + x)/tau."""
    return nir.LIF(*(np.array([p]) for p in (tau, 1.0, leak, theta, reset)))


def test_li_goes_a_fraction_of_its_way():
    # v + 0.25*((1 - v) + 2*x)
    v1 = 0 + 0.25 * (1 + 2 * 3)
    v2 = v1 + 0.25 * ((1 - v1) + 2 * 0)
    v3 = v2 + 0.25 * ((1 - v2) + 2 * -2)
    assert run(li(), [3, 0, -2]) == ([v1, v2, v3], [v1, v2, v3])


def test_exponential_goes_the_exact_fraction():
    ys, _ = run(li(), [3, 0], integrator="exponential")
    a = -math.expm1(-0.25)
    v1 = a * 7
    assert ys == pytest.approx([v1, v1 + a * (1 - v1)], rel=1e-14)


def test_old_output_is_one_step_late():
    ys, vs = run(li(), [3, 0, -2], output="old", reset_when="next")
    assert ys == [0.0, *vs[:-1]]


def test_the_membrane_may_begin_at_its_leak():
    assert run(li(leak=4.0), [0, 0], initial_v="leak")[0] == [4.0, 4.0]
    assert run(li(leak=4.0), [0, 0], initial_v="zero")[0] == [1.0, 1.75]


def test_lif_spikes_above_the_threshold_and_goes_to_v_reset():
    # v: 1.5 -> spike, -1; then (-1)/2 + 1/2 = 0; then 0 + 2.5/2 = 1.25 -> spike
    assert run(lif(), [3, 1, 2.5]) == ([1, 0, 1], [-1, 0, -1])


def test_at_the_threshold_gt_does_not_spike_and_ge_does():
    assert run(lif(), [2, 0], threshold="gt") == ([0, 0], [1, 0.5])
    assert run(lif(), [2, 0], threshold="ge") == ([1, 0], [-1, -0.5])


def test_subtract_takes_the_threshold_away_and_ignores_v_reset():
    assert run(lif(), [3, 1], reset="subtract") == ([1, 0], [0.5, 0.75])


def test_none_leaves_the_membrane_alone():
    assert run(lif(), [3, 1, 1], reset="none") == ([1, 1, 1], [1.5, 1.25, 1.125])


def test_next_resets_after_the_leak_of_the_next_step():
    # 1.5 spikes and stays; the next step leaks to 0.75 + 0.5 = 1.25, then takes the reset
    assert run(lif(), [3, 1, 1], reset_when="next") == ([1, 0, 0], [1.5, -1, 0])
    assert run(lif(), [3, 1, 1], reset="subtract", reset_when="next") == (
        [1, 0, 0],
        [1.5, 0.25, 0.625],
    )


def test_next_leaked_resets_before_the_leak_of_the_next_step():
    assert run(lif(), [3, 1, 1], reset_when="next-leaked") == ([1, 0, 0], [1.5, 0, 0.5])
    assert run(lif(), [3, 1, 1], reset="subtract", reset_when="next-leaked") == (
        [1, 0, 0],
        [1.5, 0.75, 0.875],
    )


@pytest.mark.parametrize("when", ["next", "next-leaked"])
@pytest.mark.parametrize("reset", ["value", "subtract"])
def test_old_output_delays_the_spikes_and_nothing_else(when, reset):
    xs = [3, 1, 4, 0, 5, 5, 5]
    new, vs = run(lif(), xs, reset=reset, reset_when=when)
    old, same = run(lif(), xs, reset=reset, reset_when=when, output="old")
    assert old == [0, *new[:-1]]
    assert same == vs
    assert 0 < sum(new) < len(xs)


def test_old_output_without_a_reset():
    assert run(lif(), [3, 1, 1], reset="none", output="old") == ([0, 1, 1], [1.5, 1.25, 1.125])


def test_lif_may_begin_at_its_leak():
    assert run(lif(leak=0.5), [0], initial_v="leak") == ([0], [0.5])
    assert run(lif(leak=2.0), [0], initial_v="leak") == ([1], [-1])


def test_units_of_dt_and_tau_cancel():
    small = lif(tau=2e-3)
    nodes = {"i": nir.Input(np.array([1])), "n": small, "o": nir.Output(np.array([1]))}
    graph = nir.NIRGraph(nodes, [("i", "n"), ("n", "o")], type_check=False)
    net = nirx.from_nir(graph, "numpy", nirx.Discretization(dt=1e-3), "float64")
    xs = [3, 1, 2.5]
    assert net.run(np.array(xs)[:, None])[0][:, 0].tolist() == run(lif(), xs)[0]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_step_is_this_sequence_of_operations(dtype):
    kind = np.dtype(dtype).type
    rng = np.random.default_rng(0)
    tau, r, leak, x = (rng.uniform(0.3, 3, 50).astype(dtype) for _ in range(4))
    nodes = {"i": nir.Input(np.array([50])), "o": nir.Output(np.array([50]))}
    nodes["n"] = nir.LI(tau, r, leak)
    graph = nir.NIRGraph(nodes, [("i", "n"), ("n", "o")], type_check=False)
    net = nirx.from_nir(graph, "numpy", nirx.Discretization(dt=0.1), dtype)
    ys, _ = net.run(np.stack([x, x * kind(0.7)]))
    a, v = kind(0.1) / tau, np.zeros(50, dtype)
    for t, now in enumerate((x, x * kind(0.7))):
        v = v + a * ((leak - v) + r * now)
        assert ys[t].tolist() == v.tolist()
