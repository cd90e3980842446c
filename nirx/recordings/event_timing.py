"""`EventTiming`: how the events of a recording fell between steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from nirx.inputs.binning import NEAR, Clock, Rounding
from nirx.inputs.event_format import EventFormat
from nirx.inputs.event_rows import EventRows

__all__ = ["EventTiming", "joined_timing", "layer_timing"]


@dataclass(frozen=True)
class EventTiming:
    """How the events of a recording fell between steps.

    Arguments:
        events: their number.
        unit: of their times: a name, or a number in the unit of dt; `"steps"` where the
            recording counts steps itself.
        rounding: `"down"` or `"nearest"`, as in `EventFormat`.
        above: the part of a step beyond which an event counts as rounded.
        rounded: events farther than that from the beginning of their step.
        largest: the largest distance from the beginning of an event's step, in steps.
        farthest: which event that is; empty if all lie at the beginning.
        before_next: of the events rounded down, those that lie less than `above` before the
            beginning of the next step, and no more than halfway back.
        shared: events of a neuron that has another one in the same step already.
        shared_at: the first such event; empty if there is none.
    """

    events: int
    unit: str | float
    rounding: Rounding
    above: float
    rounded: int = 0
    largest: float = 0.0
    farthest: str = ""
    before_next: int = 0
    shared: int = 0
    shared_at: str = ""

    def sentences(self) -> list[str]:
        """The same in words, for the result of `nirx.verify` and `nirx.diagnose`."""
        found = [f"{_events(self.events)}, counted in steps"]
        if self.unit != "steps" or self.largest:
            found = [f"{_events(self.events)}, times in {_unit(self.unit)}"]
            text = "all at the beginning of their step"
            if self.largest:
                text = (
                    f"{self.rounded:,} rounded by more than {self.above:g} of a step, by "
                    f"{self.largest:.3g} at most ({self.farthest})"
                )
            found[0] += f": {text}"
        if self.before_next:
            found.append(
                f"{self.before_next:,} of them lie less than {self.above:g} of a step before the "
                "next step: if these belong to it, state rounding='nearest' (--rounding nearest)"
            )
        if self.shared:
            found.append(
                f"{_events(self.shared)} of a neuron that has one in the same step already, the "
                f"first at {self.shared_at}"
            )
        return found

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain data, for JSON."""
        return asdict(self)


def layer_timing(
    form: EventFormat,
    column: str,
    rows: EventRows,
    steps: np.ndarray,
    clock: Clock | None,
    counted: np.ndarray,
    first: np.ndarray,
) -> EventTiming:
    """The timing of one layer's events.

    Arguments:
        column: the file's name for times.
        steps: of all rows.
        clock: that found them; None where the file counts steps.
        counted: the rows that are events.
        first: those of them that are the first of their neuron and step.
    """
    later = np.setdiff1d(counted, first)
    unit = "steps" if clock is None else form.unit_name(column)
    found = EventTiming(
        len(counted),
        unit,
        form.rounding,
        form.report_above,
        shared=len(later),
        shared_at=rows.row(int(later[0])) if len(later) else "",
    )
    if clock is None or not len(counted):
        return found
    distance = clock.distances(rows.columns["time"][counted], steps[counted])
    distance[np.abs(distance) <= NEAR] = 0.0  # rounding of the times themselves
    far = int(np.abs(distance).argmax())
    largest = float(abs(distance[far]))
    soon = (distance > 1 - form.report_above) & (distance > 0.5)
    return replace(
        found,
        rounded=int(np.count_nonzero(np.abs(distance) > form.report_above)),
        largest=largest,
        farthest=rows.row(int(counted[far])) if largest else "",
        before_next=int(np.count_nonzero(soon)),
    )


def joined_timing(parts: Sequence[EventTiming]) -> EventTiming | None:
    """The timing of several layers as one; None for none."""
    if not parts:
        return None
    far = max(parts, key=lambda own: own.largest)
    return EventTiming(
        sum(own.events for own in parts),
        parts[0].unit,
        parts[0].rounding,
        parts[0].above,
        sum(own.rounded for own in parts),
        far.largest,
        far.farthest,
        sum(own.before_next for own in parts),
        sum(own.shared for own in parts),
        next((own.shared_at for own in parts if own.shared), ""),
    )


def _events(count: int) -> str:
    return f"{count:,} event{'s' * (count != 1)}"


def _unit(unit: str | float) -> str:
    return unit if isinstance(unit, str) else f"ticks of {unit:g}"
