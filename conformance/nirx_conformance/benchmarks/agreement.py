"""Whether a peer computes what nirx computes, before anything is timed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["DIVERGING", "Agreement", "agreement"]

DIVERGING = 0.01
"""Share of spikes that may differ: peers add in another order, and a membrane potential within
rounding of the threshold may then fall on the other side."""

CLOSE = 1e-4
"""Difference of values, relative to the largest, that counts as rounding."""


@dataclass(frozen=True)
class Agreement:
    """How a peer's output compares with nirx's.

    Arguments:
        same: whether it computes the same.
        late: whole steps by which its output comes later.
        share: of spikes (or values) that differ, after that shift.
        first: the first difference in words, where `same` is false.
    """

    same: bool
    late: int = 0
    share: float = 0.0
    first: str = ""


def agreement(expected: np.ndarray, found: np.ndarray, latest: int) -> Agreement:
    """Compare outputs [time, batch, *features].

    Arguments:
        latest: the greatest delay in steps that counts as a delay.
    """
    if expected.shape != found.shape:
        return Agreement(False, first=f"an output of shape {found.shape}, not {expected.shape}")
    best = Agreement(False, share=np.inf)
    seen = np.count_nonzero(expected)
    for late in range(min(latest, len(expected) - 1) + 1):
        part = expected[: len(expected) - late]
        if 2 * np.count_nonzero(part) < seen:
            break  # so late that most of the output would not be compared
        share = _share(part, found[late:])
        if share < best.share:
            best = Agreement(share <= DIVERGING, late, share)
    if best.same:
        return best
    share = _share(expected, found)
    return Agreement(False, 0, share, _first(expected, found))


def _differ(expected: np.ndarray, found: np.ndarray) -> np.ndarray:
    if _spikes(expected) and _spikes(found):
        return np.not_equal(expected, found)
    largest = np.max(np.abs(expected), initial=0.0)
    return ~(np.abs(expected - found) <= CLOSE * largest)  # NaN differs


def _share(expected: np.ndarray, found: np.ndarray) -> float:
    """Differing elements, over the spikes of both together (over all, where values are real)."""
    differ = np.count_nonzero(_differ(expected, found))
    spikes = _spikes(expected) and _spikes(found)
    count = np.count_nonzero((expected != 0) | (found != 0)) if spikes else expected.size
    return float(differ / max(count, 1))


def _spikes(values: np.ndarray) -> bool:
    return bool(np.all((values == 0) | (values == 1)))


def _first(expected: np.ndarray, found: np.ndarray) -> str:
    places = np.argwhere(_differ(expected, found))
    if not len(places):
        return ""
    step, sample, *index = (int(n) for n in places[0])
    values = expected[tuple(places[0])], found[tuple(places[0])]
    numbers = f"{values[1]:g} instead of {values[0]:g}"
    return f"first diverges at step {step}, sample {sample}, neuron {tuple(index)}: {numbers}"
