"""Distances in ULP."""

from __future__ import annotations

import numpy as np
import pytest

from nirx.comparison.ulp import same_bits, ulp_distance

FLOATS = [np.float32, np.float64]


def distance(a, b, dtype):
    return ulp_distance(np.array([a], dtype), np.array([b], dtype))[0]


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("start", [1.0, -1.0, 0.0, 1e-30, -3e7])
@pytest.mark.parametrize("steps", [1, 2, 5])
def test_it_counts_the_steps_to_the_next_numbers(start, steps, dtype):
    up = down = dtype(start)
    for _ in range(steps):
        up, down = np.nextafter(up, dtype(np.inf)), np.nextafter(down, dtype(-np.inf))
    assert distance(start, up, dtype) == distance(up, start, dtype) == steps
    assert distance(start, down, dtype) == steps
    assert distance(down, up, dtype) == 2 * steps


@pytest.mark.parametrize("dtype", FLOATS)
def test_zeros_are_one_number_and_subnormals_count(dtype):
    tiny = np.finfo(dtype).smallest_subnormal
    assert distance(0.0, -0.0, dtype) == 0
    assert distance(-tiny, tiny, dtype) == 2
    assert distance(-0.0, tiny, dtype) == 1


@pytest.mark.parametrize("dtype", FLOATS)
def test_nan_and_infinity(dtype):
    assert distance(np.nan, -np.nan, dtype) == 0
    assert distance(np.nan, 1.0, dtype) == distance(1.0, np.nan, dtype) == np.inf
    assert distance(np.inf, np.inf, dtype) == 0
    assert distance(np.finfo(dtype).max, np.inf, dtype) == 1


def test_the_longest_distances_do_not_overflow():
    big = np.finfo(np.float64).max
    expected = pytest.approx(2 * 0x7FEFFFFFFFFFFFFF, rel=1e-15)
    assert float(distance(-big, big, np.float64)) == expected
    assert distance(-np.inf, np.inf, np.float32) == 2 * 0x7F800000


def test_shapes_are_kept_and_scalars_work():
    a = np.ones((2, 0, 3), np.float32)
    assert ulp_distance(a, a).shape == (2, 0, 3)
    one = np.float32(1.0)
    assert ulp_distance(np.array(one), np.array(np.nextafter(one, np.float32(2)))) == 1
    turned = np.arange(6, dtype=np.float64).reshape(2, 3).T
    assert ulp_distance(turned, np.nextafter(turned, np.inf)).tolist() == [[1, 1]] * 3


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (np.zeros(2, np.float32), np.zeros(2, np.float64)),
        (np.zeros(2), np.zeros(3)),
    ],
)
def test_unlike_arrays_are_refused(a, b):
    with pytest.raises(ValueError, match="cannot compare"):
        ulp_distance(a, b)


def test_same_bits_tells_one_ulp_apart():
    a = np.array([1.0, np.nan, 0.0, np.inf, np.nan, 2.0])
    b = np.array([np.nextafter(1.0, 2.0), np.nan, -0.0, np.inf, 1.0, 2.0])
    assert same_bits(a, b).tolist() == [False, True, True, True, False, True]
