"""Which failures are original, and which only follow from an earlier one."""

from __future__ import annotations

from dataclasses import replace

from nirx.basics.paths import Path
from nirx.verification.judge import Judge
from nirx.verification.pair import Pair
from nirx.verification.result import NodeVerdict

__all__ = ["verdicts_with_origins"]


def verdicts_with_origins(pair: Pair, judges: list[Judge]) -> tuple[NodeVerdict, ...]:
    """All verdicts; failures that an earlier one can have caused say so in `follows`.

    A fault reaches other nodes only through its node's output. A node whose observed output is
    equal up to that step has caused nothing elsewhere, whatever its states do.

    Arguments:
        judges: one for each of `pair.shared`.
    """
    nodes = [judge.verdict() for judge in judges]
    outputs = {
        o.path: judge.differs_from
        for o, judge in zip(pair.shared, judges, strict=True)
        if o.variable is None
    }
    failed = [
        (node.first_divergence.step, place)
        for place, node in enumerate(nodes)
        if node.first_divergence is not None
    ]
    origins: list[tuple[str, Path]] = []
    for step, place in sorted(failed):
        path = pair.shared[place].path
        silent = {p for p, first in outputs.items() if first is None or first > step}
        causes = (k for k, origin in origins if path in pair.reference.downstream(origin, silent))
        cause = next(causes, None)
        if cause is None:
            origins.append((nodes[place].key, path))
        else:
            nodes[place] = replace(nodes[place], follows=cause)
    return tuple(nodes)
