"""A backend that runs the reference's graph on the reference's input, as an `ObservedRun`."""

from __future__ import annotations

from typing import Any

import numpy as np

from nirx.errors import InputError
from nirx.execution.backend import find_backend
from nirx.recordings.observed_run import ObservedRun, Track
from nirx.recordings.open_reference import OpenReference
from nirx.references.layout import Observable

__all__ = ["stream_backend"]


def stream_backend(reference: OpenReference, backend: str) -> ObservedRun:
    """What a backend computes in reproducible mode, chunk by chunk.

    The graph's Inputs are left out, since the backend does not compute them.

    **Raises**: `InputError` for an unknown backend, `UnsupportedError` for one that cannot run
    the graph.
    """
    run = _Run(reference, backend)
    ports = {reference.schedule.nodes[position].path for _, position in reference.schedule.inputs}
    tracks = {
        o.key: Track(
            reference.steps, reference.samples, lambda start, stop, o=o: run.read(o, start, stop)
        )
        for o in reference.observables
        if o.path not in ports
    }
    given = tuple(o.key for o in reference.observables if o.path in ports)
    return ObservedRun(f"backend {backend}", tracks, given=given)


class _Run:
    """Runs forward in time; to read an earlier step, it starts again from step 0."""

    def __init__(self, reference: OpenReference, backend: str):
        self._reference, self._name = reference, backend
        file = reference.file
        self._prepared = find_backend(backend).prepare(
            file.graph, file.discretization, file.dtype, reproducible=True
        )
        self._keys = [o.probe for o in reference.observables]
        self._span, self._state, self._found = (0, 0), None, {}

    def read(self, observable: Observable, start: int, stop: int) -> np.ndarray:
        if (start, stop) != self._span or not self._found:
            self._run(start, stop)
        found = np.asarray(self._found[observable.probe])
        expected = (stop - start, *self._reference.batch, *observable.features)
        if found.shape != expected:
            raise InputError(
                f"backend {self._name!r} returned {observable.key!r} in shape {found.shape}; "
                f"expected {expected}"
            )
        return found.reshape(stop - start, self._reference.samples, observable.neurons)

    def _run(self, start: int, stop: int) -> None:
        here = self._span[1]
        if start < here:
            here, self._state = 0, None
        while here < start:
            there = min(start, here + self._reference.file.chunk)
            self._advance(here, there, [])
            here = there
        self._found = self._advance(start, stop, self._keys)
        self._span = (start, stop)

    def _advance(self, start: int, stop: int, keys: list[Any]) -> dict[Any, Any]:
        inputs = self._reference.inputs(start, stop)
        _, self._state, found = self._prepared(inputs, self._state, keys)
        return dict(found)
