"""`.npy` files, mapped into memory: only the steps that are read are loaded."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nirx.errors import FileError, InputError, did_you_mean
from nirx.files.archive_reading import explain_damage, read_header
from nirx.inputs.arrays import ArraySource, match_members
from nirx.inputs.camera import (
    EVENT_OPTIONS,
    CameraEvents,
    EventOptions,
    event_source,
    format_of,
    only_input,
)
from nirx.inputs.event_format import EventFormat
from nirx.inputs.event_source import EventSource
from nirx.inputs.options import Options
from nirx.inputs.protocol import Wanted
from nirx.inputs.watched import Watched

__all__ = ["npy_source"]

USED = ("time", "x", "y", "p", "neuron")
"""What a field of an event can hold."""


def npy_source(wanted: Wanted, path: Path, options: Options) -> ArraySource | EventSource:
    """The array of an `.npy` file for the only Input; pickles are never loaded.

    Arguments:
        path: an array [time, *batch, *features], or an array of events with the fields t, x and
            perhaps y and p, in any order.
        options: of events; see `EventOptions`. An array of numbers takes none.

    **Raises**: `FileError`, `InputError`.
    """
    watched = Watched(path)
    try:
        with open(path, "rb") as stream:
            read_header(stream)
        array = np.lib.format.open_memmap(path, mode="r")
    except MemoryError:
        raise
    except Exception as error:  # NumPy raises anything for a damaged or hostile file
        raise FileError(f"{path}: {explain_damage(error)}") from error
    if array.dtype.names:
        return _event_source(wanted, watched, array, options)
    if options.events is not None:
        raise InputError(f"{path}: events= goes with events; this is an array of numbers")
    for name in EVENT_OPTIONS:
        if name in options:
            raise InputError(
                f"{path}: the option {name}= goes with events; this is an array of numbers"
            )
    (name,) = match_members(str(path), [None], list(wanted.features))
    own = {"sha256": watched.sha256}
    return ArraySource(str(path), wanted, {name: array}, "npy", own, watched.check)


def _event_source(
    wanted: Wanted, watched: Watched, array: np.ndarray, options: Options
) -> EventSource:
    where = str(watched.path)
    name, features = only_input(where, wanted, "an array of events")
    form = format_of(options)
    fields = _fields(where, array, form)
    chosen = EventOptions(wanted.dt, features, where, form, column=fields["time"])
    columns = {what: array[field] for what, field in fields.items()}
    sample = CameraEvents(where, lambda: columns, chosen)
    sensor, events = [form.height, form.width], (name, [sample])
    return event_source(wanted, "npy", watched, options, events, chosen, sensor=sensor)


def _fields(where: str, array: np.ndarray, form: EventFormat) -> dict[str, str]:
    """The fields of an array of events: time, x, y, p -> name. **Raises** `InputError`."""
    names = list(array.dtype.names or ())
    try:
        found = {k: v for k, v in form.match(where, names).items() if k in USED}
    except FileError as error:
        raise InputError(str(error)) from error
    if "time" not in found or not {"x", "neuron"} & set(found):
        missing = "t" if "time" not in found else "x"
        listed = ", ".join(map(repr, names[:8]))
        hint = did_you_mean(missing, names)
        near = f"; {hint}" if hint.startswith("did") else ""
        raise InputError(
            f"{where}: no field {missing!r} among {listed}{near}; expected an array of events "
            "with the fields t, x and perhaps y and p"
        )
    for name in found.values():
        dtype = array.dtype[name]
        if dtype.kind not in "fiub":
            raise InputError(f"{where}: the field {name!r} has dtype {dtype}; expected numbers")
    if array.ndim != 1:
        raise InputError(f"{where}: events of shape {array.shape}; expected one axis, the events")
    return found
