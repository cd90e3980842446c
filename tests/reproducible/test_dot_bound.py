"""The sliced dot product's error against exact sums, and its short path for 0 and 1.

With D the result before it is narrowed, K the length, p the bits of a slice, and M = max|x|*max|w|:

- two slices: |D - exact| <= 5*K*2**(-2p)*M, which holds the one float64 addition too;
- three slices: what the slices leave out is S23 + S32 + S33 and the cut-off tails. With
  max|x| < 2**ex <= 2*max|x| the slices of an operand are at most 2**p, 2**(p-1) and 2**(p-1),
  the tail is half a unit of the last. In units of 2**(ex+ew-3p) the loss of one product is below
  2*2**-2 + 2*2**-1 + a few 2**-p < 2, so of all at most 8*K*2**(-3p)*M. On top come the
  roundings of float64 sums, all of values up to about 4*K*M: 4 * 2**-53 * 4*K*M.
  In all at most (8*2**(-3p) + 16*2**-53) * K * M.
"""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from nirx.execution.numpy_slices import NumpyKernel
from nirx.execution.sliced import SLICES, cut, dot, slice_bits
from support.agreement import assert_bits

LENGTHS = (1, 2, 3, 4, 5, 7, 8, 9, 16, 17, 33, 64, 65, 255, 256, 257, 1023, 1024, 1025, 4095, 4096)


KERNEL = NumpyKernel()


def operand(rng, rows, length, dtype):
    kind = rng.integers(0, 3, (rows, 1))
    wide = rng.normal(size=(rows, length)) * 10.0 ** rng.integers(-8, 9, (rows, length))
    plain = rng.normal(size=(rows, length))
    x = np.where(kind == 0, wide, np.where(kind == 1, plain, np.abs(plain)))
    half = length // 2
    x[::3, half : 2 * half] = -x[::3, :half] * (1 + 1e-7)
    return x.astype(dtype).astype(np.float64)


def product(a, b):
    return np.matmul(a, b.T)


def sliced(x, w, dtype, binary=False):
    bits = slice_bits(x.shape[1])
    weight = cut(KERNEL, w, (-1,), bits, SLICES[dtype])
    return dot(KERNEL, x, weight, (-1,), product, binary)


def exact(row, column):
    products = (
        Fraction(a) * Fraction(b) for a, b in zip(row.tolist(), column.tolist(), strict=True)
    )
    return sum(products, Fraction(0))


def bound(length, dtype, largest):
    p = slice_bits(length)
    unit = Fraction(2) ** (-2 * p) * 5
    if dtype == "float64":
        unit = 8 * Fraction(2) ** (-3 * p) + 16 * Fraction(2) ** -53
    return unit * length * largest


@pytest.mark.slow
@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.sampled(4)
def test_the_error_is_within_the_bound(length, dtype):
    rng = np.random.default_rng(length)
    rows = 6 if length < 1000 else 3
    x, w = operand(rng, rows, length, dtype), operand(rng, rows, length, dtype)
    found = sliced(x, w, dtype)
    for i, j in np.ndindex(found.shape):
        largest = Fraction(np.abs(x[i]).max()) * Fraction(np.abs(w[j]).max())
        error = abs(Fraction(found[i, j]) - exact(x[i], w[j]))
        assert error <= bound(length, dtype, largest), (i, j)


@pytest.mark.parametrize("length", [64, 1024, 4096])
def test_float32_against_fsum(length):
    """The product of two float32 is exact in float64, so fsum gives the rounded exact sum."""
    rng = np.random.default_rng(length)
    x, w = operand(rng, 8, length, "float32"), operand(rng, 8, length, "float32")
    found = sliced(x, w, "float32")
    for i, j in np.ndindex(found.shape):
        largest = np.abs(x[i]).max() * np.abs(w[j]).max()
        error = abs(found[i, j] - math.fsum((x[i] * w[j]).tolist()))
        allowed = 5 * length * 2.0 ** (-2 * slice_bits(length)) * largest
        assert error <= allowed * (1 + 1e-15), (i, j)


@pytest.mark.parametrize("length", [1, 64, 4096])
def test_the_worst_operands_come_near_the_bound(length):
    """What two slices leave out adds up to a fifth of the bound: it is no idle one."""
    x = np.full((1, length), 0.5 + 2.0 ** (-1 - slice_bits(length)))
    error = abs(Fraction(sliced(x, x, "float32")[0, 0]) - exact(x[0], x[0]))
    assert error > bound(length, "float32", Fraction(x[0, 0]) ** 2) * Fraction(19, 100)


def test_slice_bits_are_the_documented_ones():
    for length in range(1, 5000):
        p = (53 - math.ceil(math.log2(length))) // 2 if length > 1 else 26
        assert slice_bits(length) == p
    assert slice_bits(0) == 26


@pytest.mark.parametrize("length", LENGTHS)
def test_products_of_slices_are_exact_integers(length, dtype):
    rng = np.random.default_rng(length)
    x = operand(rng, 4, length, dtype)
    x[0] = np.nextafter(2.0, 0)  # the largest slices there are
    own = cut(KERNEL, x, (-1,), slice_bits(length), SLICES[dtype])
    for part in own.parts:
        assert (part == np.rint(part)).all()
        assert np.abs(part).max() <= 2.0**own.bits
    first = np.abs(own.parts[0]).astype(object) @ np.abs(own.parts[0]).T.astype(object)
    assert max(int(v) for v in first.ravel()) <= 2**53


@pytest.mark.parametrize("length", LENGTHS)
def test_the_short_path_for_zeros_and_ones(length, dtype):
    rng = np.random.default_rng(length)
    w = operand(rng, 9, length, dtype)
    w[0] = np.nextafter(np.asarray(2.0, dtype), 0)
    w[1] = 0
    x = (rng.random((12, length)) < np.linspace(0, 1, 12)[:, None]).astype(np.float64)
    x[-1] = 1
    x[0] = 0
    assert_bits(sliced(x, w, dtype, True) + 0.0, sliced(x, w, dtype, False) + 0.0)
    assert sliced(x, w, dtype)[-1].any()
    w[2, 0], w[3, -1] = np.nan, np.inf
    found = sliced(x, w, dtype, True)
    assert_bits(found + 0.0, sliced(x, w, dtype, False) + 0.0)
    assert np.isnan(found[:, 2:4]).all()


def test_the_order_of_the_sum_does_not_matter(dtype):
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(5, 720)), rng.normal(size=(5, 720))
    x, w = x.astype(dtype).astype(np.float64), w.astype(dtype).astype(np.float64)
    order = rng.permutation(720)
    assert_bits(sliced(x[:, order], w[:, order], dtype), sliced(x, w, dtype))
    assert (product(x[:, order], w[:, order]) != product(x, w)).any()
