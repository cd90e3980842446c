"""A reference, computed chunk by chunk and put together at the end."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nir
import numpy as np

from nirx.comparison.digest import Stream, streamed_digests
from nirx.comparison.graph_digest import graph_digest
from nirx.errors import FileError
from nirx.execution.backend import find_backend
from nirx.files.hdf5_writing import hdf5_file
from nirx.files.whole_file import whole_file
from nirx.files.writing import file_bytes
from nirx.graphs.schedule import Schedule
from nirx.inputs.protocol import Source
from nirx.references.header import FORMAT, sealed, software
from nirx.references.layout import Observable
from nirx.references.nirdata_writing import write_observable, write_root
from nirx.references.parts import Parts
from nirx.references.reading import GRAPH, HEADER, entry_of

__all__ = ["Plan", "generate"]

PART_BYTES = 16 * 2**20
MOST_STEPS = 1024
"""Steps per chunk at most, and bytes recorded in one: they bound the memory of a run."""

Advance = Callable[[int], object]


@dataclass(frozen=True)
class Plan:
    """Everything that a reference depends on.

    Arguments:
        graph: with its discretization resolved.
        source: what drives it.
        observables: what is recorded.
        backend: of nirx; in reproducible mode the numbers do not depend on it.
        extra: what the user wants in the header (licence, notes, file_sha256).
    """

    graph: nir.NIRGraph
    schedule: Schedule
    source: Source
    observables: list[Observable]
    dtype: str
    backend: str
    compression: str | None
    extra: dict[str, Any]

    @property
    def chunk(self) -> int:
        """Steps per chunk: the same on every machine, since the digests of chunks depend on it."""
        return max(1, min(MOST_STEPS, PART_BYTES // max(1, self.step_bytes)))

    @property
    def step_bytes(self) -> int:
        """Recorded in one step."""
        width = sum(o.neurons for o in self.observables) * int(np.prod(self.source.batch))
        return width * np.dtype(self.dtype).itemsize

    @property
    def recorded_bytes(self) -> int:
        """Recorded in the whole run."""
        return self.step_bytes * self.source.steps

    @property
    def cuts(self) -> list[tuple[int, int]]:
        """Start and stop of every chunk."""
        steps = self.source.steps
        return [(a, min(steps, a + self.chunk)) for a in range(0, steps, self.chunk)]

    def facts(self) -> dict[str, Any]:
        """What the recorded numbers depend on."""
        return {
            "format": FORMAT,
            "graph_sha256": graph_digest(self.graph),
            "discretization": self.schedule.discretization.to_json(),
            "dtype": self.dtype,
            "steps": self.source.steps,
            "batch": list(self.source.batch),
            "chunk_steps": self.chunk,
            "input": self.source.identity,
        }


def generate(
    plan: Plan, out: Path, advance: Advance, tell: Callable[[int], object]
) -> tuple[str, dict[str, int]]:
    """Compute a reference and write it; goes on where a killed run of the same plan stopped.

    Arguments:
        out: the file; there whole, or not at all.
        advance: called with the number of steps that are done.
        tell: called with the number of steps that were there already.

    Returns: the digest of all recordings, and how many neurons never spiked, by key.

    **Raises**: `InputError`, `FileError`.
    """
    recordings = [[o.key, o.form] for o in plan.observables]
    manifest = {**plan.facts(), "recordings": recordings, "nirx": software(plan.backend)["nirx"]}
    with Parts(out, manifest, len(plan.cuts)) as parts:
        done = parts.done
        if done:
            tell(plan.cuts[done - 1][1])
        if done < parts.count:
            _run(plan, parts, done, advance)
        try:
            found = _assemble(plan, parts, out)
        except FileError as error:
            raise FileError(
                f"{error}; what was computed is kept in {parts.folder}: call it again"
            ) from error
        parts.remove()
        return found


def _run(plan: Plan, parts: Parts, done: int, advance: Advance) -> None:
    options = {"reproducible": True}
    backend = find_backend(plan.backend)
    run = backend.prepare(plan.graph, plan.schedule.discretization, plan.dtype, **options)
    keys = [o.probe for o in plan.observables]
    state = parts.state_after(done - 1) if done else None
    for number, (start, stop) in list(enumerate(plan.cuts))[done:]:
        _, state, found = run(plan.source.read(start, stop), state, keys)
        parts.write(number, [np.asarray(found[key]) for key in keys], state)
        advance(stop - start)


def _assemble(plan: Plan, parts: Parts, out: Path) -> tuple[str, dict[str, int]]:
    def pieces(k: int) -> Iterator[np.ndarray]:
        return (parts.read(number, k) for number in range(parts.count))

    batch, steps = plan.source.batch, plan.source.steps
    streams: dict[str, Stream] = {
        o.key: (plan.dtype, (steps, *batch, *o.features), lambda k=k: pieces(k))
        for k, o in enumerate(plan.observables)
    }
    silent = {
        o.key: count
        for k, o in enumerate(plan.observables)
        if o.spiking and (count := _silent(o, pieces(k)))
    }
    found = streamed_digests(streams)
    inputs = {o.key: streams[o.key] for o in plan.observables if o.name == "input"}
    graph = file_bytes(plan.graph, plan.schedule.discretization)
    header = {
        **plan.facts(),
        **plan.extra,
        "graph_file_sha256": hashlib.sha256(graph).hexdigest(),
        "input_digest": streamed_digests(inputs).total,
        "silent_neurons": silent,
        "recordings": [
            entry_of(o, found.own[o.key], found.pieces[o.key]) for o in plan.observables
        ],
        "digest": found.total,
        "software": software(plan.backend),
    }
    # Among the parts, with which it is removed if the run is killed now and finished later.
    whole = whole_file(str(out), str(parts.folder))
    with whole as temporary, hdf5_file(temporary, libver="v108") as file:
        rename = write_root(file, plan.observables)
        for k, observable in enumerate(plan.observables):
            write_observable(
                file,
                rename,
                observable,
                lambda k=k: pieces(k),
                steps,
                int(np.prod(batch, dtype=np.int64)),
                plan.schedule.discretization.dt,
                plan.dtype,
                plan.compression,
            )
        file.create_dataset(HEADER, data=np.frombuffer(sealed(header).encode(), np.uint8))
        file.create_dataset(GRAPH, data=np.frombuffer(graph, np.uint8))
    return found.total, silent


def _silent(observable: Observable, pieces: Iterator[np.ndarray]) -> int:
    """How many neurons spike in no sample and no step."""
    spiked = np.zeros(observable.neurons, bool)
    for piece in pieces:
        spiked |= piece.reshape(-1, observable.neurons).any(axis=0)
    return int((~spiked).sum())
