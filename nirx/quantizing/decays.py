"""The decays that an arithmetic has, and how far they are from those that are asked for."""

from __future__ import annotations

import numpy as np

from nirx.dynamics.arithmetic import Arithmetic
from nirx.dynamics.integers.operations import kept_after_decay
from nirx.quantizing.gains import FLOATS

__all__ = ["decay_error", "represented"]


def represented(arithmetic: Arithmetic, decay: np.ndarray, bits: int) -> np.ndarray:
    """The fraction by which a state of some bits decays in a step, before it is rounded."""
    kept = kept_after_decay(FLOATS, arithmetic, np.asarray(decay, np.float64), bits)
    if arithmetic.decay == "multiply":
        return 1.0 - kept * 2.0**-arithmetic.decay_bits
    return kept  # 2**-m is what is lost


def decay_error(arithmetic: Arithmetic, decay: np.ndarray, bits: int) -> float:
    """The largest relative error of the decays; 1 where a decay is lost."""
    real = decay > 0
    if not real.any():
        return 0.0
    found = represented(arithmetic, decay, bits)
    return float((np.abs(found - decay) / np.where(real, decay, 1.0))[real].max())
