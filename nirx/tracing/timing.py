"""Timing: does nirx's feedback rule delay the edges that the traced program delayed?

NIR does not mark feedback edges; nirx finds them by a rule (`nirx.graphs.feedback`). If the rule
reproduces the program's timing, loops stay plain edges. If not, they become one-step Delays.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

import nir

from nirx.dynamics.base import Stateless
from nirx.dynamics.discretization import Discretization
from nirx.dynamics.node_types import find_type
from nirx.graphs.check import examine
from nirx.graphs.feedback import late_edges
from nirx.graphs.flatten import Claim, FlatGraph
from nirx.graphs.ports import BadEnd, Ends
from nirx.tracing.value import Loop

if TYPE_CHECKING:
    from nirx.tracing.draft import Draft

__all__ = ["claims", "force_delays"]

Edge = tuple[int, int]


def claims(node_type: type) -> Claim | None:
    """Node types that nirx does not know are taken as they are; the exporter answers for them."""
    entry = find_type(node_type)
    graph = issubclass(node_type, nir.NIRGraph)
    known = graph or (entry is not None and entry.dynamics is not None)
    return None if known else "module"


def force_delays(draft: Draft, rule: Discretization) -> list[Loop]:
    """The loops that need an explicit Delay: all that are read, or none."""
    values = [loop.value for loop in draft.loops if loop.value is not None]
    read = [*(s for s, _ in draft.edges), *(s for value in values for s in value.sources)]
    loops = [loop for loop in draft.loops if loop in read]
    if all(_plain(draft, loop) for loop in loops) and _reads_back(draft, rule):
        return []
    return loops


def _plain(draft: Draft, loop: Loop) -> bool:
    """Whether a loop carries only outputs of neurons, which are zero before the first step."""
    if loop.value is None:
        return False
    return all(isinstance(s, str) and _starts_at_zero(draft.nodes[s]) for s in loop.value.sources)


def _starts_at_zero(node: Any) -> bool:
    entry = find_type(type(node))
    return entry is not None and entry.neuron


def _reads_back(draft: Draft, rule: Discretization) -> bool:
    """Whether the feedback edges that nirx finds give every node the program's timing.

    They need not be the program's own: a delay after a stateless node is the same as one
    before it. So stateless nodes may run some steps ahead, all others may not, and the delays
    of all edges must be consistent with that.
    """
    intended: dict[tuple[str, str], bool] = {}
    for source, target in draft.edges:
        late = isinstance(source, Loop)
        if late:
            assert source.value is not None
            names = [s for s in source.value.sources if isinstance(s, str)]
        else:
            names = [source]
        for name in names:
            assert isinstance(name, str)
            if intended.setdefault((name, target), late) != late:
                return False  # one edge cannot be late and not late
    if not any(intended.values()):
        return True
    graph = nir.NIRGraph(dict(draft.nodes), list(intended), type_check=False)
    examination = examine(graph, rule, claims)
    flat = examination.flat
    count = len(flat.nodes)
    neuron = [n.type.neuron for n in flat.nodes]
    found = late_edges(
        count, flat.edges, flat.ports(nir.Input), neuron, examination.delay, rule.feedback
    )
    wanted = _wanted(draft, flat, intended)
    if wanted is None:
        return False
    may_run_ahead = rule.feedback_initial == "silent"
    free = [may_run_ahead and _memoryless(flat, i) for i in range(count)]
    lateness = {e: int(e in found) - int(wanted.get(e, e in found)) for e in flat.edges}
    return _fits(count, lateness, free)


def _wanted(
    draft: Draft, flat: FlatGraph, intended: dict[tuple[str, str], bool]
) -> dict[Edge, bool] | None:
    index = {n.path: i for i, n in enumerate(flat.nodes)}
    wanted = {}
    ends = Ends(draft.nodes)
    try:
        for (source, target), late in intended.items():
            a = index.get(ends.resolve(source, nir.Output))
            b = index.get(ends.resolve(target, nir.Input))
            if a is None or b is None:
                return None
            wanted[a, b] = late
    except BadEnd:
        return None
    return wanted


def _memoryless(flat: FlatGraph, index: int) -> bool:
    node = flat.nodes[index]
    if flat.is_port(index, nir.Input) or flat.is_port(index, nir.Output):
        return False
    return node.type.dynamics is not None and issubclass(node.type.dynamics, Stateless)


def _fits(count: int, lateness: dict[Edge, int], free: list[bool]) -> bool:
    """Whether lateness = ahead(b) - ahead(a) for some `ahead` that is 0 for nodes not free."""
    neighbours: list[list[tuple[int, int]]] = [[] for _ in range(count)]
    for (a, b), steps in lateness.items():
        neighbours[a].append((b, steps))
        neighbours[b].append((a, -steps))
    ahead: dict[int, int] = {i: 0 for i in range(count) if not free[i]}
    work = deque(ahead)
    while work:
        a = work.popleft()
        for b, steps in neighbours[a]:
            if b not in ahead:
                ahead[b] = ahead[a] + steps
                work.append(b)
            elif ahead[b] != ahead[a] + steps:
                return False
    return True
