"""exp and tanh by fixed sequences; torch's square root."""

import numpy as np
import pytest
import torch

from nirx.dynamics.functions import exponential, hyperbolic_tangent
from nirx.execution.numpy_ops import NumpyOps
from nirx.execution.numpy_reproducible import ReproducibleNumpyOps
from nirx_torch.rounded_sqrt import rounded_sqrt

RANGES = {"float32": (-70.0, 88.7), "float64": (-670.0, 709.7)}
SPECIAL = [1e9, -1e9, np.nan, 0.0, np.inf, -np.inf]


def ulps(found, exact):
    """The largest distance, in units of the last place of the exact value."""
    inside = exact != 0
    size = np.spacing(np.abs(exact).astype(found.dtype))
    return float((np.abs(found - exact)[inside] / size[inside]).max())


@pytest.mark.parametrize("dtype", RANGES)
@pytest.mark.parametrize("ops_type", [NumpyOps, ReproducibleNumpyOps])
def test_they_are_close_to_the_true_values(dtype, ops_type):
    ops = ops_type(np.dtype(dtype))
    rng = np.random.default_rng(0)
    parts = [rng.uniform(*RANGES[dtype], 20_000), rng.uniform(-1, 1, 10_000)]
    x = np.concatenate(parts).astype(dtype)
    with np.errstate(over="ignore"):  # powers of two that are not selected
        assert ulps(exponential(ops, x), np.exp(x.astype(np.longdouble))) < 2
    assert ulps(hyperbolic_tangent(ops, x), np.tanh(x.astype(np.longdouble))) < 5


@pytest.mark.parametrize("dtype", RANGES)
def test_limits_and_nan(dtype):
    ops, x = ReproducibleNumpyOps(np.dtype(dtype)), np.array(SPECIAL, dtype)
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(exponential(ops, x), [np.inf, 0, np.nan, 1, np.inf, 0])
        np.testing.assert_array_equal(hyperbolic_tangent(ops, x), [1, -1, np.nan, 0, 1, -1])


@pytest.mark.parametrize("dtype", RANGES)
def test_the_square_root_on_torch_is_rounded_once(dtype):
    rng = np.random.default_rng(0)
    largest = 30 if dtype == "float32" else 280
    parts = [rng.random(200_000), 10.0 ** rng.uniform(-largest, largest, 200_000)]
    x = np.concatenate([*parts, [0.0, np.inf]]).astype(dtype)
    np.testing.assert_array_equal(rounded_sqrt(torch.from_numpy(x)).numpy(), np.sqrt(x))


def test_the_gradient_of_the_square_root():
    x = (torch.rand(20, dtype=torch.float64) + 0.1).requires_grad_()
    assert torch.autograd.gradcheck(rounded_sqrt, (x,))
