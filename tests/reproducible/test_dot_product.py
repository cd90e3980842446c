"""The sliced dot product: 0 differing bits on the worst operands."""

# nir's own annotations are narrower than what it accepts.
# pyright: reportArgumentType=false

from __future__ import annotations

import nir
import numpy as np
import pytest

import nirx
from support.agreement import assert_bits
from support.graphs import chain
from support.running import BACKENDS, Reproducible

RULE = nirx.Discretization(dt=1e-3)
ALL = (1, 2, 3, 4, 5, 15, 16, 17, 31, 32, 33, 127, 128, 129, 1000, 1023, 1024, 1025, 4095, 4096)
DEFAULT = (17, 1025)
SLOW = (1, 128, 4096)
LENGTHS = [
    pytest.param(
        n,
        marks=[] if n in DEFAULT else [pytest.mark.slow if n in SLOW else pytest.mark.exhaustive],
    )
    for n in ALL
]


def ill(rng, shape, axis=-1):
    """Magnitudes from 1e-8 to 1e8; halves nearly cancel; a row of zeros, some -0."""
    w = rng.normal(size=shape) * 10.0 ** rng.integers(-8, 9, shape)
    n = shape[axis] // 2
    even = np.moveaxis(w, axis, 0)
    even[n : 2 * n] = -even[:n] * (1 + 1e-7 * rng.normal(size=even[:n].shape))
    w[rng.random(shape) < 0.02] = -0.0
    if len(w) > 2:
        w[1] = 0
    return w


def run_all(graph, xs, dtype):
    runs = {b: Reproducible(b, graph, RULE, dtype).run(xs)[0] for b in BACKENDS}
    assert_bits(runs["torch"], runs["numpy"], "torch")
    assert_bits(runs["jax"], runs["numpy"], "jax")
    return runs["numpy"]


@pytest.mark.slow
@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.sampled(6)
def test_ill_conditioned_weights(length, dtype):
    rng = np.random.default_rng(length)
    graph = chain({"fc": nir.Linear(ill(rng, (6, length)))}, length, 6)
    xs = np.concatenate([ill(rng, (5, length)), rng.random((2, length)) < 0.3])
    ys = run_all(graph, xs, dtype)
    assert (ys[:, 1] == 0).all()
    assert (ys[:, 0] != 0).any()
    assert (ys[1] == 0).all()


