"""Events by place and time: an `EventFormat` applied to one run and one layer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from nirx.dynamics.ops import Shape
from nirx.errors import InputError
from nirx.inputs.address_map import address_map, flat_places
from nirx.inputs.binning import ROUNDINGS, Clock, Rounding
from nirx.inputs.event_format import MERGES, QUANTITIES, UNITS, EventFormat, Merge
from nirx.inputs.event_source import BLOCK, EventSource
from nirx.inputs.options import Options
from nirx.inputs.pixels import POLARITIES, Pixels, pixels_for
from nirx.inputs.protocol import Wanted
from nirx.inputs.watched import Watched

__all__ = [
    "COLUMN_OPTIONS",
    "EVENT_OPTIONS",
    "CameraEvents",
    "EventOptions",
    "event_source",
    "format_of",
    "identity_of",
    "only_input",
]

Placer = Callable[[str, Mapping[str, np.ndarray]], np.ndarray]
"""From what to call some events, and their columns, to their flat indices."""
COLUMN_OPTIONS = tuple(what for what in QUANTITIES if what != "node")
"""Options that name a column, as in `time=t_us`."""
LAYOUT_OPTIONS = (*COLUMN_OPTIONS, "map", "rounding")
EVENT_OPTIONS = (
    *("unit", "start", "merge", "polarity", "height", "width"),
    *LAYOUT_OPTIONS,
)


def format_of(options: Options) -> EventFormat:
    """The format that a caller states, or that `"csv:x.csv,unit=ms,time=stamp"` asks for.

    **Raises**: `InputError`.
    """
    if options.events is not None:
        return options.events
    unit = options.text("unit", "") or None
    number = options.number("unit", 1.0) if unit and unit not in (*UNITS, "steps") else 1.0
    if number <= 0:
        raise InputError(f"{options.kind}: unit={unit!r}; expected a number above 0, or us, ms, s")
    first = options.text("start", "0") == "first"
    rounding: Rounding = (
        "nearest" if options.text("rounding", "down", ROUNDINGS) == "nearest" else "down"
    )
    merge: Merge = "any" if options.text("merge", "sum", MERGES) == "any" else "sum"
    ignore = options.text("polarity", "channel", POLARITIES) == "ignore"
    return EventFormat(
        columns={k: options.text(k, "") for k in COLUMN_OPTIONS if k in options},
        time_unit=number if unit and unit not in (*UNITS, "steps") else unit,
        offset="first" if first else options.number("start", 0.0),
        rounding=rounding,
        addresses=options.text("map", "") or None,
        merge=merge,
        polarity="ignore" if ignore else "channel",
        height=options.whole("height", None, 1),
        width=options.whole("width", None, 1),
    )


def identity_of(options: Options, chosen: EventOptions) -> dict[str, Any]:
    """The options of the layout, as far as they are given; of a map its content, not its name."""
    own: dict[str, Any] = {k: options.text(k, "") for k in LAYOUT_OPTIONS if k in options}
    if options.events is not None:
        own["format"] = chosen.form.changes()
    if chosen.addresses is not None:
        own["map"] = chosen.addresses.sha256
    return own


def event_source(
    wanted: Wanted,
    kind: str,
    watched: Watched,
    options: Options,
    events: tuple[str, list[CameraEvents]],
    chosen: EventOptions,
    **more: Any,
) -> EventSource:
    """The events of a file, with what they depend on as their identity.

    Arguments:
        kind: of the file, as in `"npy:x.npy"`.
        watched: the file.
        events: the Input, and its samples.
        more: further entries of the identity.
    """
    identity = {
        "sha256": watched.sha256,
        "unit": chosen.unit,
        "start": options.text("start", "0"),
        "polarity": chosen.form.polarity,
        **more,
        **identity_of(options, chosen),
    }
    name, samples = events
    where, own = str(watched.path), {name: samples}
    found = EventSource(where, wanted, own, kind, identity, merge=chosen.merge, check=watched.check)
    for sample in samples:
        sample.clock.warn(where)
    return found


class EventOptions:
    """The times and places of one layer's events.

    Arguments:
        dt: of the run.
        features: of the Input or layer.
        where: what to call the data in messages.
        form: how it is laid out.
        owner: what to call the layer in messages.
        column: the name of the column of times, which may say their unit.

    **Raises**: `InputError`.
    """

    def __init__(
        self,
        dt: float,
        features: Shape,
        where: str,
        form: EventFormat,
        owner: str = "the Input",
        column: str = "t",
    ):
        self._dt, self._features, self._where, self._owner = dt, features, where, owner
        self.form, self.unit = form, form.tick(column, dt)
        self.addresses = address_map(form.addresses)

    @property
    def merge(self) -> Merge:
        """Of an input: what its `EventFormat` says, and else the sum."""
        return self.form.merge or "sum"

    def clock(self, times: Any) -> Clock:
        """The clock of a recording with these times, which are read in slices if at all."""
        start = self.form.offset
        if start == "first":
            parts = (times[a : a + BLOCK] for a in range(0, times.shape[0], BLOCK))
            start = min((part.min().item() for part in parts), default=0)
        return self.clock_from(start)

    def clock_from(self, start: float) -> Clock:
        """The clock of a recording whose step 0 begins at this tick."""
        return Clock(self.unit, self._dt, start, self.form.rounding)

    def clock_of_steps(self) -> Clock:
        """The clock of a recording that counts steps. **Raises** `InputError`."""
        if self.form.time_unit is not None:
            raise InputError(
                f"{self._where}: a unit of time (unit=, time_unit=) goes with times, not with steps"
            )
        if self.form.offset == "first":
            raise InputError(f"{self._where}: start=first goes with times, not with steps")
        return Clock(1.0, 1.0, self.form.offset)

    def placer(self, held: Iterable[str], sensor: Any = None) -> Placer:
        """From the columns of some events to their flat indices.

        Arguments:
            held: what the columns hold: neuron, or x and perhaps y and p.
            sensor: (height, width) if the data itself has it.

        **Raises**: `InputError`, as the function returned does for a place that is not there.
        """
        if self.addresses is not None:
            own, ignore = self.addresses, self.form.polarity == "ignore"
            parts = own.columns(self._where, held, ignore)
            return lambda where, found: own.places(
                where, tuple(found[part] for part in parts), self._features, self._owner
            )
        if "neuron" in held:
            return lambda where, found: flat_places(
                where, found["neuron"], self._features, self._owner
            )
        pixels = self.pixels("y" in held, sensor)
        return lambda where, found: pixels.places(where, found["x"], found.get("y"), found.get("p"))

    def pixels(self, has_y: bool, sensor: Any = None) -> Pixels:
        """The grid of the layer; `sensor` is (height, width) if the data itself has it."""
        own = sensor or (self.form.height, self.form.width)
        return pixels_for(self._where, self._features, has_y, self.form.polarity, own, self._owner)


class CameraEvents:
    """The events of one sample.

    Arguments:
        where: what to call them in messages.
        columns: returns time, and neuron or x and perhaps y and p; they are read in slices.
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
        self.count: int = own["time"].shape[0]
        self.clock = options.clock(own["time"])
        self._place = options.placer(own, sensor)
        self._where, self._columns = where, columns

    def block(self, start: int, stop: int) -> tuple[np.ndarray, np.ndarray, None]:
        """Step and place of events start..stop-1. **Raises** `InputError`."""
        found = {name: column[start:stop] for name, column in self._columns().items()}
        steps = self.clock.steps(found["time"], self._where)
        return steps, self._place(self._where, found), None


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
