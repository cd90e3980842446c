"""What a recording has to match."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from nirx.basics.paths import Path
from nirx.dynamics.ops import Shape
from nirx.graphs.recording import Probe, recorded_node, resolve_record
from nirx.graphs.schedule import Schedule, ScheduledNode
from nirx.references.layout import Observable

__all__ = ["RunLayout"]


@dataclass(frozen=True, eq=False)
class RunLayout:
    """Which recordings a run has, and their shapes.

    Arguments:
        schedule: of the graph.
        observables: the recordings, in the order of execution.
        steps: of the run.
        batch: its shape.
        dtype: of the run.
        dt: length of a step.
    """

    schedule: Schedule
    observables: Sequence[Observable]
    steps: int
    batch: Shape
    dtype: np.dtype
    dt: float

    @property
    def samples(self) -> int:
        """Number of elements of the batch."""
        return int(np.prod(self.batch, dtype=np.int64))

    @property
    def lead(self) -> Shape:
        """`[time, *batch]`, the first axes of every recording."""
        return (self.steps, *self.batch)

    def find(self, path: Path, variable: str | None) -> Observable | None:
        """The recording of a node's output or state variable; None if there is none."""
        return self._by_place.get((path, variable))

    @cached_property
    def _by_place(self) -> dict[tuple[Path, str | None], Observable]:
        return {(o.path, o.variable): o for o in self.observables}

    def node(self, observable: Observable) -> ScheduledNode:
        """The node that was recorded."""
        return self.schedule.nodes[self.schedule.positions[observable.path]]

    def spiking(self, observable: Observable) -> bool:
        """Whether it holds spikes; an Output that passes on spikes does."""
        if observable.spiking or observable.variable is not None:
            return observable.spiking
        return self._source(observable).spiking

    def repeats(self, observable: Observable) -> bool:
        """Whether it only passes on another node's output that is recorded too."""
        source = self._source(observable).path
        return source != observable.path and self.find(source, None) is not None

    def _source(self, observable: Observable) -> ScheduledNode:
        """The node whose output it is."""
        position = self.schedule.positions[observable.path]
        return recorded_node(self.schedule, Probe(observable.key, position, None))

    def record_key(self, observable: Observable) -> str | tuple[str, ...]:
        """Its key for `net.run(record=...)`: text, unless a node has that text as its name."""
        (probe,) = resolve_record(self.schedule, [observable.key])
        path = self.schedule.nodes[probe.position].path
        same = (path, probe.variable) == (observable.path, observable.variable)
        return observable.key if same else observable.probe