@pytest.mark.slow
@pytest.mark.parametrize("length", [1, 64])
@pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan])
def test_a_value_that_is_not_finite_gives_nan_in_its_row_only(length, bad, dtype):
    rng = np.random.default_rng(length)
    graph = chain({"fc": nir.Linear(rng.normal(size=(4, length)))}, length, 4)
    xs = rng.normal(size=(5, 3, length))
    clean = run_all(graph, xs, dtype)
    xs[2, 1, length // 2] = bad
    ys = run_all(graph, xs, dtype)
    expected = clean.copy()
    expected[2, 1] = np.nan
    assert_bits(ys, expected)


def test_huge_numbers_overflow_to_infinity_everywhere(dtype):
    huge = {"float32": 3e38, "float64": 1.7e308}[dtype]
    graph = chain({"fc": nir.Linear(np.array([[1.0, 1.0], [1.0, -1.0], [2.0, 0.0]]))}, 2, 3)
    ys = run_all(graph, np.array([[huge, huge], [huge, -huge], [-huge, 0.0]]), dtype)
    expected = [[np.inf, 0, np.inf], [0, np.inf, np.inf], [-huge, -huge, -np.inf]]
    assert_bits(ys, np.array(expected, dtype))


def test_tiny_numbers_become_plus_zero(dtype):
    tiny = {"float32": 2.0**-102, "float64": 2.0**-969}[dtype]
    graph = chain({"fc": nir.Linear(np.array([[1.0], [-0.5], [-1.0], [tiny], [0.25]]))}, 1, 5)
    ys = run_all(graph, np.array([[tiny], [2 * tiny], [tiny * 0.99], [-0.0]]), dtype)
    t = tiny
    expected = [[t, 0, -t, 0, 0], [2 * t, -t, -2 * t, 0, 0], [0] * 5, [0] * 5]
    assert_bits(ys, np.array(expected, dtype))


@pytest.mark.slow
@pytest.mark.parametrize(
    "shape", [(2, 5, 7), pytest.param((3, 2, 4, 33), marks=pytest.mark.exhaustive)]
)
def test_batched_weights(shape, dtype):
    rng = np.random.default_rng(1)
    *lead, out, into = shape
    w = np.moveaxis(ill(rng, (out, *lead, into)), 0, -2)
    graph = chain({"fc": nir.Linear(w)}, (*lead, into), (*lead, out))
    xs = ill(rng, (4, 2, *lead, into))
    ys = run_all(graph, xs, dtype)
    assert np.isfinite(ys).all()
    # One of the batched products alone gives the same numbers.
    first = (0,) * len(lead)
    alone = chain({"fc": nir.Linear(w[first])}, into, out)
    one = run_all(alone, xs[(slice(None), slice(None), *first)], dtype)
    assert_bits(ys[(slice(None), slice(None), *first)], one)


def conv1d(rng, stride, padding, dilation, groups):
    w = ill(rng, (4, 4 // groups, 3))
    return nir.Conv1d(None, w, stride, padding, dilation, groups, np.zeros(4)), (4, 11)


def conv2d(rng, stride, padding, dilation, groups):
    w = ill(rng, (4, 4 // groups, 3, 2))
    return nir.Conv2d(None, w, stride, padding, dilation, groups, np.zeros(4)), (4, 9, 8)


@pytest.mark.slow
@pytest.mark.parametrize("build", [conv1d, conv2d])
@pytest.mark.parametrize(
    "geometry",
    [
        (2, 1, 2, 2),
        pytest.param((1, 0, 1, 1), marks=pytest.mark.exhaustive),
        pytest.param((1, 2, 2, 2), marks=pytest.mark.exhaustive),
        pytest.param((1, "same", 1, 4), marks=pytest.mark.exhaustive),
        pytest.param((3, 3, 2, 2), marks=pytest.mark.exhaustive),
    ],
    ids=str,
)
def test_convolutions(build, geometry, dtype):
    rng = np.random.default_rng(2)
    node, takes = build(rng, *geometry)
    graph = nir.NIRGraph(
        {"input": nir.Input(np.array(takes)), "c": node, "output": nir.Output(None)},
        [("input", "c"), ("c", "output")],
        type_check=False,
    )
    xs = ill(rng, (4, 3, *takes))
    clean = run_all(graph, xs, dtype)
    assert np.isfinite(clean).all()
    xs[1, 2, 0, 3] = np.inf
    xs[3, 0, -1, 0] = np.nan
    ys = run_all(graph, xs, dtype)
    touched = np.zeros((4, 3), bool)
    touched[1, 2] = touched[3, 0] = True
    assert np.isnan(ys[touched]).all()
    assert_bits(ys[~touched], clean[~touched])


@pytest.mark.slow
def test_a_convolution_as_wide_as_its_input_is_the_dot_product(dtype):
    rng = np.random.default_rng(3)
    w = ill(rng, (5, 3, 4, 6))
    conv = chain({"c": nir.Conv2d(None, w, 1, 0, 1, 1, np.zeros(5))}, (3, 4, 6), (5, 1, 1))
    linear = chain({"fc": nir.Linear(w.reshape(5, -1))}, 72, 5)
    xs = ill(rng, (6, 3, 4, 6))
    one, other = (
        run_all(conv, xs, dtype),
        run_all(linear, xs.reshape(6, 72), dtype),
    )
    assert_bits(one.reshape(6, 5), other)
