"""Integers: how large the sums of a network can become, from the largest number that enters."""

from __future__ import annotations

import numpy as np

from nirx.dynamics.arithmetic import EXACT_BITS
from nirx.dynamics.integers.whole import Reach, WholeNumbers
from nirx.dynamics.pool import AvgPool2d, SumPool2d
from nirx.errors import Fault, GraphError
from nirx.execution.accept import input_shifts
from nirx.execution.numpy_ops import NumpyOps
from nirx.graphs.schedule import Schedule, ScheduledNode

__all__ = ["LEAST", "largest_input"]

LEAST = 16
"""Bits of the numbers that every network has to take, and of what a user's own module returns."""

EXACT = 2.0**EXACT_BITS

SMALLER = "smaller weights or gains, a smaller weight_shift, or a neuron or threshold in between"


def largest_input(schedule: Schedule, parameters: list[dict[str, np.ndarray]]) -> int:
    """The largest number, a power of two, that may enter so that every sum stays below 2**53.

    Arguments:
        schedule: of a network in integers; parameters: of every node.

    **Raises**: `GraphError` where it would be below 2**16, or where a loop adds up without end.
    """
    bounds = _Bounds(schedule, parameters)
    faults = bounds.faults(LEAST)
    if faults:
        raise GraphError(faults)
    low, high = LEAST, EXACT_BITS  # `low` has no faults, and `high` has
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if bounds.faults(middle) else (middle, high)
    return 2**low


class _Bounds:
    """The worst case of every node of a network."""

    def __init__(self, schedule: Schedule, parameters: list[dict[str, np.ndarray]]):
        self.nodes = schedule.nodes
        positions = [position for _, position in schedule.inputs]
        self.shifts = dict(zip(positions, input_shifts(schedule), strict=True))
        ops = NumpyOps(np.dtype("float64"))
        self.whole = [
            node.dynamics.whole(ops, {k: np.asarray(v, np.float64) for k, v in own.items()})
            if isinstance(node.dynamics, WholeNumbers)
            else {}
            for node, own in zip(self.nodes, parameters, strict=True)
        ]
        backwards = sum(s.position >= at for at, n in enumerate(self.nodes) for s in n.sources)
        self.passes = backwards + 2
        """Enough for every number to go once around every loop."""

    def faults(self, bits: int) -> list[Fault]:
        """What is wrong with numbers of up to 2**bits at every Input."""
        outputs = before = [0.0] * len(self.nodes)
        for _ in range(self.passes):
            before = list(outputs)
            found: list[Fault] = []
            for at, node in enumerate(self.nodes):
                x = sum(outputs[s.position] for s in node.sources)
                if at in self.shifts:
                    x = 2.0 ** (bits + self.shifts[at])
                reach = self._reach(node, at, x)
                outputs[at] = reach.output
                if max(x, *reach) >= EXACT:
                    text = f"its sums can reach {max(x, *reach):.4g}, its input {x:.4g}"
                    found.append(Fault(node.name, text, f"sums below 2**{EXACT_BITS}", SMALLER))
            if found or outputs == before:
                return found
        grow = [n for n, a, b in zip(self.nodes, before, outputs, strict=True) if a != b]
        text = "it is in a loop without a neuron, or behind one, in which sums grow without end"
        return [Fault(grow[0].name, text, f"sums below 2**{EXACT_BITS}", SMALLER)]

    def _reach(self, node: ScheduledNode, at: int, x: float) -> Reach:
        dynamics = node.dynamics
        if dynamics is None:
            return Reach(x, 2.0**LEAST)
        if isinstance(dynamics, WholeNumbers):
            return dynamics.reach(self.whole[at], x)
        if isinstance(dynamics, SumPool2d):
            total = x * dynamics.kernel_size[0] * dynamics.kernel_size[1]
            return Reach(total, x if isinstance(dynamics, AvgPool2d) else total)
        return Reach(x, x)
