"""The bound of gradients: how far an array may be from the oracle's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from nirx_conformance.oracle.gradients import Gradients

__all__ = ["BOUND", "gradient_fault"]

BOUND = 1e-10
"""Of an array: the norm of its difference, relative to the norm of the oracle's. float64 has
1e-16, which 30 steps of a loop make 1e-14; a term that is missing or in the wrong place is far
beyond. Where the oracle's is zero, it has to be zero."""

NAMES = ("parameter", "input", "initial state")


def gradient_fault(expected: Gradients, found: Any) -> str | None:
    """The first array of gradients that differs, in words; None if there is none."""
    try:
        parts = dict(zip(NAMES, zip(expected, found, strict=True), strict=True))
    except (TypeError, ValueError):
        return "expected (parameters, inputs, state), three parts"
    for kind, (ours, theirs) in parts.items():
        fault = _part_fault(kind, dict(_leaves(ours)), dict(_leaves(theirs)))
        if fault:
            return fault
    return None


def _part_fault(kind: str, ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> str | None:
    differing = sorted(set(ours) ^ set(theirs))
    if differing:
        return f"gradients of {kind}s: {', '.join(differing[:3])} missing or unknown"
    for key, expected in ours.items():
        where, got = f"gradient of {kind} {key!r}", np.asarray(theirs[key])
        if got.shape != expected.shape:
            return f"{where} has shape {got.shape}; expected {expected.shape}"
        if got.dtype != np.float64:
            return f"{where} is {got.dtype}, float64 was requested"
        difference = np.abs(got - expected)
        off, size = float(np.linalg.norm(difference)), float(np.linalg.norm(expected))
        if not off <= BOUND * size:  # also NaN
            index = np.unravel_index(int(np.argmax(difference)), difference.shape)
            place = [int(i) for i in index]
            return (
                f"{where} is off by {off:.3g}, its norm is {size:.3g} (bound {BOUND:g} of it); "
                f"at {place}: {float(got[index])!r}, oracle {float(expected[index])!r}"
            )
    return None


def _leaves(tree: Any, above: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(tree, Mapping):
        for name, value in tree.items():
            yield from _leaves(value, f"{above}, {name}" if above else str(name))
    elif tree is not None:
        yield above, tree
