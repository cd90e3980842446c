"""Whether a position in a graph carries spikes."""

from __future__ import annotations

from nirx.graphs.schedule import Schedule

__all__ = ["carries_spikes"]

PASSING = ("Input", "Output", "Flatten", "Delay")
"""Types that pass spikes on unchanged."""


def carries_spikes(schedule: Schedule, position: int) -> bool:
    """Whether every value at a position is a sum of spikes of neurons."""
    seen, work = {position}, [position]
    while work:
        node = schedule.nodes[work.pop()]
        if node.dynamics is not None and node.dynamics.spiking:
            continue
        if node.type_name not in PASSING or not node.sources:
            return False
        new = {source.position for source in node.sources} - seen
        seen |= new
        work += new
    return True
