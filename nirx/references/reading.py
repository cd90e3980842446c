"""`ReferenceFile`: a reference, opened; its numbers are held to its hashes."""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import Any

import h5py
import nir
import numpy as np

from nirx.comparison.digest import Stream, streamed_digests
from nirx.comparison.graph_digest import graph_digest
from nirx.dynamics.discretization import Discretization
from nirx.dynamics.ops import Shape
from nirx.errors import FileError, NirxWarning
from nirx.files.hdf5_tree import check_dataset
from nirx.files.names import MARK, MARK_VALUE, encode_name
from nirx.files.reading import file_path
from nirx.references.contents import CHANGED, expected_items, require_items
from nirx.references.damage import damage_as_file_error
from nirx.references.embedded_graph import read_embedded
from nirx.references.event_rows import EVENTS, require_event_rows
from nirx.references.event_times import steps_of
from nirx.references.header import require_whole, unsealed
from nirx.references.layout import Observable

__all__ = ["GRAPH", "HEADER", "ReferenceFile", "entry_of"]

HEADER, GRAPH = "nirx/header", "nirx/graph"
MOST_HEADER = 64 * 2**20
MOST_OPEN = 32
"""Datasets that are kept open: HDF5 gives each a cache of chunks of its own."""


class ReferenceFile:
    """A reference file; close it, or use it as a context.

    Arguments:
        path: written by `nirx.reference`.

    **Raises**: `FileError` for what is no reference, is damaged, or was changed.
    """

    def __init__(self, path: str | os.PathLike[str]):
        self.path = file_path(path)
        self._datasets: dict[str, Any] = {}
        try:
            self.file = h5py.File(self.path, "r")
        except FileNotFoundError as error:
            raise FileError(f"{self.path}: no such file") from error
        except OSError as error:
            raise FileError(f"{self.path}: not an HDF5 file, or damaged: {error}") from error
        try:
            self._open()
        except BaseException:
            self.close()
            raise

    def _open(self) -> None:
        text = self._dataset(HEADER, "it is no file of `nirx reference`")
        if text.nbytes > MOST_HEADER:
            raise FileError(f"{self.path}: a header of {text.nbytes} bytes")
        self.header = unsealed(bytes(text[()]).decode("utf-8", "replace"), self.path)
        require_whole(self.header, self.path)
        self.steps: int = self.header["steps"]
        self.batch: Shape = tuple(self.header["batch"])
        self.dtype: str = self.header["dtype"]
        self.chunk: int = self.header["chunk_steps"]
        self.digest: str = self.header["digest"]
        self.observables = [_observable(entry) for entry in self.header["recordings"]]
        with damage_as_file_error(self.path):
            self.discretization = Discretization.from_json(self.header["discretization"])
        self._cursors: dict[str, tuple[int, list[int]]] = {}
        self.rename: Callable[[str], str] = (
            encode_name if self.file.attrs.get(MARK) == MARK_VALUE else str
        )

    def __enter__(self) -> ReferenceFile:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._datasets.clear()
        self.file.close()

    @property
    def samples(self) -> int:
        """Number of elements of the batch."""
        return int(np.prod(self.batch, dtype=np.int64))

    @property
    def keys(self) -> list[str]:
        """Of all recordings, in the order of the schedule."""
        return [observable.key for observable in self.observables]

    @cached_property
    def graph(self) -> nir.NIRGraph:
        """The graph that the reference is of."""
        return read_embedded(self._graph_file(), self.path)

    def _graph_file(self) -> bytes:
        with damage_as_file_error(self.path):
            return bytes(self._dataset(GRAPH, "it holds no graph")[()])

    def shape(self, observable: Observable) -> Shape:
        """[time, *batch, *features]."""
        return (self.steps, *self.batch, *observable.features)

    def pieces(self, observable: Observable) -> Iterator[np.ndarray]:
        """The recording chunk by chunk, [time, *batch, *features], in the dtype of the run."""
        for start in range(0, self.steps, self.chunk):
            yield self.read(observable, start, min(self.steps, start + self.chunk))

    def read(self, observable: Observable, start: int, stop: int) -> np.ndarray:
        """Some steps of a recording, [time, *batch, *features]. **Raises** `FileError`."""
        with damage_as_file_error(self.path):
            return self._read(observable, start, stop)

    def _read(self, observable: Observable, start: int, stop: int) -> np.ndarray:
        where = self._where(observable)
        if observable.form == "events":
            flat = self._events(observable, start, stop)
        else:
            data = self._dataset(f"{where}/data", "it lacks a recording")
            if data.shape != (self.samples, self.steps, observable.neurons):
                raise FileError(f"{self.path}: {where} has shape {data.shape}")
            flat = data[:, start:stop]
        shaped = flat.swapaxes(0, 1).reshape(stop - start, *self.batch, *observable.features)
        return shaped.astype(self.dtype)

    def _event_columns(self, observable: Observable) -> tuple[str, str, Any, Any]:
        """What to call a list of events, where it stands, and its idx and time."""
        where = self._where(observable)
        idx, time = (self._dataset(f"{where}/{c}", "it lacks a recording") for c in ("idx", "time"))
        return f"{self.path}: {observable.key!r}", where, idx, time

    def _events(self, observable: Observable, start: int, stop: int) -> np.ndarray:
        _, where, idx, time = self._event_columns(observable)
        flat = np.zeros((self.samples, stop - start, observable.neurons), bool)
        # Chunks are mostly read one after the other: go on where the last one ended.
        at, offsets = self._cursors.get(where, (0, [0] * self.samples))
        offsets = list(offsets) if at == start else [0] * self.samples
        for sample in range(self.samples):
            while offsets[sample] < idx.shape[1]:
                block = slice(offsets[sample], offsets[sample] + EVENTS)
                own = np.asarray(idx[sample, block])
                steps = steps_of(np.asarray(time[sample, block]), self.discretization.dt)
                before_stop = (own >= 0) & (steps < stop)
                count = len(own) if before_stop.all() else int(before_stop.argmin())
                here = steps[:count] >= start
                neurons = own[:count][here]
                if (neurons >= observable.neurons).any():
                    raise FileError(f"{self.path}: {where} has an event of neuron {own.max()}")
                flat[sample, steps[:count][here].astype(np.int64) - start, neurons] = True
                offsets[sample] += count
                if count < len(own):
                    break
        self._cursors[where] = stop, offsets
        return flat

    def verify_content(self, advance: Callable[[int], object] = lambda steps: None) -> None:
        """Compute every hash again, of the recordings and of the graph, and look at all else.

        **Raises**: `FileError` for what was changed.

        Arguments:
            advance: called with a number of steps as the work goes on; they add up to `steps`.
        """
        dt = self.discretization.dt
        items = expected_items(self.observables, self.rename, self.steps, dt, self.dtype)
        with damage_as_file_error(self.path):
            require_items(self.file, self.path, items)
        self._require_digests(advance)
        with damage_as_file_error(self.path):
            for observable in self.observables:
                if observable.form == "events":
                    where, _, idx, time = self._event_columns(observable)
                    shape = (self.samples, self.steps, observable.neurons)
                    require_event_rows(where, idx, time, shape, dt)
        self._require_graph()

    def _require_digests(self, advance: Callable[[int], object]) -> None:
        seen = told = 0

        def count(steps: int) -> None:  # each recording is read in turn
            nonlocal seen, told
            seen += steps
            now = seen // max(1, len(self.observables))
            advance(now - told)
            told = now

        leaves: dict[str, Stream] = {
            o.key: (self.dtype, self.shape(o), lambda o=o: self._counted(o, count))
            for o in self.observables
        }
        with damage_as_file_error(self.path):
            found = streamed_digests(leaves)
        for observable, entry in zip(self.observables, self.header["recordings"], strict=True):
            key = observable.key
            for number, (own, wanted) in enumerate(
                zip(found.pieces[key], entry["chunks"], strict=True)
            ):
                if own != wanted:
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
        """The graph, and the bytes that it stands in: they hold a discretization too."""
        graph_file = hashlib.sha256(self._graph_file()).hexdigest()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NirxWarning)  # whoever made the reference saw them
            graph = graph_digest(self.graph)
        for found, name in ((graph, "graph_sha256"), (graph_file, "graph_file_sha256")):
            if found != self.header[name]:
                raise FileError(f"{self.path}: the graph does not match its digest: {CHANGED}")

    def _where(self, observable: Observable) -> str:
        nodes = (f"nodes/{self.rename(name)}" for name in observable.path)
        return "/".join([*nodes, "observables", observable.name])

    def _counted(
        self, observable: Observable, advance: Callable[[int], object]
    ) -> Iterator[np.ndarray]:
        for piece in self.pieces(observable):
            yield piece
            advance(len(piece))

    def _dataset(self, name: str, otherwise: str) -> Any:
        """A dataset, which stays open: with it goes its cache of chunks."""
        if name not in self._datasets:
            if len(self._datasets) >= MOST_OPEN:
                self._datasets.clear()
            self._datasets[name] = self._opened(name, otherwise)
        return self._datasets[name]

    def _opened(self, name: str, otherwise: str) -> Any:
        current: Any = self.file
        for part in name.split("/"):
            if not isinstance(current, h5py.Group) or not isinstance(
                current.get(part, getlink=True), h5py.HardLink
            ):
                raise FileError(f"{self.path}: {name} is missing; {otherwise}")
            current = current[part]
        if not isinstance(current, h5py.Dataset):
            raise FileError(f"{self.path}: {name} is missing; {otherwise}")
        check_dataset(current, f"{self.path}: {name}")
        return current


def _observable(entry: dict[str, Any]) -> Observable:
    return Observable(
        entry["key"],
        tuple(entry["path"]),
        entry["observable"],
        tuple(entry["features"]),
        entry["form"],
        entry["spiking"],
    )


def entry_of(observable: Observable, node_digest: str, chunks: Sequence[str]) -> dict[str, Any]:
    """A recording in the header."""
    return {
        "key": observable.key,
        "path": list(observable.path),
        "observable": observable.name,
        "features": list(observable.features),
        "form": observable.form,
        "spiking": observable.spiking,
        "digest": node_digest,
        "chunks": list(chunks),
    }
