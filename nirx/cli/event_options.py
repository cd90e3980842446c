"""Options that say how a recording of events is laid out, for `nirx verify` and `diagnose`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from typer import Option

from nirx.errors import InputError
from nirx.inputs.event_format import QUANTITIES, EventFormat

__all__ = [
    "AddressFile",
    "Columns",
    "Height",
    "Merge",
    "Node",
    "Offset",
    "Polarity",
    "ReportAbove",
    "Rounding",
    "TimeUnit",
    "Width",
    "event_format",
]

_option: Callable[..., Any] = partial(
    Option, rich_help_panel="Layout of recorded events (.csv, .aedat4, HDF5 with groups of events)"
)
Columns = Annotated[
    list[str] | None,
    _option(
        "--columns",
        metavar="WHAT=NAME,...",
        help=f"The file's names of columns: {', '.join(QUANTITIES)}; as in time=t_us,neuron=addr.",
    ),
]
TimeUnit = Annotated[
    str | None,
    _option(
        "--time-unit",
        metavar="UNIT",
        help="One tick of time: s, ms, us, ns, steps, or a number in the unit of dt. Default: "
        "from the column's name (t_ms), else us.",
    ),
]
Offset = Annotated[
    str | None,
    _option(
        "--offset",
        metavar="TICKS|first",
        help="The time at which step 0 begins, in that unit; first: that of the first event.",
    ),
]
Rounding = Annotated[
    str | None,
    _option(
        "--rounding",
        metavar="down|nearest",
        help="An event belongs to the step that has begun (default), or to the nearest beginning.",
    ),
]
AddressFile = Annotated[
    Path | None,
    _option(
        "--address-map",
        metavar="MAP",
        help="From addresses to neurons: .csv with address (or x, y, p), neuron and perhaps node; "
        "or .json, .npz.",
    ),
]
Node = Annotated[
    str | None, _option("--node", metavar="PATH", help="The layer of a file that names none.")
]
Merge = Annotated[
    str | None,
    _option(
        "--merge",
        metavar="sum|any",
        help="Several events of a neuron in one step: counted, or one. Default: counted where "
        "neurons may spike several times a step, else refused.",
    ),
]
Polarity = Annotated[
    str | None,
    _option("--polarity", metavar="channel|ignore", help="Whether p is the channel (default)."),
]
Height = Annotated[
    int | None, _option("--height", min=1, help="Of the sensor, for flat layers with x and y.")
]
Width = Annotated[int | None, _option("--width", min=1, help="Of the sensor.")]
ReportAbove = Annotated[
    float | None,
    _option(
        "--report-above",
        metavar="X",
        help="Part of a step beyond which the result counts an event as rounded; default 0.25.",
    ),
]


def event_format(
    *,
    columns: Sequence[str] | None,
    time_unit: str | None,
    offset: str | None,
    address_map: Path | None,
    **others: Any,
) -> EventFormat | None:
    """The format that the options state; None if none of them is given.

    **Raises**: `InputError`.
    """
    stated: dict[str, Any] = {name: value for name, value in others.items() if value is not None}
    if columns:
        stated["columns"] = _columns(columns)
    if time_unit is not None:
        stated["time_unit"] = _number(time_unit, time_unit)
    if offset is not None:
        stated["offset"] = _number(offset, offset)
    if address_map is not None:
        stated["addresses"] = address_map
    return EventFormat(**stated) if stated else None


def _columns(texts: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for item in ",".join(texts).split(","):
        what, equals, name = (part.strip() for part in item.partition("="))
        if not equals or not what or not name:
            raise InputError(f"--columns {item!r}; expected WHAT=NAME, as in time=t_us,neuron=addr")
        if what in found:
            raise InputError(f"--columns: {what!r} is given twice")
        found[what] = name
    return found


def _number(text: str, otherwise: str) -> int | float | str:
    """A number, whole if it is written so: whole ticks are divided exactly."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return otherwise
