"""I and IF, step by step, by hand."""

from __future__ import annotations

from typing import Any

import nir
import numpy as np
import pytest

from support.graphs import neuron
from support.one_node import history


def run(node: Any, xs: list[float], **choices: Any) -> tuple[list[float], ...]:
    return history(node, xs, dt=0.5, **choices)


def if_(reset: float = 0.25) -> nir.IF:
    """With dt = 0.5 and r = 2 the membrane potential is the sum of its input."""
    return neuron(nir.IF, 1, r=2.0, v_reset=reset)


def test_i_adds_up_dt_times_r_times_x():
    assert run(nir.I(np.array([4.0])), [1, 2, -5]) == ([2, 6, -4], [2, 6, -4])


@pytest.mark.parametrize("integrator", ["euler", "exponential"])
def test_the_integrator_makes_no_difference_to_i(integrator):
    assert run(nir.I(np.array([4.0])), [1, 2], integrator=integrator)[0] == [2, 6]


def test_i_old_output():
    assert run(nir.I(np.array([4.0])), [1, 2], reset="none", output="old")[0] == [0, 2]


def test_i_starts_at_zero_for_any_initial_v():
    assert run(nir.I(np.array([4.0])), [0], initial_v="leak")[0] == [0]


def test_if_spikes_and_resets():
    assert run(if_(), [0.5, 0.5, 0.25, 1]) == ([0, 0, 1, 1], [0.5, 1, 0.25, 0.25])
    assert run(if_(), [0.5, 0.5], threshold="ge") == ([0, 1], [0.5, 0.25])
    assert run(if_(), [1.5, 0.25], reset="subtract") == ([1, 0], [0.5, 0.75])
    assert run(if_(), [1.5, 0.25], reset="none") == ([1, 1], [1.5, 1.75])


def test_if_resets_in_the_next_step():
    # 'next': integrate the old potential, then reset; 'next-leaked': reset, then integrate
    assert run(if_(), [1.5, 0.5], reset_when="next") == ([1, 0], [1.5, 0.25])
    assert run(if_(), [1.5, 0.5], reset_when="next-leaked") == ([1, 0], [1.5, 0.75])


@pytest.mark.parametrize("when", ["next", "next-leaked"])
def test_both_orders_agree_where_the_reset_subtracts_and_nothing_leaks(when):
    both = run(if_(), [1.5, 0.5, 3, 0], reset="subtract", reset_when=when)
    assert both == ([1, 0, 1, 1], [1.5, 1, 4, 3])


def test_if_can_spike_several_times_in_a_step():
    assert run(if_(), [3.5], spikes="multi", reset="subtract") == ([3], [0.5])


def test_parameters_of_integers_are_numbers():
    node = nir.IF(np.array([2]), np.array([1]), np.array([0]))
    assert run(node, [1.5]) == ([1], [0])


def test_a_reset_above_the_threshold_spikes_forever():
    assert run(if_(reset=2.0), [1.5, 0, 0]) == ([1, 1, 1], [2, 2, 2])
