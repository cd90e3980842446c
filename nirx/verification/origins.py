"""Which failures are the first of their kind, and which only follow from another."""

from __future__ import annotations

from dataclasses import replace

from nirx.basics.paths import Path
from nirx.comparison.divergence import Divergence
from nirx.recordings.subject import Subject
from nirx.references.layout import Observable
from nirx.verification.result import NodeVerdict

__all__ = ["earliest", "with_origins"]


def earliest(nodes: list[NodeVerdict]) -> Divergence | None:
    """The first divergence of all; of one step, that of the recording that comes first."""
    found = [node.first_divergence for node in nodes if node.first_divergence is not None]
    return min(found, key=lambda d: d.step, default=None)


def with_origins(
    subject: Subject,
    nodes: list[NodeVerdict],
    shared: list[Observable],
    differs_from: list[int | None],
) -> list[NodeVerdict]:
    """Mark every failure that an earlier one can have caused.

    What goes wrong in a node reaches others by its output only: a node whose observed output
    is equal until then has caused nothing elsewhere, whatever its states do.

    Arguments:
        nodes: verdicts in the order of execution, one for each of `shared`.
        differs_from: of each, the first step in which any number differs.
    """
    outputs = {
        o.path: step for o, step in zip(shared, differs_from, strict=True) if o.variable is None
    }
    failed = [
        (node.first_divergence.step, place)
        for place, node in enumerate(nodes)
        if node.first_divergence is not None
    ]
    found = list(nodes)
    origins: list[tuple[str, Path]] = []
    for step, place in sorted(failed):
        path = shared[place].path
        silent = {p for p, first in outputs.items() if first is None or first > step}
        cause = next(
            (key for key, origin in origins if path in subject.downstream(origin, silent)), None
        )
        if cause is None:
            origins.append((nodes[place].key, path))
        else:
            found[place] = replace(nodes[place], follows=cause)
    return found
