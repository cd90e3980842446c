"""Which failures are the first of their kind, and which only follow from another."""

from __future__ import annotations

from dataclasses import replace

from nirx.divergence import Divergence
from nirx.references.layout import Observable
from nirx.verification.result import NodeVerdict
from nirx.verification.subject import Subject

__all__ = ["earliest", "with_origins"]


def earliest(nodes: list[NodeVerdict]) -> Divergence | None:
    """The first divergence of all; of one step, that of the recording that comes first."""
    found = [node.first_divergence for node in nodes if node.first_divergence is not None]
    return min(found, key=lambda d: d.step, default=None)


def with_origins(
    subject: Subject, nodes: list[NodeVerdict], shared: list[Observable]
) -> list[NodeVerdict]:
    """Mark every failure that an earlier one can have caused.

    Arguments:
        nodes: verdicts in the order of execution, one for each of `shared`.
    """
    failed = [
        (node.first_divergence.step, place)
        for place, node in enumerate(nodes)
        if node.first_divergence is not None
    ]
    found = list(nodes)
    reached: list[tuple[str, set]] = []  # by every origin: what it can have changed
    for _, place in sorted(failed):
        path = shared[place].path
        cause = next((key for key, paths in reached if path in paths), None)
        if cause is None:
            reached.append((nodes[place].key, subject.downstream(path)))
        else:
            found[place] = replace(nodes[place], follows=cause)
    return found
