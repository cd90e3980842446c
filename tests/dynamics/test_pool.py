"""SumPool2d and AvgPool2d: zero padding that counts, floor mode."""

# nir's own annotations are narrower than what it accepts.
# pyright: reportArgumentType=false

from __future__ import annotations

from typing import Any

import nir
import numpy as np
import pytest

from support.one_node import alone


def run(node: Any, xs: np.ndarray) -> np.ndarray:
    return alone(node, xs.shape[-3:], str(xs.dtype)).run(xs)[0]


def sums(x: np.ndarray, kernel: Any, stride: Any, padding: Any) -> np.ndarray:
    """One image [C, H, W], window by window."""
    (kh, kw), (sh, sw), (ph, pw) = (
        np.broadcast_to(v, 2).tolist() for v in (kernel, stride, padding)
    )
    padded = np.pad(x, [(0, 0), (ph, ph), (pw, pw)])
    rows, columns = (padded.shape[1] - kh) // sh + 1, (padded.shape[2] - kw) // sw + 1
    y = np.zeros((x.shape[0], rows, columns))
    for c, r, col in np.ndindex(y.shape):
        y[c, r, col] = padded[c, r * sh : r * sh + kh, col * sw : col * sw + kw].sum()
    return y


GEOMETRIES = [
    (2, 2, 0),
    (3, 1, 1),
    ((2, 3), (1, 2), (0, 1)),
    (np.array([3, 1]), np.array([2, 5]), np.array([1, 0])),
    (np.array(2), np.array(2), np.array(1)),
    (2, 3, 2),
    (5, 1, 0),
]


@pytest.mark.parametrize("geometry", GEOMETRIES, ids=str)
@pytest.mark.parametrize("batch", [(), (2,)])
def test_pools_match_their_definition(geometry, batch):
    xs = np.random.default_rng(0).normal(size=(2, *batch, 3, 5, 6))
    summed = run(nir.SumPool2d(*geometry), xs)
    mean = run(nir.AvgPool2d(*geometry), xs)
    area = int(np.prod(np.broadcast_to(geometry[0], 2)))
    for index in np.ndindex(2, *batch):
        expected = sums(xs[index], *geometry)
        np.testing.assert_allclose(summed[index], expected, rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(mean[index], expected / area, rtol=1e-12, atol=1e-14)


def test_padding_counts_in_the_mean():
    ones = np.ones((1, 1, 2, 2))
    assert run(nir.AvgPool2d(2, 2, 1), ones).tolist() == [[[[0.25, 0.25], [0.25, 0.25]]]]


def test_rows_that_do_not_fill_a_window_are_dropped():
    xs = np.arange(9.0).reshape(1, 1, 3, 3)
    assert run(nir.SumPool2d(2, 2, 0), xs).tolist() == [[[[0 + 1 + 3 + 4]]]]


def test_float32_adds_row_by_row_and_multiplies_by_one_rounded_reciprocal():
    xs = np.random.default_rng(1).normal(size=(1, 1, 3, 3)).astype(np.float32)
    total = np.float32(0) + xs[0, 0, 0, 0]
    for value in xs.reshape(-1)[1:]:
        total = np.float32(total + value)
    expected = total * np.float32(1 / 9)
    assert run(nir.AvgPool2d(3, 3, 0), xs).item() == float(expected)
