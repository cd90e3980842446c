"""Coefficients: Euler is one division; 1 - exp(-q) is right to 4 ULP."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
import pytest

import nirx
from nirx.dynamics.coefficients import decay_fraction, one_minus_exp
from nirx.execution.numpy_ops import NumpyOps

DTYPES = [np.dtype("float32"), np.dtype("float64")]


def exact(q: np.ndarray) -> list[Any]:
    with mpmath.workdps(60):
        return [-mpmath.expm1(-mpmath.mpf(float(x))) for x in q]


def ulps(values: np.ndarray, truth: list[Any]) -> float:
    """Largest distance in units of the last place of the true value."""
    worst = 0.0
    with mpmath.workdps(60):
        for value, true in zip(values, truth, strict=True):
            unit = np.spacing(values.dtype.type(float(true)))
            worst = max(worst, float(abs(mpmath.mpf(float(value)) - true) / float(unit)))
    return worst


def arguments(dtype: np.dtype, count: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    spread = 10.0 ** rng.uniform(-12, 2, count)
    usual = rng.uniform(0, 2, count)
    marks = [1e-12, 1.0, 0.5, 2.0**-7, 32.0, 63.9, 64.0, 64.1, 100.0]
    return np.concatenate([spread, usual, marks]).astype(dtype)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_one_minus_exp_is_within_4_ulp(dtype):
    q = arguments(dtype, 1500)
    values = one_minus_exp(NumpyOps(dtype), q)
    assert values.dtype == dtype
    assert ulps(values, exact(q)) <= 4


@pytest.mark.exhaustive
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_one_minus_exp_is_within_4_ulp_at_many_points(dtype):
    q = arguments(dtype, 100_000)
    assert ulps(one_minus_exp(NumpyOps(dtype), q), exact(q)) <= 4


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_one_minus_exp_stays_between_0_and_1(dtype):
    q = np.sort(np.concatenate([[0.0], arguments(dtype, 5000), [1e30]]).astype(dtype))
    values = one_minus_exp(NumpyOps(dtype), q)
    assert values[0] == 0
    assert ((values[1:] > 0) & (values <= 1)[1:]).all()
    assert (values[q >= 64] == 1).all()


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_the_limits_of_one_minus_exp(dtype):
    q = np.array([0.0, np.inf, np.nan], dtype)
    assert one_minus_exp(NumpyOps(dtype), q).tolist()[:2] == [0.0, 1.0]
    assert np.isnan(one_minus_exp(NumpyOps(dtype), q)[2])


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_euler_is_one_division_in_the_runs_dtype(dtype):
    tau = np.random.default_rng(1).uniform(1e-3, 1, 1000).astype(dtype)
    got = decay_fraction(NumpyOps(dtype), 1e-4, tau, "euler")
    assert got.dtype == dtype
    assert got.tolist() == (dtype.type(1e-4) / tau).tolist()


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_exponential_is_one_minus_exp_of_that_division(dtype):
    ops, tau = NumpyOps(dtype), np.array([1e-4, 3e-3, 10.0], dtype)
    got = decay_fraction(ops, 1e-4, tau, "exponential")
    assert got.tolist() == one_minus_exp(ops, decay_fraction(ops, 1e-4, tau, "euler")).tolist()


def test_every_preset_has_an_integrator_this_file_covers():
    assert {p.integrator for p in nirx.PRESETS.values()} == {"euler", "exponential"}
