"""Distances between floating-point numbers in units in the last place (ULP)."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Float64

__all__ = ["same_bits", "ulp_distance"]


def ulp_distance(
    a: Float[np.ndarray, "*shape"], b: Float[np.ndarray, "*shape"]
) -> Float64[np.ndarray, "*shape"]:
    """How many representable numbers apart a and b are, element by element.

    Arguments:
        a, b: float32 or float64 arrays of one shape and dtype; or int64, counted in units.

    Returns: float64 counts. +0 and -0 are the same number, as are all NaNs; the distance of
    NaN from a number is infinity.

    **Raises**: `ValueError` for arrays of different shape or dtype.
    """
    if a.dtype != b.dtype or a.shape != b.shape:
        raise ValueError(f"cannot compare {a.dtype}{a.shape} with {b.dtype}{b.shape}")
    if a.dtype.kind != "f":
        return np.abs(a.astype(np.float64) - b.astype(np.float64))
    distance = np.asarray(np.abs(_line(a) - _line(b)))
    nan_a, nan_b = np.isnan(a), np.isnan(b)
    distance[nan_a != nan_b] = np.inf
    distance[nan_a & nan_b] = 0
    return distance.astype(np.float64)


def same_bits(
    a: Float[np.ndarray, "*shape"], b: Float[np.ndarray, "*shape"]
) -> Bool[np.ndarray, "*shape"]:
    """Where a and b are the same number or both NaN; +0 and -0 are the same number."""
    return (a == b) | (np.isnan(a) & np.isnan(b))


def _line(x: np.ndarray) -> np.ndarray:
    # Maps floats to integers in the same order. longdouble, since the distance between two
    # float64 may exceed int64; counts up to 2**63 stay exact.
    integers = np.ascontiguousarray(x).reshape(x.shape).view(f"i{x.itemsize}")
    bits = integers.astype(np.longdouble)
    return np.where(bits < 0, np.iinfo(integers.dtype).min - bits, bits)
