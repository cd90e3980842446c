"""Thresholds for libraries that differ in whether v at the threshold spikes."""

from __future__ import annotations

import numpy as np

from nirx.dynamics.discretization import Discretization

__all__ = ["threshold_for", "threshold_from"]


def threshold_for(
    threshold: np.ndarray, rule: Discretization, library: str, dtype: str
) -> np.ndarray:
    """The threshold with which a library spikes exactly where the rule does.

    For neighbouring floating-point numbers a < b, v > a is the same as v >= b. So a library that
    spikes at the threshold gets the next number above, one that does not the next below.

    Arguments:
        threshold: the threshold in the library's coordinates.
        library: `"gt"` or `"ge"`: what the library does at the threshold.
        dtype: dtype of the run, which says which numbers are neighbours.

    Returns: an array of `dtype`.
    """
    own = np.asarray(threshold, dtype)
    if rule.threshold == library:
        return own
    towards = np.inf if library == "ge" else -np.inf
    return np.asarray(np.nextafter(own, np.asarray(towards, dtype)))


def threshold_from(threshold: np.ndarray, rule: Discretization, library: str) -> np.ndarray:
    """The inverse of `threshold_for`: the rule's threshold, in float64.

    Arguments:
        threshold: an array in the dtype of the run.
        library: `"gt"` or `"ge"`: what the library does at the threshold.
    """
    own = np.asarray(threshold)
    if rule.threshold != library:
        towards = -np.inf if library == "ge" else np.inf
        own = np.nextafter(own, np.asarray(towards, own.dtype))
    return own.astype(np.float64)
