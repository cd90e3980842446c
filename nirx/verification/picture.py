"""A picture of a verification, drawn like a comparison; only what is drawn is read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from nirx.comparison.result import BackendComparison, Comparison, NodeComparison
from nirx.drawing import figure
from nirx.drawing.frame import Words
from nirx.dynamics.ops import Shape
from nirx.references.layout import Observable
from nirx.verification.pair import Pair
from nirx.verification.result import Verification

__all__ = ["draw"]

REFERENCE, OBSERVED = "nirx", "observed"


def draw(pair: Pair, found: Verification, suffix: str) -> bytes:
    """Both sides around the first divergence, or from the start where there is none.

    Arguments:
        suffix: ".png", ".pdf" or ".svg".

    Returns: the content of the file.

    **Raises**: `UnsupportedError` without matplotlib, `InputError` for another suffix.
    """
    recordings: dict[str, dict[str, Any]] = {
        REFERENCE: {o.key: _Slices(pair, o, pair.expected) for o in pair.shared},
        OBSERVED: {o.key: _Slices(pair, o, pair.recorded) for o in pair.shared},
    }
    nodes = tuple(
        NodeComparison(n.key, n.spikes, n.elements, n.differing, 0.0, 0.0, n.first_divergence)
        for n in found.nodes
    )
    comparison = Comparison(
        REFERENCE,
        (BackendComparison(OBSERVED, nodes, found.first_divergence),),
        recordings,
        tuple(node.key for node in found.nodes if node.spikes),
        0.0,
        pair.reference.file.discretization,
    )
    exact = found.verdict == "exact"
    words = Words(
        agree="exact" if exact else "within the tolerance",
        diverge="departs from the reference",
        agreement="every number is equal" if exact else str(found.tolerance),
    )
    return figure.draw(comparison, pair.reference.schedule, suffix, words)


class _Slices:
    """A recording `[time, *batch, *features]` of which only what is drawn is read."""

    def __init__(
        self,
        pair: Pair,
        observable: Observable,
        read: Callable[[Observable, int, int], np.ndarray],
    ):
        self._observable, self._read = observable, read
        self.shape: Shape = (pair.steps, *pair.shape(observable))
        self.ndim = len(self.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, place: tuple[Any, ...]) -> np.ndarray:
        steps, *batch = place
        return self._read(self._observable, steps.start, steps.stop)[(slice(None), *batch)]
