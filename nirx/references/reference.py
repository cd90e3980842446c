"""`nirx.reference`: a file with the correct outputs and states that anyone can reproduce."""

from __future__ import annotations

import hashlib
import math
import os
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nirx.basics.printable import printable
from nirx.basics.shown import Shown
from nirx.bridging.movable import graph_of
from nirx.dynamics.discretization import Discretization
from nirx.errors import FileError, InputError, NirxWarning
from nirx.execution.assemble import dtype_name
from nirx.files.reading import file_path
from nirx.files.target import check_target
from nirx.graphs.metadata import resolve_discretization
from nirx.graphs.schedule import build_schedule
from nirx.inputs.choose import file_named, source_for
from nirx.inputs.event_format import EventFormat
from nirx.references.generate import Plan, generate
from nirx.references.header import WHOLE
from nirx.references.layout import observables
from nirx.references.shards import plan_shards
from nirx.scaling.choose import require_engine

__all__ = ["COMPRESSIONS", "Reference", "check_reference_target", "reference"]

COMPRESSIONS = ("gzip", "lzf", "none")


@dataclass(frozen=True)
class Reference(Shown):
    """A reference that was written.

    Arguments:
        path: of the file.
        digest: SHA-256 of all recordings, `nirx.digest({key: array})`: the same on every
            backend and machine.
        steps: of the run.
        keys: of the recordings.
        resumed: steps that were already done by an interrupted run.
        recorded_bytes: size of all recordings in memory.
        silent: number of neurons that never spiked, by the key of their spikes; keys without any
            are absent.
    """

    path: str
    digest: str
    steps: int
    keys: tuple[str, ...]
    resumed: int
    recorded_bytes: int
    silent: Mapping[str, int]

    def __repr__(self) -> str:
        return (
            f"Reference({printable(self.path)}, {self.steps:,} steps, {len(self.keys)} recordings, "
            f"digest={self.digest})"
        )

    def _parts(self) -> list[Any]:
        lines = [f"reference: {self.path}", f"digest: {self.digest}", f"steps: {self.steps:,}"]
        return [*lines, *(f"never spiked: {count} of {key}" for key, count in self.silent.items())]


def reference(
    graph: Any,
    data: Any,
    out: str | os.PathLike[str],
    *,
    discretization: Discretization | None = None,
    record: Any = "all",
    dtype: str = "float32",
    backend: str = "numpy",
    spikes: str = "dense",
    compression: str = "gzip",
    steps: int | None = None,
    batch: int | None = None,
    seed: int = 0,
    events: EventFormat | None = None,
    source: str | None = None,
    input_shape: Any = None,
    licence: str = "",
    notes: str = "",
    engine: str | None = None,
    shards: int | None = None,
    advance: Callable[[int], object] = lambda steps: None,
) -> Reference:
    """Run a graph in reproducible mode and write its recordings to a file for `nir.read_data`.

    The run writes part files, chunk by chunk, next to `out`. Its memory does not grow with the
    number of steps, and a killed run continues where it stopped when it is called again.

    Arguments:
        graph: a `nir.NIRGraph`, the path of a `.nir` file, or a model of a library that nirx has
            a bridge for, which is exported once.
        data: the input: arrays `[time, *batch, *features]`, a path (npz, npy, csv, NIRData, HDF5
            events), or a generator such as `"poisson:rate=0.2"`; see docs/inputs.md.
        out: the file; either complete or not there.
        discretization: None takes the graph's own (metadata) or the model's, or the default with
            a warning.
        record: `"all"`, `"outputs"`, or keys as in `net.run`. Inputs are always in the file.
        dtype: `"float32"` or `"float64"`; a graph in integers is recorded in int64 instead.
        backend: `"numpy"`, `"torch"` or `"jax"`; the numbers are the same.
        spikes: `"dense"` (an array over time) or `"events"` (a list).
        compression: `"gzip"`, `"lzf"` or `"none"`.
        steps, batch, seed: for generators.
        events: how the events of a file of `data` are laid out; None recognises the usual names.
        source, input_shape: for a model, as in `nirx.move`.
        licence, notes: texts for the header.
        engine: None computes all samples together, in this process; `"ray"` divides them among the
            tasks of a Ray cluster (docs/scale.md). The file is the same, byte for byte.
        shards: number of groups of samples, which are computed one by one. None: 64 with an engine.
        advance: called with numbers of steps during the run.

    Returns: a `Reference` with the digest.

    **Units**: times in the file are steps times dt, in the unit of the graph's time constants.

    **Raises**: `GraphError`, `InputError`, `FileError`, `UnsupportedError`.
    """
    if compression not in COMPRESSIONS:
        expected = ", ".join(map(repr, COMPRESSIONS))
        raise InputError(f"compression={compression!r}; expected one of {expected}")
    require_engine(engine)
    target = Path(file_path(out))
    check_reference_target(target, "out", graph, data)
    own = graph_of(graph, source, input_shape, data)
    kind = dtype_name(dtype)
    chosen = resolve_discretization(own, discretization)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NirxWarning)  # load has shown them already
        schedule, _ = build_schedule(own, chosen)
    if schedule.discretization.in_integers:
        kind = WHOLE
    stream = source_for(
        schedule, data, kind, steps=steps, batch=batch, seed=seed, graph=own, events=events
    )
    if stream.steps < 1:
        raise InputError("the input has no steps; there is nothing to record")
    extra: dict[str, Any] = {"licence": licence, "notes": notes}
    if isinstance(graph, str | os.PathLike):
        extra["file_sha256"] = _sha256(file_path(graph))
    found = observables(schedule, record, spikes)
    filter_ = None if compression == "none" else compression
    plan = Plan(own, schedule, stream, found, kind, backend, filter_, extra)
    cut = plan_shards(math.prod(stream.batch), plan.cuts, shards, engine)
    plan = replace(plan, shards=cut)
    made = generate(plan, target, advance)
    return Reference(
        str(target),
        made.digest,
        stream.steps,
        tuple(o.key for o in found),
        made.resumed,
        plan.recorded_bytes,
        made.silent,
    )


def check_reference_target(path: Path, option: str, *sources: Any) -> None:
    """Refuse, before the work, a file that cannot or must not be written.

    Arguments:
        sources: graph and input. The file named in an input such as `"csv:x.csv,unit=ms"` must
            not be overwritten either.

    **Raises**: `FileError`.
    """
    if path.suffix.lower() in OTHER_FILES:
        raise FileError(f"{option} {path}: a reference is an HDF5 file; call it {path.stem}.h5")
    check_target(path, option, *sources, *map(file_named, sources))


OTHER_FILES = (".npz", ".npy", ".csv", ".nir", ".png", ".json")


def _sha256(path: str) -> str:
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
