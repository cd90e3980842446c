"""A backend, graph or model that runs on the reference's input, as an `ObservedRun`."""

from __future__ import annotations

import os
from typing import Any

import nir
import numpy as np

from nirx.bridging.movable import Movable, is_graph, open_model
from nirx.dynamics.discretization import Discretization
from nirx.errors import InputError
from nirx.execution.backend import find_backend
from nirx.files.reading import read
from nirx.graphs.metadata import stored_discretization
from nirx.graphs.recording import resolve_record
from nirx.graphs.schedule import Schedule, build_schedule
from nirx.moving.runs import source_run
from nirx.recordings.observed_run import ObservedRun, Track, stream_arrays
from nirx.recordings.open_reference import OpenReference
from nirx.references.layout import Observable

__all__ = ["stream_backend"]

EXACT = "numpy"
"""What runs a graph of its own; in reproducible mode all backends compute the same bits."""


def stream_backend(
    reference: OpenReference, backend: Any, source: str | None = None, input_shape: Any = None
) -> ObservedRun:
    """What a backend, graph or model computes, chunk by chunk.

    The graph's Inputs are left out, since what runs does not compute them.

    Arguments:
        backend: the name of a backend, which runs the reference's graph; a `nir.NIRGraph` or the
            path of a `.nir` file, which nirx runs with its own discretization or, without one,
            that of the reference; or a model, which its own library runs (all steps at once).
        source, input_shape: for a model, as in `nirx.move`.

    **Raises**: `InputError` for an unknown backend, or a graph or model that does not take the
    reference's input; `UnsupportedError` for a backend that cannot run the graph.
    """
    file = reference.file
    if isinstance(backend, str) and not _is_file(backend):
        run = _Run(reference, backend, backend, file.graph, file.discretization)
        return _stream(reference, run, reference.observables, f"backend {backend}")
    is_path = isinstance(backend, str | os.PathLike)
    model = read(backend, limits=file.limits) if is_path else backend
    own = open_model(model, source, _sample_shape(reference, backend, input_shape))
    chosen = stored_discretization(own.graph) or file.discretization
    schedule, _ = build_schedule(own.graph, chosen)
    if own.bridge is not None:
        return _model_run(reference, own, schedule)
    name = f"graph {os.fspath(backend)}" if is_path else "the graph"
    found = [o for o in reference.observables if _has(schedule, o)]
    run = _Run(reference, name, EXACT, own.graph, chosen)
    return _stream(reference, run, found, name)


def _is_file(text: str) -> bool:
    return text.endswith(".nir") or (os.sep in text and os.path.isfile(text))


def _sample_shape(reference: OpenReference, model: Any, given: Any) -> Any:
    """As given, else that of the reference's only Input."""
    ports = reference.schedule.inputs
    if given is not None or isinstance(model, Movable) or is_graph(model) or len(ports) != 1:
        return given
    return reference.schedule.nodes[ports[0][1]].input_shape


def _has(schedule: Schedule, observable: Observable) -> bool:
    try:
        resolve_record(schedule, [observable.probe])
    except InputError:
        return False
    return True


def _stream(reference: OpenReference, run: _Run, observables: Any, name: str) -> ObservedRun:
    ports = {reference.schedule.nodes[position].path for _, position in reference.schedule.inputs}
    run.keys = [o.probe for o in observables]
    tracks = {
        o.key: Track(
            reference.steps, reference.samples, lambda start, stop, o=o: run.read(o, start, stop)
        )
        for o in observables
        if o.path not in ports
    }
    given = tuple(o.key for o in observables if o.path in ports)
    return ObservedRun(name, tracks, given=given)


def _model_run(reference: OpenReference, own: Movable, schedule: Schedule) -> ObservedRun:
    """The outputs of a model's layers, as its library runs it."""
    bridge, file = own.bridge, reference.file
    assert bridge is not None, "a model has a bridge"
    dtype = file.run_dtype if file.run_dtype in bridge.dtypes else bridge.dtypes[0]
    inputs = reference.inputs(0, reference.steps)
    samples = {
        name: x.reshape(len(x), reference.samples, *x.shape[1 + len(reference.batch) :])
        for name, x in inputs.items()
    }
    _, _, found = source_run(bridge, own.model, schedule, dtype)(samples)
    names = {place.name for place in reference.schedule.nodes if place.type_name != "Input"}
    rows = {
        name: np.asarray(x).reshape(len(x), *reference.batch, *np.shape(x)[2:])
        for name, x in found.items()
        if name in names
    }
    run = stream_arrays(reference, rows, f"model of {bridge.name}")
    keys = [o.key for o in reference.observables]
    ports = {name for name, _ in reference.schedule.inputs}
    given = tuple(key for key in keys if key in ports)
    return ObservedRun(run.name, run.tracks, given=given)


class _Run:
    """Runs forward in time; to read an earlier step, it starts again from step 0."""

    def __init__(
        self,
        reference: OpenReference,
        name: str,
        backend: str,
        graph: nir.NIRGraph,
        discretization: Discretization,
    ):
        self._reference, self._name = reference, name
        self._prepared = find_backend(backend).prepare(
            graph, discretization, reference.file.run_dtype, reproducible=True
        )
        self.keys: list[Any] = []
        self._span, self._state, self._found = (0, 0), None, {}

    def read(self, observable: Observable, start: int, stop: int) -> np.ndarray:
        if (start, stop) != self._span or not self._found:
            self._run(start, stop)
        found = np.asarray(self._found[observable.probe])
        expected = (stop - start, *self._reference.batch, *observable.features)
        if found.shape != expected:
            raise InputError(
                f"{self._name} returned {observable.key!r} in shape {found.shape}; "
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
        self._found = self._advance(start, stop, self.keys)
        self._span = (start, stop)

    def _advance(self, start: int, stop: int, keys: list[Any]) -> dict[Any, Any]:
        inputs = self._reference.inputs(start, stop)
        _, self._state, found = self._prepared(inputs, self._state, keys)
        return dict(found)
