"""Comparisons of results: to the bit, or within a tolerance up to the first close call."""

from __future__ import annotations

from typing import Any

import numpy as np

import nirx
from nirx.comparison.ulp import same_bits

__all__ = [
    "assert_bits",
    "assert_near",
    "assert_states_close",
    "differing",
    "leaves",
    "steps_before_a_close_call",
]


def leaves(tree: Any, path: tuple[Any, ...] = ()) -> dict[tuple[Any, ...], np.ndarray]:
    """The leaves of nested dicts and tuples by path, as NumPy arrays."""
    if isinstance(tree, dict):
        items: Any = tree.items()
    elif isinstance(tree, list | tuple):
        items = enumerate(tree)
    else:
        return {path: np.asarray(nirx.state_to_numpy(tree))}
    return {k: v for name, below in items for k, v in leaves(below, (*path, name)).items()}


def differing(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Where two arrays are not the same number to the bit; all NaNs count as one, zeros do not."""
    assert (a.shape, a.dtype) == (b.shape, b.dtype)
    assert a.dtype.kind == "f"
    return ~same_bits(a, b) | ((a == 0) & (np.signbit(a) != np.signbit(b)))


def assert_bits(found: Any, expected: Any, where: str = "") -> None:
    """0 differing bits in two trees of one form."""
    ours, theirs = leaves(found), leaves(expected)
    assert ours.keys() == theirs.keys(), where
    for path, value in theirs.items():
        bad = differing(ours[path], value)
        assert not bad.any(), (
            f"{where} {path}: {int(bad.sum())} of {bad.size} differ, "
            f"first {ours[path][bad][0]!r} against {value[bad][0]!r}"
        )


def assert_states_close(found: Any, expected: Any, tolerance: float, where: str = "") -> None:
    """Same tree; every leaf within `tolerance` of its largest magnitude."""
    a, b = leaves(found), leaves(expected)
    assert a.keys() == b.keys(), where
    for path, value in b.items():
        assert a[path].shape == value.shape, (where, path)
        assert_near(a[path], value, tolerance, f"{where} {path}")


def assert_near(a: np.ndarray, b: np.ndarray, tolerance: float, where: str) -> None:
    """Every element within `tolerance` of the largest finite magnitude of `b`."""
    scale = np.abs(b[np.isfinite(b)]).max(initial=0.0)
    with np.errstate(invalid="ignore"):
        near = (np.abs(a - b) <= tolerance * scale) | (a == b) | (np.isnan(a) & np.isnan(b))
    assert near.all(), f"{where}: {a[~near][:3]} against {b[~near][:3]}, scale {scale}"


def steps_before_a_close_call(
    margins: dict[str, np.ndarray],
    found: dict[str, np.ndarray],
    expected: dict[str, np.ndarray],
    limit: float,
) -> int:
    """How many steps can be compared: all, or those before a spike that rounding decided.

    Asserts that the first spike that differs, in the order of the oracle's steps, is one that
    the oracle decided by less than `limit`.
    """
    first, where = None, ""
    for key in margins:
        different = found[key] != expected[key]
        steps = np.flatnonzero(different.reshape(len(different), -1).any(axis=1))
        if steps.size and (first is None or steps[0] < first):
            first, where = int(steps[0]), key
    if first is None:
        return len(next(iter(expected.values())))
    different = found[where][first] != expected[where][first]
    margin = np.broadcast_to(margins[where][first], different.shape)[different]
    assert (margin < limit).all(), f"step {first}, {where}: margins {margin}"
    return first
