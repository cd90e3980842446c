"""The picture and the page of a verification, as of a comparison; only what is shown is read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from nirx.comparison.result import BackendComparison, Comparison, NodeComparison
from nirx.drawing import figure
from nirx.drawing.frame import Words
from nirx.dynamics.ops import Shape
from nirx.graphs.origin import node_at
from nirx.references.layout import Observable
from nirx.verification.pair import Pair
from nirx.verification.result import Verification
from nirx.viewing.page import page
from nirx.viewing.scene import Scene

__all__ = ["draw", "page_of"]

REFERENCE, OBSERVED = "nirx", "observed"


def draw(pair: Pair, found: Verification, suffix: str) -> bytes:
    """Both sides around the first divergence, or from the start where there is none.

    Arguments:
        suffix: ".png", ".pdf" or ".svg".

    Returns: the content of the file.

    **Raises**: `UnsupportedError` without matplotlib, `InputError` for another suffix.
    """
    exact = found.verdict == "exact"
    words = Words(
        agree="exact" if exact else "within the tolerance",
        diverge="departs from the reference",
        agreement="every number is equal" if exact else str(found.tolerance),
    )
    return figure.draw(_comparison(pair, found), pair.reference.schedule, suffix, words)


def page_of(pair: Pair, found: Verification) -> bytes:
    """The HTML page of a verification. **Raises** `UnsupportedError` without jinja2."""
    reference, graph = pair.reference, pair.reference.file.graph
    inputs = {name: reference.find(reference.schedule.nodes[place].path, None)
              for name, place in reference.schedule.inputs}  # fmt: skip
    scene = Scene(
        f"{found.observed} against {found.reference}: {found.verdict}",
        _comparison(pair, found),
        reference.schedule,
        found._parts(),
        [node_at(graph, place.path) for place in reference.schedule.nodes],
        {name: _Slices(pair, o, pair.expected) for name, o in inputs.items() if o is not None},
        {n.key: n.expected / n.elements for n in found.nodes if n.spikes and n.elements},
    )
    return page(scene)


def _comparison(pair: Pair, found: Verification) -> Comparison:
    """A verification as a comparison of two sides."""
    recordings: dict[str, dict[str, Any]] = {
        REFERENCE: {o.key: _Slices(pair, o, pair.expected) for o in pair.shared},
        OBSERVED: {o.key: _Slices(pair, o, pair.recorded) for o in pair.shared},
    }
    nodes = tuple(
        NodeComparison(n.key, n.spikes, n.elements, n.differing, 0.0, 0.0, n.first_divergence)
        for n in found.nodes
    )
    return Comparison(
        REFERENCE,
        (BackendComparison(OBSERVED, nodes, found.first_divergence),),
        recordings,
        tuple(node.key for node in found.nodes if node.spikes),
        0.0,
        pair.reference.file.discretization,
    )


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
