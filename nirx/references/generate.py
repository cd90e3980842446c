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
from nirx.references.shards import Shards, compute_shards
from nirx.references.work import Work

__all__ = ["Generated", "Plan", "chunk_steps", "cuts_of", "generate"]

PART_BYTES = 16 * 2**20
MOST_STEPS = MOST_CHUNK_STEPS
"""Upper limits of a chunk, which bound the memory of a run."""


def chunk_steps(step_bytes: int) -> int:
    """Steps per chunk of a run that records so many bytes in a step."""
    return max(1, min(MOST_STEPS, PART_BYTES // max(1, step_bytes)))


def cuts_of(steps: int, chunk: int) -> list[tuple[int, int]]:
    """Start and stop of every chunk of a run."""
    return [(a, min(steps, a + chunk)) for a in range(0, steps, chunk)]


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
        shards: how the samples are divided among tasks, which the file does not depend on; None
            computes all of them together.
    """

    graph: nir.NIRGraph
    schedule: Schedule
    source: Source
    observables: list[Observable]
    dtype: str
    backend: str
    compression: str | None
    extra: dict[str, Any]
    shards: Shards | None = None

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
        return cuts_of(self.source.steps, self.chunk)

    def work(self) -> Work:
        """What computes the recordings."""
        given: dict[int, str] = {}
        if self.dtype == WHOLE:
            names = {self.schedule.nodes[p].path: name for name, p in self.schedule.inputs}
            places = enumerate(self.observables)
            given = {k: names[o.path] for k, o in places if o.name == INPUT}
        rule = self.schedule.discretization
        kind, keys = run_dtype(rule, self.dtype), tuple(o.probe for o in self.observables)
        return Work(self.graph, rule, self.backend, kind, keys, given)

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
    count = len(plan.cuts)
    if plan.shards is not None:
        count, manifest["shards"] = plan.shards.count, len(plan.shards.samples)
    out = Path(find_target(str(out)).path)  # the parts lie beside the file that a link leads to
    with Parts(out, manifest, count) as parts:
        with _kept(parts):
            resumed = _done_steps(plan, parts)
            if resumed:
                advance(resumed)
            if parts.done < parts.count:
                if plan.shards is None:
                    _run(plan, parts, advance)
                else:
                    own = plan.shards, plan.work(), plan.source
                    compute_shards(*own, manifest, parts, advance)
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
        if not parts.started or isinstance(error, InputError):  # the same input gets no further
            parts.remove()
        elif not isinstance(error, Exception):  # Ctrl-C, of which the command line says one line
            error.add_note(text)
        raise


def _done_steps(plan: Plan, parts: Parts) -> int:
    """Steps of all samples that an interrupted run has computed."""
    if plan.shards is not None:
        return plan.shards.done_steps(parts)
    return plan.cuts[parts.done - 1][1] if parts.done else 0


def _run(plan: Plan, parts: Parts, advance: Callable[[int], object]) -> None:
    done, run = parts.done, plan.work().prepare()
    state = parts.state_after(done - 1) if done else None
    for number, (start, stop) in list(enumerate(plan.cuts))[done:]:
        arrays, state = run(plan.source.read(start, stop), state)
        parts.write(number, arrays, state)
        advance(stop - start)


def _assemble(plan: Plan, parts: Parts, out: Path) -> tuple[str, dict[str, int]]:
    batch, steps = plan.source.batch, plan.source.steps
    recordings: list[tuple[Observable, Pieces]] = [
        (o, lambda k=k: _pieces(plan, parts, k)) for k, o in enumerate(plan.observables)
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


def _pieces(plan: Plan, parts: Parts, member: int) -> Iterator[np.ndarray]:
    if plan.shards is not None:
        found = plan.shards.read(parts, member, plan.source.batch)
    else:
        found = (parts.read(number, member) for number in range(parts.count))
    for piece in found:
        yield piece
        let_signals_through()  # HDF5, which is being written to, is at rest here


def _count_silent(observable: Observable, pieces: Iterable[np.ndarray]) -> int:
    """How many neurons spike in no sample and no step."""
    spiked = np.zeros(observable.neurons, bool)
    for piece in pieces:
        spiked |= piece.reshape(-1, observable.neurons).any(axis=0)
    return int((~spiked).sum())
