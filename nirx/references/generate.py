"""References: computed chunk by chunk, and assembled at the end."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nir
import numpy as np

from nirx.basics.held_signals import let_signals_through
from nirx.comparison.digest import Stream, graph_digest, streamed_digests
from nirx.errors import FileError, InputError
from nirx.execution.assemble import run_dtype
from nirx.execution.backend import find_backend
from nirx.files.hdf5_writing import hdf5_file
from nirx.files.target import find_target
from nirx.files.whole_file import whole_file
from nirx.files.writing import file_bytes
from nirx.graphs.schedule import Schedule
from nirx.inputs.protocol import Source
from nirx.references.header import FORMAT, MOST_CHUNK_STEPS, WHOLE, entry_of, sealed, software
from nirx.references.layout import INPUT, Observable, Run
from nirx.references.nirdata_writing import Pieces, write_file
from nirx.references.parts import Parts

__all__ = ["Generated", "Plan", "chunk_steps", "generate"]

PART_BYTES = 16 * 2**20
MOST_STEPS = MOST_CHUNK_STEPS
"""Upper limits of a chunk, which bound the memory of a run."""


def chunk_steps(step_bytes: int) -> int:
    """Steps per chunk of a run that records so many bytes in a step."""
    return max(1, min(MOST_STEPS, PART_BYTES // max(1, step_bytes)))


@dataclass(frozen=True)
class Plan:
    """Everything that a reference depends on.

    Arguments:
        graph: with its discretization resolved.
        source: its input.
        observables: what is recorded.
        backend: its name; in reproducible mode the numbers do not depend on it.
        dtype: of the recordings; int64 where the graph computes in integers.
        extra: further fields of the header (licence, notes, file_sha256).
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
        return chunk_steps(self.step_bytes)

    @property
    def step_bytes(self) -> int:
        """Bytes recorded in one step."""
        width = sum(o.neurons for o in self.observables) * int(np.prod(self.source.batch))
        return width * np.dtype(self.dtype).itemsize

    @property
    def recorded_bytes(self) -> int:
        """Bytes recorded in the whole run."""
        return self.step_bytes * self.source.steps

    @property
    def cuts(self) -> list[tuple[int, int]]:
        """Start and stop of every chunk."""
        steps = self.source.steps
        return [(a, min(steps, a + self.chunk)) for a in range(0, steps, self.chunk)]

    def facts(self) -> dict[str, Any]:
        """Everything that the recorded numbers depend on."""
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


@dataclass(frozen=True)
class Generated:
    """A file that was written: its digest, neurons that never spiked by key, steps resumed."""

    digest: str
    silent: dict[str, int]
    resumed: int


def generate(plan: Plan, out: Path, advance: Callable[[int], object]) -> Generated:
    """Compute a reference and write it; a killed run of the same plan is continued.

    Arguments:
        out: the file; either complete or not there.
        advance: called with numbers of steps that are done.

    **Raises**: `InputError`, `FileError`.
    """
    recordings = [[o.key, o.form] for o in plan.observables]
    manifest = {**plan.facts(), "recordings": recordings, "nirx": software(plan.backend)["nirx"]}
    out = Path(find_target(str(out)).path)  # the parts lie beside the file that a link leads to
    with Parts(out, manifest, len(plan.cuts)) as parts:
        with _kept(parts):
            done = parts.done
            resumed = plan.cuts[done - 1][1] if done else 0
            if done:
                advance(resumed)
            if done < parts.count:
                _run(plan, parts, done, advance)
            digest, silent = _assemble(plan, parts, out)
        parts.remove()
        return Generated(digest, silent, resumed)


@contextmanager
def _kept(parts: Parts) -> Iterator[None]:
    """Where a run ends early, say that its parts are kept; without any, remove the folder."""
    text = f"the computed parts are kept in {parts.folder}: call it again"
    try:
        yield
    except FileError as error:
        if parts.done < parts.count:
            raise
        raise FileError(f"{error}; {text}") from error
    except BaseException as error:
        if not parts.done or isinstance(error, InputError):  # the same input gets no further
            parts.remove()
        elif not isinstance(error, Exception):  # Ctrl-C, of which the command line says one line
            error.add_note(text)
        raise


def _run(plan: Plan, parts: Parts, done: int, advance: Callable[[int], object]) -> None:
    backend, discretization = find_backend(plan.backend), plan.schedule.discretization
    kind = run_dtype(discretization, plan.dtype)
    run = backend.prepare(plan.graph, discretization, kind, reproducible=True)
    keys, ports = [o.probe for o in plan.observables], plan.schedule.inputs
    state = parts.state_after(done - 1) if done else None
    for number, (start, stop) in list(enumerate(plan.cuts))[done:]:
        inputs = plan.source.read(start, stop)
        _, state, found = run(inputs, state, keys)
        arrays = [np.asarray(found[key]) for key in keys]
        if plan.dtype == WHOLE:  # as given: a run shifts them left by `input_shift`
            given = {plan.schedule.nodes[p].path: inputs[name] for name, p in ports}
            places = zip(plan.observables, arrays, strict=True)
            arrays = [given[o.path] if o.name == INPUT else own for o, own in places]
        parts.write(number, arrays, state)
        advance(stop - start)


def _assemble(plan: Plan, parts: Parts, out: Path) -> tuple[str, dict[str, int]]:
    batch, steps = plan.source.batch, plan.source.steps
    recordings: list[tuple[Observable, Pieces]] = [
        (o, lambda k=k: _pieces(parts, k)) for k, o in enumerate(plan.observables)
    ]
    streams: dict[str, Stream] = {
        o.key: (plan.dtype, (steps, *batch, *o.features), pieces) for o, pieces in recordings
    }
    inputs = {o.key: streams[o.key] for o in plan.observables if o.name == INPUT}
    silent = {o.key: _count_silent(o, pieces()) for o, pieces in recordings if o.spiking}
    silent = {key: count for key, count in silent.items() if count}
    found = streamed_digests(streams)
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
    run = Run(steps, math.prod(batch), plan.schedule.discretization.dt, plan.dtype)
    # The temporary file is among the parts: if the run is killed now, the next one removes it.
    whole = whole_file(str(out), str(parts.folder))
    with whole as temporary, hdf5_file(temporary, libver="v108") as file:
        write_file(file, recordings, run, sealed(header), graph, plan.compression)
    return found.total, silent


def _pieces(parts: Parts, member: int) -> Iterator[np.ndarray]:
    for number in range(parts.count):
        let_signals_through()  # HDF5, which is being written to, is at rest here
        yield parts.read(number, member)


def _count_silent(observable: Observable, pieces: Iterable[np.ndarray]) -> int:
    """How many neurons spike in no sample and no step."""
    spiked = np.zeros(observable.neurons, bool)
    for piece in pieces:
        spiked |= piece.reshape(-1, observable.neurons).any(axis=0)
    return int((~spiked).sum())
