"""`source_for`: from what a user names to the source that it means."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from nirx.errors import FileError, InputError, did_you_mean
from nirx.graphs.schedule import Schedule
from nirx.inputs.arrays import array_source
from nirx.inputs.corners import CornerSource
from nirx.inputs.csv import CSV_OPTIONS, csv_source
from nirx.inputs.events import EVENT_OPTIONS, events_source
from nirx.inputs.generators import GENERATORS
from nirx.inputs.hdf5 import OpenFile
from nirx.inputs.nirdata import GRAPH_DATA, NIRDATA_OPTIONS, nirdata_source
from nirx.inputs.npy import npy_source
from nirx.inputs.npz import npz_source
from nirx.inputs.options import Options, split_text
from nirx.inputs.protocol import Source, Wanted, wanted_of, whole_number
from nirx.inputs.tonic import TONIC_OPTIONS, tonic_source
from nirx.inputs.watched import Watched

__all__ = ["KINDS", "SUFFIXES", "file_named", "source_for"]

FILES = {
    "npy": (),
    "npz": (),
    "csv": CSV_OPTIONS,
    "nirdata": NIRDATA_OPTIONS,
    "events": EVENT_OPTIONS,
}
KINDS = (*GENERATORS, "corners", "tonic", *FILES)
SUFFIXES = {".npy": "npy", ".npz": "npz", ".csv": "csv", ".h5": "", ".hdf5": "", ".hdf": ""}
"""Suffix -> kind; HDF5 files say themselves what they are."""


def source_for(
    schedule: Schedule,
    data: Any,
    dtype: Any,
    *,
    steps: int | None = None,
    batch: Any = None,
    seed: int = 0,
    graph: Any = None,
) -> Source:
    """The source that drives a run.

    Arguments:
        schedule: of the graph; it says the Inputs, their features and dt.
        data: a `Source`; an array [time, *batch, *features] or {Input: array}; the path of an
            .npz, .npy, .csv or .h5 file; or a text such as `"poisson:rate=0.2"`, `"corners"`,
            `"events:clip.h5,unit=us"` or `"tonic:NMNIST,split=test"`. See docs/inputs.md.
        dtype: of the run.
        steps: length; data of a file is cut there, events go on in silence. None takes what
            the data has; generators then have 1000 steps.
        batch: axes of samples; None takes what the data has; generators then have one sample.
        seed: of the random generators.
        graph: the `nir.NIRGraph`; only `"corners"` needs it.

    **Units**: dt of the schedule is in the unit of the graph's time constants; event times are
    microseconds unless the option `unit` says otherwise, dt then being seconds.

    **Raises**: `InputError`, `FileError`, `UnsupportedError`.
    """
    wanted = wanted_of(schedule, dtype, steps, batch)
    if isinstance(data, os.PathLike):
        return _of_file(wanted, Path(os.fsdecode(data)))
    if isinstance(data, str):
        kind, head, values = _split(data)
        if not kind:
            return _of_file(wanted, Path(data))
        return _of_text(wanted, schedule, kind, head, values, seed, graph)
    if isinstance(data, Mapping | np.ndarray | list | tuple) or hasattr(data, "__array__"):
        return array_source(wanted, data)
    if isinstance(data, Source):
        return _checked(wanted, data)
    raise InputError(
        f"the input is a {type(data).__name__}; expected arrays, a path, a generator such as "
        "'poisson:rate=0.2', or a Source"
    )


def file_named(data: Any) -> str | os.PathLike[str] | None:
    """The file that an input is read from, also behind a prefix as in `"csv:x.csv,unit=ms"`.

    Returns: None for what is no file, or nothing that `source_for` takes.
    """
    if not isinstance(data, str):
        return data if isinstance(data, os.PathLike) else None
    try:
        kind, head, _ = _split(data)
    except InputError:
        return None
    if not kind:
        return data
    return head if kind in FILES else None


def _split(text: str) -> tuple[str, str, dict[str, str]]:
    """Kind, head and options; kind is "" for a path."""
    kind = text.partition(":")[0].strip()
    if kind in KINDS and (":" in text or kind not in FILES):
        return split_text(text)
    suffix = Path(text).suffix.lower()
    if suffix in SUFFIXES or Path(text).exists():
        return "", "", {}
    raise InputError(
        f"{text!r} is neither a file nor a generator; {did_you_mean(kind, KINDS)} (expected a "
        f"path with the suffix {', '.join(SUFFIXES)}, or one of {', '.join(KINDS)})"
    )


def _of_text(
    wanted: Wanted,
    schedule: Schedule,
    kind: str,
    head: str,
    values: dict[str, str],
    seed: int,
    graph: Any,
) -> Source:
    if kind in FILES or kind == "tonic":
        if not head:
            raise InputError(f"{kind}: expected {kind}:{'NAME' if kind == 'tonic' else 'FILE'}")
        if kind == "tonic":
            return tonic_source(wanted, head, Options(kind, values, TONIC_OPTIONS))
        return _of_kind(wanted, kind, Path(head), values)
    if head:
        raise InputError(f"{kind}: {head!r} is no option; expected option=value")
    if kind in GENERATORS:
        maker = GENERATORS[kind]
        number = whole_number("seed", seed)
        return maker(wanted, Options(kind, values, maker.options), number)
    Options(kind, values, ())
    if graph is None:
        raise InputError("corners: built against a graph; none was given (graph=)")
    if wanted.steps is not None:
        raise InputError(f"corners: has its own length; leave out steps={wanted.steps}")
    return CornerSource(wanted, graph, schedule.discretization)


def _of_file(wanted: Wanted, path: Path) -> Source:
    kind = SUFFIXES.get(path.suffix.lower())
    if kind is None:
        hint = "; a NIR graph is no data" if path.suffix.lower() == ".nir" else ""
        raise FileError(
            f"{path}: data of unknown format {path.suffix!r}{hint}; expected "
            f"{', '.join(SUFFIXES)}, or KIND:FILE with one of {', '.join(FILES)}"
        )
    if not kind:
        file = OpenFile(Watched(path))
        kind = "nirdata" if file.kind(file.root) == GRAPH_DATA else "events"
        file.close()
    return _of_kind(wanted, kind, path, {})


def _of_kind(wanted: Wanted, kind: str, path: Path, values: dict[str, str]) -> Source:
    options = Options(kind, values, FILES[kind])
    if kind == "npy":
        return npy_source(wanted, path)
    if kind == "npz":
        return npz_source(wanted, path)
    maker = {"csv": csv_source, "nirdata": nirdata_source, "events": events_source}[kind]
    return maker(wanted, path, options)


def _checked(wanted: Wanted, source: Source) -> Source:
    """A caller's own source, held to the run by its first step. **Raises** `InputError`."""
    steps = wanted.steps_for("the source", source.steps)
    if steps != source.steps or wanted.batch_for("the source", source.batch) != source.batch:
        raise InputError("steps and batch are the source's own; leave them out")
    if not source.batch or not source.steps:
        raise InputError("the source has no axis of samples, or no steps; expected at least one")
    found = source.read(0, 1)
    if set(found) != set(wanted.features):
        raise InputError(f"the source gives {sorted(found)}; expected {list(wanted.features)}")
    for name, features in wanted.features.items():
        shape = (1, *source.batch, *features)
        if found[name].shape != shape or found[name].dtype != wanted.dtype:
            raise InputError(
                f"the source gives {found[name].dtype.name} {list(found[name].shape)} for Input "
                f"{name!r}; expected {wanted.dtype.name} {list(shape)}"
            )
    return source
