"""Inputs, recordings, references, states and address maps in files."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

import nirx
from nirx.cli.state_file import load_state
from nirx.graphs.schedule import Schedule
from nirx.inputs import source_for
from nirx.recordings.load_recording import load_recording
from nirx.recordings.stream_file import stream_file
from support.fuzzing.array_changes import change_npy, change_npz
from support.fuzzing.byte_changes import change_bytes
from support.fuzzing.data_files import (
    LAYOUT,
    LEAD,
    NESTED,
    good_addresses,
    good_inputs,
    good_recordings,
    good_reference,
    good_state,
)
from support.fuzzing.hdf5_changes import change_hdf5
from support.fuzzing.header_changes import change_header
from support.fuzzing.kind import Kind
from support.fuzzing.settle import BACKEND
from support.fuzzing.text_changes import change_text
from support.inputs import CAMERA
from support.references import STEP, clip, nested

__all__ = ["DATA_KINDS"]

OPTIONS = [
    "unit=ms",
    "unit=s",
    "unit=ticks",
    "offset=first",
    "offset=nan",
    "merge=any",
    "merge=sum",
]
OPTIONS += ["polarity=ignore", "sample=1", "height=4", "width=0", "rounding=nearest", "t=x", "x=t"]
OPTIONS += ["offset=1e308", "unit=1e-300", "group=/", "node=li", "observable=v", "p=x", "nothing=1"]
Changed = Callable[[bytes, Random], bytes]


def _input(name: str, suffix: str, change: Changed) -> Kind:
    """Inputs in files; at times with options, or for an Input that they do not fit."""

    def make(rng: Random, folder: Path) -> tuple[Schedule, Any, dict[str, Any]]:
        data, schedule = rng.choice(good_inputs(suffix))
        path = folder / f"x.{suffix}"
        path.write_bytes(change(data, rng))
        chosen: Any = path
        if rng.random() < 0.2:
            kind = "events" if suffix == "h5" else suffix
            chosen = ",".join([f"{kind}:{path}", *rng.sample(OPTIONS, rng.randint(0, 2))])
        if rng.random() < 0.1:
            schedule = CAMERA
        more = {"dtype": rng.choice(("float32", "float64")), "steps": rng.choice((None, None, 4))}
        return schedule, chosen, more

    return Kind(name, make, _read_input)


def _read_input(given: tuple[Schedule, Any, dict[str, Any]]) -> None:
    """Read the first steps and the last one."""
    schedule, data, more = given
    source = source_for(schedule, data, **more)
    if source.steps:
        source.read(0, min(4, source.steps))
        source.read(source.steps - 1, source.steps)


def _recording(name: str, suffix: str, change: Changed) -> Kind:
    def make(rng: Random, folder: Path) -> tuple[Path, bool]:
        path = folder / f"x.{suffix}"
        path.write_bytes(change(rng.choice(good_recordings(suffix)), rng))
        return path, rng.random() < 0.5

    return Kind(name, make, _read_recording)


def _read_recording(given: tuple[Path, bool]) -> None:
    """As `nirx diagnose` does, or as `nirx verify` does."""
    path, whole = given
    if whole:
        load_recording(path, NESTED, LEAD, [STEP.dt])
        return
    with closing(stream_file(LAYOUT, path)) as run:
        for track in run.tracks.values():
            track.read(0, min(4, track.steps))


def _reference(name: str, change: Changed) -> Kind:
    """A reference, and a file that it is compared with; either of the two is changed."""

    def make(rng: Random, folder: Path) -> list[Path]:
        sides = [folder / "a.h5", folder / "b.h5"]
        sides[0].write_bytes(change(good_reference(), rng))
        sides[1].write_bytes(good_reference())
        return sides if rng.random() < 0.7 else sides[::-1]

    return Kind(name, make, lambda sides: void(nirx.verify(*sides)))


def void(result: object) -> None:
    """Forget a result."""


def _state(rng: Random, folder: Path) -> Path:
    path = folder / "x.npz"
    path.write_bytes(change_npz(good_state(), rng))
    return path


def _run_from_state(path: Path) -> None:
    state = load_state(path, NESTED, "float32")
    net: Any = nirx.from_nir(nested(), BACKEND, STEP)
    net.run(clip(2), state)


def _addresses(rng: Random, folder: Path) -> tuple[Path, Path, Schedule | None]:
    """An address map, events to go with it, and whether they are an input or a recording."""
    suffix, data, rows = rng.choice(good_addresses())
    path, events = folder / f"x.{suffix}", folder / "events.csv"
    path.write_bytes(change_npz(data, rng) if suffix == "npz" else change_text(data, rng))
    events.write_text(rows)
    return path, events, rng.choice((None, CAMERA, NESTED))


def _read_by_addresses(given: tuple[Path, Path, Schedule | None]) -> None:
    path, events, schedule = given
    form = nirx.EventFormat(addresses=path, node=None if schedule else "sub/lif")
    if schedule is None:
        load_recording(events, NESTED, LEAD, [STEP.dt], form)
    else:
        source_for(schedule, events, "float32", events=form).read(0, 1)


DATA_KINDS = [
    _input("input-bytes", "h5", change_bytes),
    _input("input-hdf5", "h5", change_hdf5),
    _input("input-npz", "npz", change_npz),
    _input("input-npy", "npy", change_npy),
    _input("input-csv", "csv", change_text),
    _recording("recording-bytes", "h5", change_bytes),
    _recording("recording-hdf5", "h5", change_hdf5),
    _recording("recording-npz", "npz", change_npz),
    _recording("recording-csv", "csv", change_text),
    _reference("reference-bytes", change_bytes),
    _reference("reference-hdf5", change_hdf5),
    _reference("reference-header", change_header),
    Kind("state", _state, _run_from_state),
    Kind("addresses", _addresses, _read_by_addresses),
]
