"""`source_for`: from arrays, a path or a text to a source."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from nirx.errors import FileError, InputError, did_you_mean
from nirx.files.source import require_file
from nirx.graphs.schedule import Schedule
from nirx.inputs.aedat import aedat_source
from nirx.inputs.arrays import ArraySource, array_source
from nirx.inputs.camera import COLUMN_OPTIONS, EVENT_OPTIONS
from nirx.inputs.corners import CornerSource
from nirx.inputs.csv import csv_source
from nirx.inputs.event_format import EventFormat
from nirx.inputs.events import events_source
from nirx.inputs.finite import look_through
from nirx.inputs.folder import is_url
from nirx.inputs.folder_of_npz import folder_source
from nirx.inputs.generators import GENERATORS
from nirx.inputs.hdf5 import OpenFile
from nirx.inputs.nirdata import GRAPH_DATA, NIRDATA_OPTIONS, nirdata_source
from nirx.inputs.npy import npy_source
from nirx.inputs.npz import npz_source
from nirx.inputs.options import Options, split_text
from nirx.inputs.own_source import OwnSource
from nirx.inputs.protocol import SlicedSource, Source, Wanted, wanted_of, whole_number
from nirx.inputs.reopening import Reopening
from nirx.inputs.tonic import TONIC_OPTIONS, tonic_source
from nirx.inputs.watched import Watched, files_noted
from nirx.inputs.zarr_arrays import zarr_source

__all__ = ["file_named", "source_for"]

FILES: dict[str, tuple[Callable[[Wanted, Path, Options], Source], tuple[str, ...]]] = {
    "npy": (npy_source, EVENT_OPTIONS),
    "npz": (npz_source, ()),
    "csv": (csv_source, EVENT_OPTIONS),
    "nirdata": (nirdata_source, NIRDATA_OPTIONS),
    "events": (events_source, EVENT_OPTIONS),
    "aedat": (aedat_source, tuple(o for o in EVENT_OPTIONS if o not in COLUMN_OPTIONS)),
}
"""Kind -> how a file of it is opened, and the options that it takes."""
FOLDERS: dict[str, Callable[[Wanted, str, Options], Source]] = {
    "folder": folder_source,
    "zarr": zarr_source,
}
"""Kind -> how a folder or a URL of it is opened."""
KINDS = (*GENERATORS, "corners", "tonic", *FOLDERS, *FILES)
SUFFIXES = {
    ".npy": "npy",
    ".npz": "npz",
    ".csv": "csv",
    ".h5": "",
    ".hdf5": "",
    ".hdf": "",
    ".aedat4": "aedat",
}
"""Suffix -> kind; the content of an HDF5 file says which kind it is."""
NUMPY = {b"\x93NUMPY": "npy", b"PK\3\4": "npz", b"PK\5\6": "npz"}
"""First bytes -> kind."""


def source_for(
    schedule: Schedule,
    data: Any,
    dtype: Any,
    *,
    steps: int | None = None,
    batch: Any = None,
    seed: int = 0,
    graph: Any = None,
    events: EventFormat | None = None,
    bare: bool = False,
) -> Source:
    """The source of a run's input.

    Arguments:
        schedule: of the graph; it has the Inputs, their features and dt.
        data: a `Source`; an array `[time, *batch, *features]` or {Input: array}; the path of an
            .npz, .npy, .csv or .h5 file (a NumPy file may have any name), or of a folder of .npz
            files, which may be a URL of fsspec (`"s3://bucket/clips"`); or a text such
            as `"poisson:rate=0.2"`, `"corners"`, `"events:clip.h5,unit=us"` or
            `"tonic:NMNIST,split=test"`. See docs/inputs.md.
        dtype: of the run.
        steps: length; longer data is cut, and silence follows a list of events. None takes the
            length of the data, or 1000 steps of a generator.
        batch: axes of samples; None takes the batch of the data, or one sample of a generator.
        seed: of random generators.
        graph: the `nir.NIRGraph`; only `"corners"` needs it.
        events: how the events of a file are laid out, instead of the options of a text.
        bare: whether arrays and NumPy files without a batch stay without one.

    **Units**: dt of the schedule is in the unit of the graph's time constants; event times are
    microseconds unless the option `unit` says otherwise; dt is then in seconds.

    **Raises**: `InputError`, `FileError`, `UnsupportedError`.
    """
    wanted = wanted_of(schedule, dtype, steps, batch, bare)
    with files_noted() as files:
        source = _source(wanted, schedule, data, seed, graph, events)
    if isinstance(data, str | os.PathLike) and isinstance(source, SlicedSource):
        own = replace(wanted, steps=source.steps, batch=source.batch)
        again = partial(_source, own, None, data, seed, None, events)
        source.reopening = Reopening(again, files)
    if isinstance(source, ArraySource):
        width = sum(map(math.prod, wanted.features.values())) * math.prod(source.batch)
        look_through(source, width * wanted.dtype.itemsize)
    return source


def _source(
    wanted: Wanted,
    schedule: Schedule | None,
    data: Any,
    seed: int,
    graph: Any,
    events: EventFormat | None,
) -> Source:
    if isinstance(data, os.PathLike) and Path(os.fsdecode(data)).is_dir():
        data = str(Path(os.fsdecode(data)).absolute())  # no name of a generator
    if isinstance(data, os.PathLike):
        return _open_file(wanted, Path(os.fsdecode(data)), events)
    kind, head, values = _split(data) if isinstance(data, str) else ("", "", {})
    if isinstance(data, str) and not kind:
        return _open_file(wanted, Path(data), events)
    if events is not None:
        raise InputError(
            "events= says how the events of a file are laid out; expected the path of one, "
            f"not {data!r:.80}"
        )
    if isinstance(data, str):
        return _named_source(wanted, schedule, kind, head, values, seed, graph)
    if isinstance(data, Mapping | np.ndarray | list | tuple) or hasattr(data, "__array__"):
        return array_source(wanted, data)
    if isinstance(data, Source):
        own = OwnSource(wanted, data)
        return data if isinstance(data, SlicedSource) else own  # one of nirx checks itself
    raise InputError(
        f"the input is a {type(data).__name__}; expected arrays, a path, a generator such as "
        "'poisson:rate=0.2', or a Source"
    )


def file_named(data: Any) -> str | os.PathLike[str] | None:
    """The file that an input is read from, also in a text such as `"csv:x.csv,unit=ms"`.

    Returns: None for an input without a file, and for one that `source_for` refuses.
    """
    if not isinstance(data, str):
        return data if isinstance(data, os.PathLike) else None
    try:
        kind, head, _ = _split(data)
    except InputError:
        return None
    if not kind:
        return data
    return head if kind in FILES else None  # nothing is written over a folder


def _split(text: str) -> tuple[str, str, dict[str, str]]:
    """Kind, head and options; kind is "" for a path."""
    kind = text.partition(":")[0].strip()
    if kind in KINDS and (":" in text or kind not in FILES):
        return split_text(text)
    if is_url(text) or Path(text).is_dir():
        own = "zarr" if text.rstrip("/").lower().endswith(".zarr") else "folder"
        return own, text, {}
    suffix = Path(text).suffix.lower()
    if suffix in SUFFIXES or Path(text).exists():
        return "", "", {}
    raise InputError(
        f"{text!r} is neither a file nor a generator; {did_you_mean(kind, KINDS)} (expected a "
        f"path with the suffix {', '.join(SUFFIXES)}, or one of {', '.join(KINDS)})"
    )


def _named_source(
    wanted: Wanted,
    schedule: Schedule | None,
    kind: str,
    head: str,
    values: dict[str, str],
    seed: int,
    graph: Any,
) -> Source:
    """The source of a text such as `"csv:x.csv,unit=ms"`, split into its parts."""
    if kind == "tonic" or kind in FILES:
        if not head:
            raise InputError(f"{kind}: expected {kind}:{'NAME' if kind == 'tonic' else 'FILE'}")
        if kind == "tonic":
            return tonic_source(wanted, head, Options(kind, values, TONIC_OPTIONS))
        return _of_kind(kind, wanted, Path(head), values)
    if kind in FOLDERS:
        if not head:
            raise InputError(f"{kind}: expected {kind}:PATH or {kind}:URL")
        return FOLDERS[kind](wanted, head, Options(kind, values, ()))
    if head:
        raise InputError(f"{kind}: {head!r} is not an option; expected option=value")
    if kind in GENERATORS:
        generator, number = GENERATORS[kind], whole_number("seed", seed)
        return generator(wanted, Options(kind, values, generator.options), number)
    Options(kind, values, ())
    if graph is None or schedule is None:
        raise InputError("corners: needs the graph that it is built for (graph=)")
    if wanted.steps is not None:
        raise InputError(f"corners: the length is fixed; leave out steps={wanted.steps}")
    return CornerSource(wanted, graph, schedule.discretization)


def _open_file(wanted: Wanted, path: Path, events: EventFormat | None) -> Source:
    kind = _numpy_kind(path) or SUFFIXES.get(path.suffix.lower())
    if kind is None:
        hint = "; a NIR graph is not an input" if path.suffix.lower() == ".nir" else ""
        raise FileError(
            f"{path}: data of unknown format {path.suffix!r}{hint}; expected "
            f"{', '.join(SUFFIXES)}, or KIND:FILE with one of {', '.join(FILES)}"
        )
    if not kind:
        file = OpenFile(Watched(path))
        kind = "nirdata" if file.kind(file.root) == GRAPH_DATA else "events"
        file.close()
    return _of_kind(kind, wanted, path, {}, events)


def _numpy_kind(path: Path) -> str | None:
    """The kind of a NumPy file, whose first bytes say what it is; None for any other file."""
    if not path.is_file():
        if path.exists():
            require_file(path)
        return None
    try:
        with open(path, "rb") as stream:
            start = stream.read(max(map(len, NUMPY)))
    except OSError as error:
        raise FileError(f"{path}: {error.strerror or error}") from error
    return next((kind for magic, kind in NUMPY.items() if start.startswith(magic)), None)


def _of_kind(
    kind: str,
    wanted: Wanted,
    path: Path,
    values: dict[str, str],
    events: EventFormat | None = None,
) -> Source:
    make, known = FILES[kind]
    if events is not None and "unit" not in known:
        raise InputError(f"{path}: it holds no lists of events; leave events= out")
    bare = wanted.bare and kind in NUMPY.values()
    own = replace(wanted, bare=bare, where=str(path))
    return make(own, path, Options(kind, values, known, events))
