"""The square root that IEEE 754 defines: torch's own may be off in the last place on a CPU."""

from __future__ import annotations

import torch

from nirx.dynamics.ops import Array

__all__ = ["rounded_sqrt"]

SPLITTER = 2.0**27 + 1
"""Dekker's, of float64: products of the halves of a number are exact."""


def rounded_sqrt(x: Array) -> Array:
    """sqrt(x), rounded once; its gradient is that of torch.sqrt.

    float32 goes through float64, which has more than twice as many bits. In float64, torch's
    result y is corrected by the residual x - y*y, computed exactly but for its last rounding.
    """
    y = torch.sqrt(x)
    with torch.no_grad():
        exact = torch.sqrt(x.double()).to(x.dtype) if x.dtype == torch.float32 else _corrected(x, y)
        correction = torch.where(torch.isfinite(y), exact - y, torch.zeros_like(y))
    return y + correction  # the difference of neighbours, and so this sum, are exact


def _corrected(x: Array, y: Array) -> Array:
    spread = y * SPLITTER
    high = spread - (spread - y)
    low = y - high
    square = y * y
    error = ((high * high - square) + 2 * high * low) + low * low
    step = ((x - square) - error) / (2 * y)
    return y + torch.where(y > 0, step, torch.zeros_like(y))
