"""A recording in NIR's data format, or a reference file of nirx: read as `nirx verify` reads it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np

from nirx.dynamics.discretization import Discretization
from nirx.dynamics.ops import Shape
from nirx.errors import FileError, InputError, NirxError
from nirx.graphs.schedule import Schedule
from nirx.inputs.hdf5 import OpenFile
from nirx.inputs.nirdata import GRAPH_DATA
from nirx.inputs.watched import Watched
from nirx.recordings.other import Track
from nirx.recordings.other_files import of_file
from nirx.recordings.subject import Subject
from nirx.references.layout import Observable, observables
from nirx.references.reading import HEADER, ReferenceFile

__all__ = ["is_nirdata", "read_nirdata"]

PLACE = re.compile(r"/?nodes/(?P<node>[^ :]*?)/observables/(?P<name>[^ :/]+)(/data)?")


@dataclass(frozen=True)
class _Run:
    """What the reader of a recording asks of a reference: here of the run that is explained."""

    discretization: Discretization
    dtype: str
    observables: Sequence[Observable]
    steps: int
    batch: Shape
    samples: int


def is_nirdata(path: Path) -> bool:
    """Whether a file holds NIRGraphData, as `nir.write_data` and `nirx reference` write it."""
    if path.suffix.lower() not in (".h5", ".hdf5") or not path.is_file():
        return False
    file = OpenFile(Watched(path))
    try:
        with file.reading():
            return HEADER in file.root or file.kind(file.root) == GRAPH_DATA
    finally:
        file.close()


def read_nirdata(
    path: Path, schedule: Schedule, lead: Shape, steps: Sequence[float]
) -> dict[Any, np.ndarray]:
    """What was recorded of the graph's nodes, by record key, [time, *batch, *features].

    Arguments:
        schedule, lead: as in `read_recording`.
        steps: the values of dt, of which the file has to have one.

    **Raises**: `FileError`, `InputError`.
    """
    every = observables(schedule, "all")
    failures: list[NirxError] = []
    for dt in steps:
        rule = Discretization(dt=dt)
        samples = int(np.prod(lead[1:], dtype=np.int64))
        run = _Run(rule, "float64", every, lead[0], lead[1:], samples)
        subject = Subject(cast("ReferenceFile", run), schedule)
        try:
            other = of_file(subject, path, lambda count: None)
            try:
                return _arrays(path, subject, other.tracks, lead)
            finally:
                other.close()
        except (FileError, InputError) as error:
            failures.append(error)
    raise type(failures[0])(_plain(str(failures[0]))) from failures[0]


def _arrays(path: Path, subject: Subject, tracks: Any, lead: Shape) -> dict[Any, np.ndarray]:
    found: dict[Any, np.ndarray] = {}
    for own in subject.file.observables:
        # An Input is what drives the run, and an Output repeats what its source puts out.
        node = subject.schedule.nodes[subject.schedule.positions[own.path]]
        if own.key not in tracks or node.type_name == "Input":
            continue
        track: Track = tracks[own.key]
        has, wanted = (track.steps, track.samples), (lead[0], subject.file.samples)
        if has != wanted:
            raise InputError(
                f"{path}: {own.key!r} has {has[0]} steps and {has[1]} samples; the input has "
                f"{wanted[0]} and {wanted[1]}"
            )
        found[subject.record_key(own)] = track.read(0, lead[0]).reshape(*lead, *own.features)
    if not found:
        raise InputError(f"{path}: it holds no recording of a node of this graph")
    return found


def _plain(text: str) -> str:
    """A message in terms of the graph and the run."""
    text = PLACE.sub(lambda m: f"{m['node'].replace('/nodes/', '/')}.{m['name']}", text)
    return text.replace("the reference dt=", "the run dt=").replace("the reference", "the graph")
