"""`EventFormat`: how a file of events says when and where each one was."""

from __future__ import annotations

import math
import numbers
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Literal

from nirx.errors import FileError, InputError, did_you_mean
from nirx.inputs.binning import ROUNDINGS, Rounding
from nirx.inputs.pixels import POLARITIES

__all__ = ["MERGES", "QUANTITIES", "UNITS", "EventFormat", "Merge", "recognised"]

UNITS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
"""Of times, if dt is in seconds."""
STEPS = "steps"
"""The unit of times that count steps."""
Merge = Literal["sum", "any"]
MERGES = ("sum", "any")
"""Events in one place and step are added, or count as one."""
QUANTITIES: dict[str, tuple[str, ...]] = {
    "time": ("time", "t", "times", "timestamp", "timestamps", "ts"),
    "step": ("step", "steps", "timestep", "time_step"),
    "node": ("node", "layer", "population"),
    "neuron": ("neuron", "index", "idx", "indices", "address", "addr", "neuron_id", "id"),
    "x": ("x",),
    "y": ("y",),
    "p": ("p", "polarity", "pol"),
    "sample": ("sample", "batch", "trial"),
    "value": ("value",),
}
"""What a column can hold, and the names by which it is recognised, whatever their case."""
OFFSET_BY_DATA = "first"


