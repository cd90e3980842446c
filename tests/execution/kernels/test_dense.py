"""Dense products: four rows at a time."""

import numpy as np
import pytest

from nirx.execution.kernels import dense
from nirx.execution.kernels.dense import dense_product
from nirx.execution.kernels.gather import GatheredWeight
from nirx.execution.kernels.gather_gradient import input_gradient, weight_gradient

SHAPES = [(1, 1, 1), (3, 5, 2), (4, 4, 16), (5, 9, 17), (300, 33, 40), (12, 0, 3), (12, 3, 0)]


def numbers(*shape, dtype="float64"):
    """Whole numbers, whose sums are exact in any order."""
    return np.random.default_rng(sum(shape)).integers(-9, 9, shape).astype(dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("biased", [True, False])
def test_the_product(shape, dtype, biased):
    samples, inputs, outputs = shape
    x, rows = numbers(samples, inputs, dtype=dtype), numbers(inputs, outputs, dtype=dtype)
    bias = numbers(outputs, dtype=dtype) if biased else np.empty(0, dtype)
    wanted = x @ rows + bias if biased else x @ rows
    found = dense_product(x, rows, bias)
    assert found.dtype == x.dtype
    assert np.array_equal(found, wanted)


def test_a_row_has_the_same_bits_in_any_company(monkeypatch):
    random = np.random.default_rng(0)
    x, rows = random.normal(size=(700, 300)), random.normal(size=(300, 200))
    whole = dense_product(x, rows, np.empty(0))
    monkeypatch.setattr("nirx.execution.kernels.threads.thread_count", lambda: 1)
    assert np.array_equal(whole, dense_product(x, rows, np.empty(0)))
    for first, last in ((0, 1), (2, 7), (699, 700)):
        own = np.ascontiguousarray(x[first:last])
        assert np.array_equal(whole[first:last], dense_product(own, rows, np.empty(0)))


def assert_equal(found, wanted):
    assert found is not None
    assert np.array_equal(found, wanted, equal_nan=True)


def test_infinities_and_nan_go_through():
    x, weight = np.ones((300, 3)), numbers(2, 3)
    x[0], x[1], weight[1, 2] = 0, np.nan, np.inf
    found = GatheredWeight(weight, weight).product(x)
    with np.errstate(all="ignore"):
        assert_equal(found, x @ weight.T)


@pytest.mark.parametrize("lead", [(300,), (2, 150), (50, 2, 3)])
def test_dense_inputs_of_a_weight(lead):
    x, weight, bias = numbers(*lead, 9), numbers(6, 9), numbers(6)
    prepared = GatheredWeight(weight, weight)
    assert_equal(prepared.product(x), x @ weight.T)
    assert_equal(prepared.product(x, bias), x @ weight.T + bias)
    assert_equal(input_gradient(x @ weight.T, weight), x @ weight.T @ weight)


def test_what_is_for_blas(monkeypatch):
    x, weight = numbers(300, 9), numbers(6, 9)
    prepared = GatheredWeight(weight, weight)
    assert prepared.product(x[:100]) is None
    assert weight_gradient(x, x @ weight.T) is None
    assert input_gradient((x @ weight.T)[:3], weight) is None
    monkeypatch.setattr(dense, "LARGEST", 100)
    assert prepared.product(x) is None
    assert input_gradient(x @ weight.T, weight) is None
