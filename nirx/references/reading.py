"""`ReferenceFile`: an open reference, and the checks of its numbers against its hashes."""

from __future__ import annotations

import hashlib
import math
import os
import warnings
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any

import h5py
import nir
import numpy as np

from nirx.comparison.digest import Stream, graph_digest, streamed_digests
from nirx.dynamics.discretization import Discretization
from nirx.dynamics.ops import Shape
from nirx.errors import FileError, NirxWarning
from nirx.execution.assemble import run_dtype
from nirx.files.hdf5_attributes import text_attribute
from nirx.files.hdf5_checked import CheckedDataset
from nirx.files.hdf5_dataset import OpenHdf5
from nirx.files.limits import DATA_LIMITS, ReadLimits
from nirx.files.names import MARK, MARK_VALUE, encode_name
from nirx.files.reading import file_path
from nirx.references.damage import CHANGED, damage_as_file_error
from nirx.references.embedded_graph import read_embedded
from nirx.references.event_rows import read_events, require_event_rows
from nirx.references.header import WHOLE, observable_of, require_fields, unsealed
from nirx.references.layout import GRAPH, HEADER, Observable, Run
from nirx.references.structure import require_structure

__all__ = ["ReferenceFile"]

MOST_HEADER = 64 * 2**20
MOST_OPEN = 32
"""Datasets that are kept open: HDF5 gives each its own cache of chunks."""


