"""Event lists with the columns x, y, p and t: their options, their steps and their places."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from nirx.dynamics.ops import Shape
from nirx.errors import InputError
from nirx.inputs.binning import Clock
from nirx.inputs.event_source import BLOCK, MERGES, Merge
from nirx.inputs.options import Options
from nirx.inputs.pixels import POLARITIES, Pixels, pixels_for
from nirx.inputs.protocol import Wanted

__all__ = ["EVENT_OPTIONS", "CameraEvents", "EventOptions", "only_input"]

EVENT_OPTIONS = ("unit", "start", "merge", "polarity", "height", "width")
MICROSECONDS = 1e-6


class EventOptions:
    """The options of event lists; see docs/inputs.md.

    Arguments:
        wanted: of the run.
        features: of the Input.
        where: what to call the data in messages.

    **Units**: t is in microseconds (dt in seconds) unless `unit` says otherwise.

    **Raises**: `InputError`.
    """

    def __init__(self, wanted: Wanted, features: Shape, where: str, options: Options):
        self._dt, self._features, self._where = wanted.dt, features, where
        self.unit = options.unit(MICROSECONDS)
        self.start = options.text("start", "0")
        self._start = 0.0 if self.start == "first" else options.number("start", 0.0)
        self.merge: Merge = "any" if options.text("merge", "sum", MERGES) == "any" else "sum"
        self.polarity = options.text("polarity", "channel", POLARITIES)
        self.sensor = (options.whole("height", None, 1), options.whole("width", None, 1))

    def clock(self, times: Any) -> Clock:
        """The clock of a recording with these times, which are read in slices if at all."""
        if self.start != "first":
            return Clock(self.unit, self._dt, self._start)
        parts = (times[a : a + BLOCK] for a in range(0, times.shape[0], BLOCK))
        first = min((part.min().item() for part in parts), default=0)
        return Clock(self.unit, self._dt, first)

    def pixels(self, has_y: bool, sensor: Any = None) -> Pixels:
        """The grid of the Input; `sensor` is (height, width) if the data itself has it."""
        return pixels_for(self._where, self._features, has_y, self.polarity, sensor or self.sensor)


class CameraEvents:
    """The events of one sample.

    Arguments:
        where: what to call them in messages.
        columns: returns x, t and perhaps y and p, which are read in slices.
        sensor: (height, width) if the data itself has it.
    """

    def __init__(
        self,
        where: str,
        columns: Callable[[], Mapping[str, Any]],
        options: EventOptions,
        sensor: Any = None,
    ):
        own = columns()
        self.count: int = own["t"].shape[0]
        self.clock = options.clock(own["t"])
        self._pixels = options.pixels("y" in own, sensor)
        self._where, self._columns = where, columns

    def block(self, start: int, stop: int) -> tuple[np.ndarray, np.ndarray, None]:
        """Step and place of events start..stop-1. **Raises** `InputError`."""
        found = {name: column[start:stop] for name, column in self._columns().items()}
        steps = self.clock.steps(found["t"], self._where)
        x, y, p = found["x"], found.get("y"), found.get("p")
        return steps, self._pixels.places(self._where, x, y, p), None


def only_input(where: str, wanted: Wanted, what: str) -> tuple[str, Shape]:
    """Name and features of the only Input. **Raises** `InputError` if there are several."""
    names = list(wanted.features)
    if len(names) > 1:
        listed = ", ".join(map(repr, names))
        raise InputError(
            f"{where}: {what} drives one Input, but the graph has {listed}; expected an .npz or "
            "NIRData, which name theirs"
        )
    return names[0], wanted.features[names[0]]
