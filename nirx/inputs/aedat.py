"""AEDAT4 files, through the package aedat, if it is installed; they are not trusted."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from nirx.errors import FileError, UnsupportedError
from nirx.files.limits import DATA_LIMITS
from nirx.inputs.camera import CameraEvents, EventOptions, event_source, format_of, only_input
from nirx.inputs.event_source import EventSource
from nirx.inputs.options import Options
from nirx.inputs.protocol import Wanted
from nirx.inputs.watched import Watched

__all__ = ["AedatEvents", "aedat_source", "read_aedat"]

CHILD = Path(__file__).with_name("aedat_child.py")
MEMORY = 4 * 2**30
"""Address space of the process that decodes, beside four times what its events may take."""


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

    Another process decodes it: see `aedat_child.py`.

    **Raises**: `UnsupportedError` without the package aedat; `FileError` for a damaged file,
    and for one with no stream of events, or with several.

    **Source**: aedat 2.3.0, `aedat.Decoder`; times are microseconds.
    """
    path = watched.path
    if find_spec("aedat") is None:
        raise UnsupportedError(
            f'{path}: AEDAT4 needs the package aedat; install it with: pip install "nirx[aedat]"'
        )
    most = DATA_LIMITS.unpacked(watched.size)
    with TemporaryDirectory() as folder:
        out = Path(folder) / "events.npy"
        words = [str(CHILD), str(path.absolute()), str(out), str(most), str(MEMORY + 4 * most)]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        environment["OPENBLAS_NUM_THREADS"] = "1"  # each thread takes address space
        ran = subprocess.run(
            [sys.executable, "-P", *words], env=environment, capture_output=True, check=False
        )
        said = ran.stdout.decode("utf-8", "replace").strip()
        if ran.returncode:
            reason = said if ran.returncode == 1 and said else "it is damaged, or too large"
            raise FileError(f"{path}: not a readable AEDAT4 file: {reason}")
        found = np.load(out, allow_pickle=False)
    height, width = map(int, said.split())
    return AedatEvents(dict(zip(("time", "x", "y", "p"), found, strict=True)), (height, width))


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
    return event_source(wanted, "aedat", watched, options, (name, [sample]), chosen)


def _columns(found: AedatEvents) -> dict[str, Any]:
    return found.columns
