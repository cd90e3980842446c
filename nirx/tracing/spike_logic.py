"""Products and maxima of spikes, as NIR can express them: a threshold of a weighted sum.

For a and b that are 0 or 1: a * b is a + b > 1.5, a * (1 - b) is a - b > 0.5, (1 - a) * (1 - b)
is -a - b > -0.5, and max(a, b) is a + b > 0.5. That the operands are spikes is checked on the
finished graph.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import nir
import numpy as np

from nirx.basics.paths import Path
from nirx.errors import UnsupportedError
from nirx.graphs.schedule import Schedule
from nirx.tracing.value import Value

if TYPE_CHECKING:
    from nirx.tracing.draft import Draft

__all__ = [
    "ONLY_SPIKES",
    "drop_spare",
    "require_spikes_at_gates",
    "spike_product",
    "spike_union",
    "take_gates",
]

GATE_KEY = "nirx_gate"
"""Metadata key that marks a node, until its graph is finished, that reads spikes only: the refusal
if it reads anything else."""

ONLY_SPIKES = "NIR can where both are outputs of neurons that give 0 or 1, or 1 minus such"
"""What a tracer says to operands that are no spikes."""

ONCE = (
    "spikes of the same step, at most one per neuron; a sum of spikes, an input and a value of the "
    "step before may be others"
)


def spike_product(draft: Draft, a: Value, b: Value, name: str, refusal: Callable[[], Any]) -> Value:
    """a * b, where each is spikes or 1 - spikes.

    Arguments:
        name: of the node.
        refusal: makes the error for operands that are no spikes.
    """
    return _gate(draft, a, b, name, lambda count: count - 0.5, refusal)


def spike_union(draft: Draft, a: Value, b: Value, name: str, refusal: Callable[[], Any]) -> Value:
    """max(a, b), likewise."""
    return _gate(draft, a, b, name, lambda count: 0.5, refusal)


def _gate(
    draft: Draft,
    a: Value,
    b: Value,
    name: str,
    highest: Callable[[int], float],
    refusal: Callable[[], Any],
) -> Value:
    """The threshold of a sum, in which 1 - spikes count as -spikes.

    Arguments:
        highest: number of different operands -> the threshold of their sum, if none is 1 - spikes.
    """
    (one, of_one), (other, of_other) = _spikes(draft, a), _spikes(draft, b)
    if one is None or other is None or (one == other and of_one is not of_other):
        raise refusal()
    if None not in (a.shape, b.shape) and a.shape != b.shape:
        raise refusal()
    operands, text = {one: of_one, other: of_other}, str(refusal())
    shape = a.shape if a.shape is not None else b.shape
    total = Value((), shape)
    for source, plain in operands.items():
        value = Value((source,), shape)
        if not plain:
            value = _marked(draft, draft.scale(value, -1.0, f"{name}.not"), text)
        total += value
    limit = highest(len(operands)) - list(operands.values()).count(False)
    threshold = np.full(() if shape is None else shape, limit)
    return _marked(draft, draft.node(name, nir.Threshold(threshold), total), text)


def _spikes(draft: Draft, value: Value) -> tuple[str | None, bool]:
    """The node of which a value is the output, or (with False) 1 - the output. None: another."""
    if len(value.sources) != 1 or not isinstance(value.sources[0], str):
        return None, True
    outer = value.sources[0]
    inner = _only_source(draft, outer)
    first = _only_source(draft, inner)
    if first is not None:
        plus = _is_shift(draft, outer, 1.0) and _is_minus(draft, inner)
        if plus or (_is_minus(draft, outer) and _is_shift(draft, inner, -1.0)):
            assert inner is not None
            draft.spare += [outer, inner]
            return first, False
    return outer, True


def _only_source(draft: Draft, name: str | None) -> str | None:
    found = [source for source, target in draft.edges if target == name]
    return found[0] if len(found) == 1 and isinstance(found[0], str) else None


def _is_shift(draft: Draft, name: str | None, offset: float) -> bool:
    return name in draft.shifts and bool((draft.shifts[name][0] == offset).all())


def _is_minus(draft: Draft, name: str | None) -> bool:
    node = None if name is None else draft.nodes.get(name)
    return isinstance(node, nir.Scale) and bool((np.asarray(node.scale) == -1).all())


def _marked(draft: Draft, value: Value, text: str) -> Value:
    (name,) = value.sources
    assert isinstance(name, str), "the output of a node"
    node = draft.nodes[name]
    node.metadata = {**(node.metadata or {}), GATE_KEY: text}
    return value


def drop_spare(draft: Draft) -> None:
    """Remove the parts of 1 - spikes that nothing reads any more."""
    while unread := [n for n in dict.fromkeys(draft.spare) if not draft.readers(n)]:
        for name in unread:
            if name in draft.shifts:
                del draft.shifts[name], draft.shapes[name]
                draft.edges = [(s, t) for s, t in draft.edges if t != name]
            else:
                draft.remove(name)
        draft.spare = [name for name in draft.spare if name not in unread]


def take_gates(nodes: dict[str, Any]) -> dict[Path, str]:
    """Remove the marks from the nodes of a finished, flat graph.

    Returns: the paths of the nodes that read spikes only, and their refusals.
    """
    return {
        (name,): node.metadata.pop(GATE_KEY)
        for name, node in nodes.items()
        if GATE_KEY in (getattr(node, "metadata", None) or {})
    }


def require_spikes_at_gates(
    schedule: Schedule, binary: list[bool], gates: Mapping[Path, str]
) -> None:
    """Check what the marked nodes read.

    Arguments:
        binary: whether the output of each node is 0 or 1.

    **Raises**: `UnsupportedError` if it is not spikes, at most one per neuron and time step.
    """
    for node in schedule.nodes:
        if node.path in gates:
            for source in node.sources:
                before = schedule.nodes[source.position].path
                negated = before in gates and not binary[source.position]
                if source.late or not (binary[source.position] or negated):
                    raise UnsupportedError(f"{gates[node.path]}: {ONCE}")
