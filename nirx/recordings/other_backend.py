"""A backend as a recording: it runs the reference's graph on the reference's input."""

from __future__ import annotations

from typing import Any

import numpy as np

from nirx.errors import InputError
from nirx.execution.backend import find_backend
from nirx.recordings.other import Other, Track
from nirx.recordings.subject import Subject
from nirx.references.layout import Observable

__all__ = ["of_backend"]


def of_backend(subject: Subject, backend: str) -> Other:
    """What a backend computes in reproducible mode, chunk by chunk.

    The graph's Inputs are left out: they are given, not computed.

    **Raises**: `InputError` for an unknown backend, `UnsupportedError` for one that cannot.
    """
    run = _Run(subject, backend)
    ports = {subject.schedule.nodes[position].path for _, position in subject.schedule.inputs}
    file = subject.file
    tracks = {
        o.key: Track(file.steps, file.samples, lambda start, stop, o=o: run.read(o, start, stop))
        for o in file.observables
        if o.path not in ports
    }
    given = tuple(o.key for o in file.observables if o.path in ports)
    return Other(f"backend {backend}", tracks, given=given)


class _Run:
    """Goes forward in time; what lies behind is computed from the start again."""

    def __init__(self, subject: Subject, backend: str):
        self._subject, self._name = subject, backend
        self._prepared = find_backend(backend).prepare(
            subject.file.graph,
            subject.file.discretization,
            subject.file.dtype,
            reproducible=True,
        )
        self._keys = [o.probe for o in subject.file.observables]
        self._span, self._state, self._found = (0, 0), None, {}

    def read(self, observable: Observable, start: int, stop: int) -> np.ndarray:
        if (start, stop) != self._span or not self._found:
            self._go(start, stop)
        key = observable.probe
        found = np.asarray(self._found[key])
        expected = (stop - start, *self._subject.file.batch, *observable.features)
        if found.shape != expected:
            raise InputError(
                f"backend {self._name!r} gave {observable.key!r} in shape {found.shape}; "
                f"expected {expected}"
            )
        return found.reshape(stop - start, self._subject.file.samples, observable.neurons)

    def _go(self, start: int, stop: int) -> None:
        here = self._span[1]
        if start < here:
            here, self._state = 0, None
        while here < start:
            there = min(start, here + self._subject.file.chunk)
            self._advance(here, there, [])
            here = there
        self._found = self._advance(start, stop, self._keys)
        self._span = (start, stop)

    def _advance(self, start: int, stop: int, keys: list[Any]) -> dict[Any, Any]:
        inputs = self._subject.inputs(start, stop)
        _, self._state, found = self._prepared(inputs, self._state, keys)
        return dict(found)
