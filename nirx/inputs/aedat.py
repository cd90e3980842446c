"""AEDAT4 files, through the package aedat, if it is installed; they are not trusted."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from nirx.errors import FileError, UnsupportedError
from nirx.files.hdf5_tree import MOST_BYTES_FLOOR, MOST_EXPANSION
from nirx.inputs.camera import CameraEvents, EventOptions, format_of, identity_of, only_input
from nirx.inputs.event_source import EventSource
from nirx.inputs.options import Options
from nirx.inputs.protocol import Wanted
from nirx.inputs.watched import Watched

__all__ = ["AedatEvents", "aedat_source", "read_aedat"]

NAMES = {"time": "t", "x": "x", "y": "y", "p": "on"}
"""The fields of an event, as the package calls them."""


@dataclass(frozen=True, eq=False)
class AedatEvents:
    """The events of a file.

    Arguments:
        columns: time, x, y, p.
        sensor: (height, width).
    """

    columns: dict[str, np.ndarray]
    sensor: tuple[int, int]


def read_aedat(watched: Watched) -> AedatEvents:
    """The stream of events in a file; frames, triggers and motion are left out.

    **Raises**: `UnsupportedError` without the package aedat; `FileError` for a damaged file,
    and for one with no stream of events, or with several.

    **Source**: aedat 2.3.0, `aedat.Decoder`; times are microseconds.
    """
    path = watched.path
    try:
        decoder_of = import_module("aedat").Decoder
    except (ImportError, AttributeError) as error:
        raise UnsupportedError(
            f"AEDAT4 files need the package aedat ({error}); install it with: pip install "
            '"nirx[aedat]"'
        ) from error
    most = max(MOST_BYTES_FLOOR, MOST_EXPANSION * watched.size)
    parts: list[np.ndarray] = []
    size = 0
    try:
        decoder = decoder_of(os.fspath(path))
        streams = {
            number: own
            for number, own in sorted(decoder.id_to_stream().items())
            if own["type"] == "events"
        }
        if len(streams) != 1:
            raise FileError(
                f"{path}: it has {len(streams)} streams of events, {list(streams)}; expected one"
            )
        ((number, stream),) = streams.items()
        for packet in decoder:
            if packet["stream_id"] != number:
                continue
            events = packet["events"]
            size += events.nbytes
            if size > most:
                raise FileError(f"{path}: it holds more events than a file of this size can")
            parts.append(events)
    except FileError:
        raise
    except BaseException as error:  # a panic of its Rust code is no Exception
        if isinstance(error, KeyboardInterrupt | SystemExit | MemoryError):
            raise
        raise FileError(f"{path}: not a readable AEDAT4 file: {error}") from error
    columns = {what: _column(parts, name) for what, name in NAMES.items()}
    return AedatEvents(columns, (int(stream["height"]), int(stream["width"])))


def _column(parts: list[np.ndarray], name: str) -> np.ndarray:
    found = np.concatenate([part[name] for part in parts]) if parts else np.zeros(0, np.int64)
    return found.astype(np.int64)  # times are well below 2**63 microseconds


def aedat_source(wanted: Wanted, path: Path, options: Options) -> EventSource:
    """The events of an AEDAT4 file as one sample.

    Arguments:
        options: see docs/inputs.md; the size of the sensor is in the file.

    **Raises**: `FileError`, `InputError`, `UnsupportedError`.
    """
    where = str(path)
    name, features = only_input(where, wanted, "an event list")
    watched = Watched(path)
    found = read_aedat(watched)
    chosen = EventOptions(wanted.dt, features, where, format_of(options))
    sample = CameraEvents(where, partial(_columns, found), chosen, found.sensor)
    own = {
        "sha256": watched.sha256,
        "unit": chosen.unit,
        "start": options.text("start", "0"),
        "polarity": chosen.form.polarity,
        **identity_of(options, chosen),
    }
    source = EventSource(
        where, wanted, {name: [sample]}, "aedat", own, merge=chosen.merge, check=watched.check
    )
    sample.clock.warn(where)
    return source


def _columns(found: AedatEvents) -> dict[str, Any]:
    return found.columns
