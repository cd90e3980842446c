"""Which values of a graph must have one unit: those that are added, and those passed on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import nir
import numpy as np

from nirx.errors import Fault, GraphError
from nirx.graphs.schedule import Schedule

__all__ = ["PASSING", "WEIGHTED", "Group", "group_wires"]

WEIGHTED = ("Linear", "Affine", "Conv1d", "Conv2d", "Scale")
"""Their weights can be scaled, so that what they put out has any unit."""

PASSING = ("Input", "Output", "Flatten", "Delay", "SumPool2d", "AvgPool2d")
"""They put out what they take, or sums of it."""


@dataclass
class Group:
    """Values of one unit.

    Arguments:
        entering, leaving: positions of nodes whose inputs, or outputs, they are; with the number
            of units of the group that are one of theirs (1, or areas of AvgPool2d).
    """

    entering: dict[int, float] = field(default_factory=dict)
    leaving: dict[int, float] = field(default_factory=dict)


def group_wires(schedule: Schedule, nodes: list[Any]) -> list[Group]:
    """The groups, ordered by their first node.

    **Raises**: `GraphError` where one value would need two units.
    """
    count = len(nodes)
    joined: list[list[tuple[int, float]]] = [[] for _ in range(2 * count)]  # inputs, then outputs

    def join(a: int, b: int, factor: float) -> None:
        """The unit of b is that of a times the factor."""
        joined[a].append((b, factor))
        joined[b].append((a, 1.0 / factor))

    for position, (place, node) in enumerate(zip(schedule.nodes, nodes, strict=True)):
        for source in place.sources:
            join(count + source.position, position, 1.0)
        if place.type_name in PASSING and place.sources:
            join(position, count + position, _area(node) if _averages(node) else 1.0)
    groups: list[Group] = []
    factors: dict[int, float] = {}
    for start in range(count, 2 * count):
        if start in factors:
            continue
        group = Group()
        factors[start] = 1.0
        work = [start]
        while work:
            wire = work.pop()
            own = group.entering if wire < count else group.leaving
            own[wire % count] = factors[wire]
            for other, factor in joined[wire]:
                wanted = factors[wire] * factor
                if other not in factors:
                    factors[other] = wanted
                    work.append(other)
                elif not np.isclose(factors[other], wanted, rtol=1e-9, atol=0.0):
                    raise GraphError([_two_units(schedule, other % count, wanted, factors[other])])
        groups.append(group)
    return groups


def _averages(node: Any) -> bool:
    return isinstance(node, nir.AvgPool2d)


def _area(node: Any) -> float:
    return float(np.prod(np.broadcast_to(np.asarray(node.kernel_size), (2,))))


def _two_units(schedule: Schedule, position: int, a: float, b: float) -> Fault:
    return Fault(
        schedule.nodes[position].name,
        f"what meets here differs in scale by {max(a, b) / min(a, b):g}: one way leads through an "
        "AvgPool2d, whose sums are not divided",
        "one scale for all values that are added",
        "put a Linear, a convolution or a Scale into one of the ways",
    )
