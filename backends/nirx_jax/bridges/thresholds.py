"""The way back of `nirx.bridging.threshold.threshold_for`."""

from __future__ import annotations

from typing import Any

import numpy as np

from nirx.discretization import Discretization

__all__ = ["threshold_from"]


def threshold_from(threshold: Any, rule: Discretization, library: str) -> np.ndarray:
    """The threshold for the rule, float64, of a library that got it from `threshold_for`.

    Arguments:
        threshold: an array in the dtype of the run.
        library: `"gt"` or `"ge"`: what it does at the threshold.
    """
    own = np.asarray(threshold)
    if rule.threshold != library:
        towards = -np.inf if library == "ge" else np.inf
        own = np.nextafter(own, np.asarray(towards, own.dtype))
    return own.astype(np.float64)
