"""A picture of a verification: the plot of a comparison, read where it is drawn."""

from __future__ import annotations

from typing import Any

import numpy as np

from nirx.comparison import plotting
from nirx.comparison.plot_frame import Words
from nirx.comparison.result import BackendComparison, Comparison, NodeComparison
from nirx.dynamics.ops import Shape
from nirx.recordings.other import Other
from nirx.recordings.subject import Subject
from nirx.references.layout import Observable
from nirx.verification.result import NodeVerdict, Verification

__all__ = ["draw"]

REFERENCE, OBSERVED = "nirx", "observed"


def draw(
    subject: Subject, other: Other, shared: list[Observable], found: Verification, suffix: str
) -> bytes:
    """Both sides around the first divergence, or from the start where there is none.

    Arguments:
        shared: the recordings that were compared.
        suffix: ".png", ".pdf" or ".svg".

    Returns: the content of the file.

    **Raises**: `UnsupportedError` without matplotlib, `InputError` for another suffix.
    """
    extent = found.steps, found.samples
    recordings: dict[str, dict[str, Any]] = {
        REFERENCE: {o.key: _Slices(subject, o, extent, subject.read) for o in shared},
        OBSERVED: {
            o.key: _Slices(
                subject, o, extent, lambda o, start, stop: other.tracks[o.key].read(start, stop)
            )
            for o in shared
        },
    }
    nodes = tuple(_node(node) for node in found.nodes)
    comparison = Comparison(
        REFERENCE,
        (BackendComparison(OBSERVED, nodes, found.first_divergence),),
        recordings,
        tuple(o.key for o in shared if subject.spiking(o)),
        0.0,
        subject.file.discretization,
    )
    exact = found.verdict == "exact"
    words = Words(
        agree="exact" if exact else "within the tolerance",
        part="departs from the reference",
        agreement="every number is equal" if exact else str(found.tolerance),
    )
    return plotting.draw(comparison, subject.schedule, suffix, words)


def _node(node: NodeVerdict) -> NodeComparison:
    """What the picture needs of it."""
    return NodeComparison(
        node.key, node.spikes, node.elements, node.differing, 0.0, 0.0, node.first_divergence
    )


class _Slices:
    """A recording [time, *batch, *features] of which only what is drawn is read."""

    def __init__(
        self, subject: Subject, observable: Observable, extent: tuple[int, int], read: Any
    ):
        steps, samples = extent
        self._subject, self._observable, self._read = subject, observable, read
        self._samples, self._step = samples, subject.shape(observable, samples)
        self.shape: Shape = (steps, *self._step)
        self.ndim = len(self.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, place: tuple[Any, ...]) -> np.ndarray:
        steps, *batch = place
        found = self._read(self._observable, steps.start, steps.stop)[:, : self._samples]
        shaped = found.reshape(steps.stop - steps.start, *self._step)
        return shaped[(slice(None), *batch)]
