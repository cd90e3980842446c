"""Distances between floating-point numbers in units in the last place (ULP)."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Float64

__all__ = ["same_bits", "ulp_distance"]

_INTEGERS = {4: np.int32, 8: np.int64}


def ulp_distance(
    a: Float[np.ndarray, "*shape"], b: Float[np.ndarray, "*shape"]
) -> Float64[np.ndarray, "*shape"]:
    """How many representable numbers lie between a and b, element by element.

    Arguments:
        a, b: float32 or float64 arrays of one shape and dtype.

    Returns: float64 counts; +0 and -0 are the same number, so are all NaNs; NaN against a
    number is infinity.
    """
    if a.dtype != b.dtype or a.shape != b.shape:
        raise ValueError(f"cannot compare {a.dtype}{a.shape} with {b.dtype}{b.shape}")
    distance = np.asarray(np.abs(_line(a) - _line(b)))
    nan_a, nan_b = np.isnan(a), np.isnan(b)
    distance[nan_a != nan_b] = np.inf
    distance[nan_a & nan_b] = 0
    return distance.astype(np.float64)


def same_bits(
    a: Float[np.ndarray, "*shape"], b: Float[np.ndarray, "*shape"]
) -> Bool[np.ndarray, "*shape"]:
    """Where a and b are the same number or both NaN, exactly (the zeros count as one)."""
    return (a == b) | (np.isnan(a) & np.isnan(b))


def _line(x: np.ndarray) -> np.ndarray:
    # Numbers in order on an integer line. As longdouble: the distance of two float64 may
    # exceed what int64 holds, and counts up to 2**63 stay exact.
    kind = _INTEGERS[x.dtype.itemsize]
    bits = np.ascontiguousarray(x).reshape(x.shape).view(kind).astype(np.longdouble)
    lowest = np.longdouble(np.iinfo(kind).min)
    return np.where(bits < 0, lowest - bits, bits)