@dataclass(frozen=True)
class EventFormat:
    """How a recording of events is laid out, for `nirx.verify`, `nirx.diagnose` and inputs.

    Arguments:
        columns: {what: the file's name for it}, with what among time, step, node, neuron (or
            an address), x, y, p, sample and value. What is not stated is recognised by the usual
            names (t, timestamp, index, addr, layer and so on). Columns that are neither are
            refused; if `columns` states any, they are left out, and the result says so.
        time_unit: one tick of time: `"s"`, `"ms"`, `"us"`, `"ns"`, `"steps"`, or a number in
            the unit of dt. None takes it from the name of the column (`t_ms`), or else
            microseconds.
        offset: the time at which step 0 begins, in ticks; `"first"` for the first event's.
        rounding: an event belongs to the step that has begun (`"down"`), or to the one whose
            beginning is nearest (`"nearest"`).
        addresses: {address: neuron}, or a file of that content (.csv, .json, .npz). An address
            is a whole number or a tuple (x, y) or (x, y, p). A neuron is a whole number, a
            tuple with one index per axis, or (node, neuron). None: neurons are their own
            addresses, and x, y, p are places in the layer's shape [p, y, x].
        node: the layer of a file that names none.
        merge: of events of one neuron in one step: `"sum"` counts them, `"any"` makes them one.
            None counts them where neurons may spike several times a step, and else refuses.
        polarity: `"channel"` (p is the channel, -1 is channel 0) or `"ignore"`.
        height, width: of the sensor; a flat layer with rows needs both.
        report_above: the part of a step beyond which the result counts an event as rounded.

    **Raises**: `InputError`.

    **Units**: dt is in seconds wherever time_unit is a name of a unit of time.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    time_unit: str | float | None = None
    offset: float | Literal["first"] = 0
    rounding: Rounding = "down"
    addresses: str | os.PathLike[str] | Mapping[Any, Any] | None = None
    node: str | None = None
    merge: Merge | None = None
    polarity: Literal["channel", "ignore"] = "channel"
    height: int | None = None
    width: int | None = None
    report_above: float = 0.25

    def __post_init__(self):
        if not isinstance(self.columns, Mapping):
            raise InputError(f"columns={self.columns!r}; expected {{'time': 't_us', ...}}")
        for what, name in self.columns.items():
            if what not in QUANTITIES:
                raise InputError(f"columns: nothing is {what!r}; {_near(what)}")
            if not isinstance(name, str) or not name:
                raise InputError(f"columns: {what} is {name!r}; expected the name of a column")
        if len(set(self.columns.values())) < len(self.columns):
            raise InputError(f"columns={dict(self.columns)!r}; one name stands for two things")
        for pair in (("time", "step"), ("neuron", "x")):
            if set(pair) <= set(self.columns):
                raise InputError(f"columns: both {pair[0]} and {pair[1]} are stated; expected one")
        object.__setattr__(self, "columns", dict(self.columns))
        if isinstance(self.addresses, Mapping):
            object.__setattr__(self, "addresses", dict(self.addresses))
        unit = self.time_unit
        if isinstance(unit, str) and unit not in (*UNITS, STEPS):
            raise InputError(
                f"time_unit={unit!r}; expected one of {', '.join(UNITS)}, {STEPS}, or a number"
            )
        if unit is not None and not isinstance(unit, str) and not (_finite(unit) and unit > 0):
            raise InputError(f"time_unit={unit!r}; expected a number above 0, or us, ms, s")
        if self.offset != OFFSET_BY_DATA and not _finite(self.offset):
            raise InputError(f"offset={self.offset!r}; expected a number of ticks, or 'first'")
        if not (_finite(self.report_above) and self.report_above >= 0):
            raise InputError(f"report_above={self.report_above!r}; expected a part of a step")
        if self.node is not None and not isinstance(self.node, str):
            raise InputError(f"node={self.node!r}; expected the path of a node, as text")
        for name, found, known in (
            ("rounding", self.rounding, ROUNDINGS),
            ("merge", self.merge, (None, *MERGES)),
            ("polarity", self.polarity, POLARITIES),
        ):
            if found not in known:
                raise InputError(
                    f"{name}={found!r}; expected {' or '.join(repr(k) for k in known if k)}"
                )
        for name in ("height", "width"):
            size = getattr(self, name)
            if size is not None and not (isinstance(size, int) and size > 0):
                raise InputError(f"{name}={size!r}; expected a number of pixels")

    def match(self, where: str, names: Sequence[str]) -> dict[str, str]:
        """{what: name} for the names of a file's columns, fields or datasets.

        **Raises**: `FileError` for stated names that are missing, and for two candidates.
        """
        found: dict[str, str] = {}
        for what, stated in self.columns.items():
            exact = [n for n in names if n == stated]
            alike = exact or [n for n in names if n.lower() == stated.lower()]
            if len(alike) != 1:
                hint = f"two are called {stated!r}" if alike else did_you_mean(stated, list(names))
                raise FileError(f"{where}: no column {stated!r} for {what}; {hint}")
            found[what] = alike[0]
        taken = set(found.values())
        for what in QUANTITIES:
            rivals = [n for n in names if n not in taken and recognised(n) == what]
            if not rivals or what in found or _other(what) in self.columns:
                continue
            if len(rivals) > 1:
                raise FileError(
                    f"{where}: {rivals[0]!r} and {rivals[1]!r} may both be the {what}; state "
                    f"which one: columns={{{what!r}: {rivals[0]!r}}} (--columns {what}="
                    f"{rivals[0]})"
                )
            found[what] = rivals[0]
        for pair in (("step", "time"), ("neuron", "x")):
            if set(pair) <= set(found):
                names = " and ".join(repr(found[what]) for what in pair)
                raise FileError(
                    f"{where}: columns {names}; expected one, or state which one counts: "
                    f"columns={{{pair[0]!r}: {found[pair[0]]!r}}}"
                )
        if "neuron" in found and {"y", "p"} & set(found):
            if "neuron" not in self.columns or {"y", "p"} & set(self.columns):
                raise FileError(f"{where}: y and p go with x, not with {found['neuron']}")
            found = {what: name for what, name in found.items() if what not in "yp"}
        return found

    def changes(self) -> dict[str, Any]:
        """What differs from the default, as JSON; without the addresses."""
        default = EventFormat()
        names = [f.name for f in fields(self) if f.name != "addresses"]
        return {n: getattr(self, n) for n in names if getattr(self, n) != getattr(default, n)}

    def tick(self, column: str, dt: float) -> float:
        """The length of one tick of a column of times, in the unit of dt."""
        name = self.unit_name(column)
        return dt if name == STEPS else UNITS[name] if isinstance(name, str) else float(name)

    def unit_name(self, column: str) -> str | float:
        """The unit of a column of times: as stated, else from its name, else microseconds."""
        if self.time_unit is not None:
            return self.time_unit
        return _suffix(column.lower())[1] or "us"

    def unit_is_assumed(self, column: str) -> bool:
        """Whether neither the caller nor the column's name says the unit of its times."""
        return self.time_unit is None and not _suffix(column.lower())[1]


def recognised(name: str) -> str | None:
    """What a column of this name holds; a time may end in its unit, as in `t_us`."""
    lower = name.strip().lower()
    for what, names in QUANTITIES.items():
        if lower in names or (what == "time" and _suffix(lower)[0] in names):
            return what
    return None


def _suffix(name: str) -> tuple[str, str]:
    """`"t_us"`, `"t (us)"` and `"t [us]"` as ("t", "us"); ("", "") for a name without a unit."""
    for unit in (*UNITS, STEPS):
        for end in (f"_{unit}", f"({unit})", f"[{unit}]"):
            if name.endswith(end):
                return name.removesuffix(end).rstrip(" _"), unit
    return "", ""


def _other(what: str) -> str:
    """What a file can have instead of it."""
    return {"time": "step", "step": "time", "neuron": "x", "x": "neuron"}.get(what, "")


def _near(what: Any) -> str:
    return did_you_mean(str(what), list(QUANTITIES))


def _finite(value: Any) -> bool:
    real = isinstance(value, numbers.Real) and not isinstance(value, bool)
    return real and math.isfinite(value)
