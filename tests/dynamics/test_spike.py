"""Spikes: values at the threshold, spike counts, and resets."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import nir
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nirx
from support.graphs import neuron
from support.one_node import alone


def count(
    v: Any, theta: Any, dtype: str = "float64", **choices: Any
) -> tuple[np.ndarray, np.ndarray]:
    """Spikes and membrane potentials after one step of IFs with v as input."""
    v = np.atleast_1d(np.asarray(v, dtype))
    theta = np.broadcast_to(np.asarray(theta, dtype), v.shape)
    node = neuron(nir.IF, v.shape, dtype, v_threshold=theta)
    options = {"spikes": "multi", "reset": "subtract", **choices}
    ys, state = alone(node, v.shape, dtype, **options)(v)
    return ys, state["n"]["v"]


def test_counts_by_hand():
    v = [-3.0, 0.0, 0.4, 0.5, 0.9, 1.0, 7.3]
    spikes, left = count(v, 0.5)
    assert spikes.tolist() == [0, 0, 0, 1, 1, 2, 14]
    np.testing.assert_allclose(left, [-3, 0, 0.4, 0, 0.4, 0, 0.3], atol=1e-12)


def test_a_tie_counts_for_either_threshold_rule():
    for threshold in ("gt", "ge"):
        assert count([1.5], 0.5, threshold=threshold)[0].tolist() == [3]


def test_max_spikes_leaves_the_rest_in_the_membrane():
    spikes, left = count([0.5, 1.0, 9.25], 0.5, max_spikes=2)
    assert (spikes.tolist(), left.tolist()) == ([1, 2, 2], [0, 0, 8.25])


def test_a_value_reset_after_several_spikes_goes_to_v_reset():
    assert count([0.25, 9.0], 0.5, reset="value")[1].tolist() == [0.25, 0]


def test_nan_and_infinity():
    spikes, left = count([np.nan, np.inf, -np.inf], 0.5, max_spikes=3)
    assert spikes.tolist() == [0, 3, 0]
    assert np.isnan(left[0])
    assert left.tolist()[1:] == [np.inf, -np.inf]
    assert count([np.nan], 0.5, spikes="single")[0].tolist() == [0]


def largest(v: float, theta: float, dtype: str) -> int:
    """The largest n >= 0 with mul(n, theta) <= v, in the run's dtype, by trying all near it."""
    kind = np.dtype(dtype).type
    near = int(Fraction(v) / Fraction(theta)) if v > 0 else 0
    good = [n for n in range(max(0, near - 3), near + 4) if kind(n) * kind(theta) <= kind(v)]
    return max(good, default=0)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_count_is_the_largest_that_fits(dtype):
    rng = np.random.default_rng(0)
    theta = rng.uniform(0.01, 2, 4000).astype(dtype)
    whole = rng.integers(0, 60, 4000).astype(dtype)
    v = whole * theta  # the hard cases are at a tie and next to it
    for values in (v, np.nextafter(v, 1e9, dtype=dtype), np.nextafter(v, -1e9, dtype=dtype)):
        spikes, _ = count(values, theta, dtype)
        expected = [largest(float(a), float(b), dtype) for a, b in zip(values, theta, strict=True)]
        assert spikes.tolist() == expected


@pytest.mark.slow
@given(
    st.floats(-1e3, 1e5, width=32),
    st.floats(0.0099945068359375, 1e3, width=32),
)
@settings(max_examples=200, deadline=None)
def test_any_count_is_the_largest_that_fits(v, theta):
    assert count([v], theta, "float32")[0].tolist() == [largest(v, theta, "float32")]


@pytest.mark.parametrize("choices", [{}, {"threshold": "ge"}, {"reset": "value"}], ids=str)
def test_one_spike_is_zero_or_one(choices):
    v = np.linspace(-2, 5, 29)
    spikes, _ = count(v, 0.75, spikes="single", **choices)
    above = v >= 0.75 if "threshold" in choices else v > 0.75
    assert spikes.tolist() == above.astype(float).tolist()


def test_each_element_has_its_own_threshold():
    spikes, left = count([1.0, 1.0, 1.0], [0.5, 1.0, 2.0], spikes="single")
    assert (spikes.tolist(), left.tolist()) == ([1, 0, 0], [0.5, 1, 1])


@pytest.mark.parametrize("theta", [0.0, -1.0])
def test_counting_needs_a_positive_threshold_and_one_spike_does_not(theta):
    with pytest.raises(nirx.GraphError, match="v_threshold"):
        count([1.0], theta)
    assert count([1.0], theta, spikes="single")[0].tolist() == [1]