class ReferenceFile:
    """A reference file, open until `close` or the end of its context.

    Arguments:
        path: written by `nirx.reference`.
        limits: what a graph may cost to read; None for the usual ones.

    `whole` says whether its numbers are the integers of a chip, in int64.

    **Raises**: `FileError` for a file that is not a reference, is damaged, or was changed.
    """

    def __init__(self, path: str | os.PathLike[str], limits: ReadLimits | None = None):
        self.path, self.limits = file_path(path), limits
        self._datasets: dict[str, Any] = {}
        self._cursors: dict[str, tuple[int, list[int]]] = {}
        try:
            self.file = h5py.File(self.path, "r")
        except FileNotFoundError as error:
            raise FileError(f"{self.path}: no such file") from error
        except OSError as error:
            raise FileError(f"{self.path}: not an HDF5 file, or damaged: {error}") from error
        try:
            with damage_as_file_error(self.path):
                self._open()
        except BaseException:
            self.close()
            raise

    def _open(self) -> None:
        self._hdf5 = OpenHdf5(self.file.id, DATA_LIMITS, os.path.getsize(self.path))
        text = self._dataset(HEADER, "this is not a file of `nirx reference`")
        if text.nbytes > MOST_HEADER:
            raise FileError(f"{self.path}: a header of {text.nbytes} bytes")
        self.header = unsealed(bytes(text[()]).decode("utf-8", "replace"), self.path)
        require_fields(self.header, self.path)
        self.steps: int = self.header["steps"]
        self.batch: Shape = tuple(self.header["batch"])
        self.dtype: str = self.header["dtype"]
        self.whole = self.dtype == WHOLE
        self.chunk: int = self.header["chunk_steps"]
        self.digest: str = self.header["digest"]
        self.observables = [observable_of(entry) for entry in self.header["recordings"]]
        self._require_limits()
        self.discretization = Discretization.from_json(self.header["discretization"])
        if self.whole != self.discretization.in_integers:
            raise FileError(
                f"{self.path}: it holds {self.dtype}, which is not what its discretization "
                f"computes: {CHANGED}"
            )
        self.rename: Callable[[str], str] = (
            encode_name if text_attribute(self.file, MARK) == MARK_VALUE else str
        )

    def _require_limits(self) -> None:
        """Steps, and a chunk of each recording: it is read whole, however little is stored."""
        DATA_LIMITS.require("steps", self.steps, self.path)
        if not self.samples:
            raise FileError(f"{self.path}: it has no samples: its batch is {list(self.batch)}")
        for own in self.observables:
            step = self.samples * max(1, own.neurons) * np.dtype(np.float64).itemsize
            if self.chunk > 1:  # nirx divides a long run, but not a large step
                where = f"{self.path}: {own.key!r}"
                DATA_LIMITS.require("chunk_bytes", min(self.chunk, self.steps) * step, where)

    def __enter__(self) -> ReferenceFile:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._datasets.clear()
        self.file.close()

    @property
    def run_dtype(self) -> str:
        """In which a backend runs the graph: integers are computed in float64."""
        return run_dtype(self.discretization, self.dtype)

    @property
    def samples(self) -> int:
        """Number of elements of the batch."""
        return math.prod(self.batch)

    @property
    def run(self) -> Run:
        """What all recordings share."""
        return Run(self.steps, self.samples, self.discretization.dt, self.dtype)

    @property
    def keys(self) -> list[str]:
        """The keys of all recordings, in the order of the schedule."""
        return [observable.key for observable in self.observables]

    @cached_property
    def graph(self) -> nir.NIRGraph:
        """The graph that was run."""
        return read_embedded(self._graph_file(), self.path, self.limits)

    def _graph_file(self) -> bytes:
        with damage_as_file_error(self.path):
            return bytes(self._dataset(GRAPH, "the file has no graph")[()])

    def shape(self, observable: Observable) -> Shape:
        """`[time, *batch, *features]`."""
        return (self.steps, *self.batch, *observable.features)

    def pieces(self, observable: Observable) -> Iterator[np.ndarray]:
        """The recording chunk by chunk, `[time, *batch, *features]`, in the dtype of the run."""
        for start in range(0, self.steps, self.chunk):
            yield self.read(observable, start, min(self.steps, start + self.chunk))

    def read(self, observable: Observable, start: int, stop: int) -> np.ndarray:
        """Steps start..stop-1 of a recording, `[time, *batch, *features]`.

        **Raises**: `FileError`.
        """
        with damage_as_file_error(self.path):
            if observable.form == "events":
                flat = self._read_events(observable, start, stop)
            else:
                (data,) = self._columns(observable, "data")
                if data.shape != (self.samples, self.steps, observable.neurons):
                    raise FileError(f"{self.path}: {observable.key!r} has shape {data.shape}")
                flat = data[:, start:stop]
            shape = (stop - start, *self.batch, *observable.features)
            return flat.swapaxes(0, 1).reshape(shape).astype(self.dtype)

    def _columns(self, observable: Observable, *names: str) -> list[Any]:
        """Datasets of an observable."""
        nodes = (f"nodes/{self.rename(name)}" for name in observable.path)
        where = "/".join([*nodes, "observables", observable.name])
        return [self._dataset(f"{where}/{n}", "a recording has no data") for n in names]

    def _rows(self, observable: Observable) -> tuple[Any, Any]:
        """Neurons and times of events, `[samples, events]`."""
        idx, time = self._columns(observable, "idx", "time")
        if idx.shape != time.shape or len(idx.shape) != 2 or len(idx) != self.samples:
            raise FileError(
                f"{self.path}: {observable.key!r} has idx of shape {idx.shape} and time of shape "
                f"{time.shape}; nirx writes both with {self.samples} rows of one length: {CHANGED}"
            )
        return idx, time

    def _read_events(self, observable: Observable, start: int, stop: int) -> np.ndarray:
        idx, time = self._rows(observable)
        # Chunks are mostly read one after the other: continue where the last one ended.
        at, offsets = self._cursors.get(observable.key, (0, []))
        if at != start or not offsets:
            offsets = [0] * self.samples
        span, neurons = (start, stop), observable.neurons
        flat, offsets = read_events(idx, time, neurons, self.run, span, offsets)
        self._cursors[observable.key] = stop, offsets
        return flat

    def verify_content(self, advance: Callable[[int], object] = lambda steps: None) -> None:
        """Compute all hashes again, of the recordings and of the graph, and check everything else.

        Arguments:
            advance: called with numbers of steps that add up to `steps`.

        **Raises**: `FileError` if anything was changed.
        """
        with damage_as_file_error(self.path):
            require_structure(self.file, self.path, self.observables, self.run)
        self._require_digests(advance)
        with damage_as_file_error(self.path):
            for own in self.observables:
                if own.form == "events":
                    where, (idx, time) = f"{self.path}: {own.key!r}", self._rows(own)
                    require_event_rows(where, idx, time, self.pieces(own), own.neurons, self.run)
        self._require_graph()

    def _require_digests(self, advance: Callable[[int], object]) -> None:
        seen = reported = 0

        def counted(observable: Observable) -> Iterator[np.ndarray]:
            nonlocal seen, reported
            for piece in self.pieces(observable):
                yield piece
                seen += len(piece)  # each recording is read in turn
                steps = seen // max(1, len(self.observables)) - reported
                reported += steps
                advance(steps)

        leaves: dict[str, Stream] = {
            o.key: (self.dtype, self.shape(o), lambda o=o: counted(o)) for o in self.observables
        }
        with damage_as_file_error(self.path):
            found = streamed_digests(leaves)
        for entry in self.header["recordings"]:
            key = entry["key"]
            pairs = zip(found.pieces[key], entry["chunks"], strict=True)
            for number, (own, expected) in enumerate(pairs):
                if own != expected:
                    first = number * self.chunk
                    last = min(self.steps, first + self.chunk) - 1
                    raise FileError(
                        f"{self.path}: {key!r} does not match its digest in steps {first} to "
                        f"{last}: {CHANGED}"
                    )
            if found.own[key] != entry["digest"]:
                raise FileError(f"{self.path}: {key!r} does not match its digest: {CHANGED}")
        if found.total != self.digest:
            raise FileError(f"{self.path}: the recordings do not match their digest: {CHANGED}")

    def _require_graph(self) -> None:
        """Check the graph, and the bytes of its file, which also hold a discretization."""
        graph_file = hashlib.sha256(self._graph_file()).hexdigest()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NirxWarning)  # they were shown when it was written
            graph = graph_digest(self.graph)
        for found, name in ((graph, "graph_sha256"), (graph_file, "graph_file_sha256")):
            if found != self.header[name]:
                raise FileError(f"{self.path}: the graph does not match its digest: {CHANGED}")

    def _dataset(self, name: str, otherwise: str) -> Any:
        """A dataset. It stays open, since its cache of chunks is dropped when it is closed."""
        if name not in self._datasets:
            if len(self._datasets) >= MOST_OPEN:
                self._datasets.clear()
            self._datasets[name] = self._opened(name, otherwise)
        return self._datasets[name]

    def _opened(self, name: str, otherwise: str) -> Any:
        current: Any = self.file
        for part in name.split("/"):
            link = current.get(part, getlink=True) if isinstance(current, h5py.Group) else None
            current = current[part] if isinstance(link, h5py.HardLink) else None
        if not isinstance(current, h5py.Dataset):
            raise FileError(f"{self.path}: {name} is missing; {otherwise}")
        return CheckedDataset(self._hdf5, current, f"{self.path}: {name}")
