"""Products with rare spikes."""

import numpy as np
import pytest

from nirx.execution.kernels import gather
from nirx.execution.kernels.gather import GatheredWeight


def matrices(density, inputs=90, outputs=70, rows=64, dtype="float64"):
    random = np.random.default_rng(0)
    x = (random.random((rows, inputs)) < density).astype(dtype)
    return x, random.integers(-9, 9, (outputs, inputs)).astype(dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 5, 6, 7, 8])
def test_whole_numbers_are_exact(count, dtype):
    x, weight = matrices(0, dtype=dtype)
    x[:, [3 * i for i in range(count)]] = [1, 2, -1, 4, 1, 1, -3, 1][:count]
    found = GatheredWeight(weight, weight).product(x)
    assert found is not None
    np.testing.assert_array_equal(found, x @ weight.T)


def test_leading_axes_stay():
    x, weight = matrices(0.05)
    found = GatheredWeight(weight, weight).product(x.reshape(4, 16, 90))
    assert found is not None
    np.testing.assert_array_equal(found.reshape(64, 70), x @ weight.T)


def test_nan_in_an_input_stays_nan():
    x, weight = matrices(0.05)
    x[5, 7] = np.nan
    found = GatheredWeight(weight, weight).product(x)
    assert found is not None
    assert np.isnan(found[5]).all()
    assert not np.isnan(found[6]).any()


@pytest.mark.parametrize(("density", "options", "rows"), [(0.5, {}, 64), (0.05, {}, 3)])
def test_a_dense_product_where_that_is_faster(density, options, rows):
    x, weight = matrices(density, rows=rows, **options)
    assert GatheredWeight(weight, weight).product(x) is None


def test_a_weight_that_is_not_finite_is_multiplied():
    x, weight = matrices(0.05)
    weight[3, 4] = np.inf
    assert GatheredWeight(weight, weight).product(x) is None


def test_threads_change_nothing(monkeypatch):
    x, weight = matrices(0.05)
    weight = weight / 7
    expected = GatheredWeight(weight, weight).product(x)
    monkeypatch.setattr("nirx.execution.kernels.threads.WORTH_IT", 1)
    monkeypatch.setattr("nirx.execution.kernels.threads.thread_count", lambda: 3)
    np.testing.assert_array_equal(GatheredWeight(weight, weight).product(x), expected)


def test_large_weights_are_gathered_at_lower_densities(monkeypatch):
    x, weight = matrices(0.15, outputs=200)
    assert GatheredWeight(weight, weight).product(x) is not None
    monkeypatch.setattr(gather, "IN_CACHE", 0)
    assert GatheredWeight(weight, weight).product(x) is None
