"""`Scene`: what one page shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from rich.table import Table

from nirx.comparison.result import Comparison
from nirx.graphs.schedule import Schedule

__all__ = ["Scene"]


@dataclass(frozen=True)
class Scene:
    """What one page shows.

    Arguments:
        title: its heading.
        comparison: the sides and where they diverge; of a run without another side, one side.
        schedule: of the graph that ran.
        parts: tables and sentences to start with.
        nodes: the graph's node at each position, for parameter ranges; may be empty.
        inputs: what drove the run, [time, *batch, *features] by Input, where it is not among the
            recordings.
        rates: spikes per neuron and step of the first side, by recording; None computes them from
            the recordings.
    """

    title: str
    comparison: Comparison
    schedule: Schedule
    parts: Sequence[Table | str]
    nodes: Sequence[Any] = ()
    inputs: Mapping[str, Any] = field(default_factory=dict)
    rates: Mapping[str, float] | None = None

    @cached_property
    def sides(self) -> dict[str, Mapping[str, Any]]:
        """Recordings by side; the first side has the inputs too."""
        (first, own), *others = self.comparison.recordings.items()
        names = {name: self.schedule.nodes[place].name for name, place in self.schedule.inputs}
        inputs = {names[name]: xs for name, xs in self.inputs.items()}
        return {first: {**inputs, **own}, **dict(others)}

    @cached_property
    def spike_rates(self) -> Mapping[str, float]:
        """Spikes per neuron and step of the first side, by recording."""
        found = self.rates
        return self.comparison.rates[self.comparison.reference] if found is None else found
