"""`nirx.diagnose`: from a recording back to the choices that produced it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import nir
import numpy as np

from nirx.bridging.movable import graph_of
from nirx.diagnosis.candidates import accept_choices
from nirx.diagnosis.integers.answer import diagnose_integers, holds_integers
from nirx.diagnosis.judge import judge
from nirx.diagnosis.observed import accept_array, accept_observed, check_values
from nirx.diagnosis.problem import Problem, make_variants
from nirx.diagnosis.result import Diagnosis
from nirx.dynamics.arithmetic import Arithmetic
from nirx.dynamics.discretization import Discretization
from nirx.dynamics.ops import Shape
from nirx.errors import InputError
from nirx.execution.accept import accept_inputs
from nirx.execution.assemble import dtype_name
from nirx.execution.numpy_ops import NumpyOps
from nirx.execution.whole_numbers import whole_inputs
from nirx.files.reading import file_path
from nirx.graphs.metadata import given_or_stored, resolve_discretization
from nirx.graphs.schedule import Schedule, build_schedule
from nirx.inputs.event_format import EventFormat
from nirx.recordings.load_file import refuse_format
from nirx.recordings.load_recording import Recording, load_recording

__all__ = ["diagnose"]


def diagnose(
    graph: Any,
    xs: Any,
    observed: Any,
    *,
    events: EventFormat | None = None,
    discretization: Discretization | None = None,
    dt: float | Sequence[float] | None = None,
    choices: Mapping[str, Sequence[Any]] | None = None,
    arithmetic: Any = None,
    max_shift: int = 2,
    dtype: Any = "float64",
    tolerance: float | None = None,
    source: str | None = None,
    input_shape: Any = None,
) -> Diagnosis:
    """Find the discretization under which nirx reproduces a recording.

    Each recorded node is searched by itself, driven by the recordings of the nodes before it.
    Unrecorded neurons in between are searched together with it and take the same choices.

    Arguments:
        graph: a `nir.NIRGraph`, a path, or a model of a library that nirx has a bridge for; it is
            not changed.
        xs: the input of the recording, [time, *batch, *features] or a dict {Input: array}.
        observed: {record key: array [time, *batch, *features]}, with keys as in
            `net.run(record=...)`: `"lif1"` for spikes, `"lif1.v"`, `"lif1.i"`; or the path of
            a recording, in any format of `nirx.verify`.
        events: how the events of such a file are laid out: its columns, unit of time, offset
            and addresses. None recognises the usual names.
        discretization: the starting point; what no recording depends on stays as it is there.
            None takes the graph's own, else the default.
        dt: a time step, or several to try. None keeps that of the starting point.
        choices: `{choice: values}`: tries these values only; other choices are searched in full.
        arithmetic: where to start a search of the integers of a chip: a `nirx.Arithmetic`, or
            `"search"` for a usual one. None searches them where v and i were recorded as whole
            numbers and nothing else explains these.
        max_shift: whole steps by which a node's recording may be late or early, capped below
            half the length of the recording; 0 if it is known to be on time.
        dtype: dtype of the simulation, `"float64"` or `"float32"`.
        tolerance: for v and i, relative to a trace's largest magnitude; spikes have to be
            equal. Default: 1e-6, or 1e-4 if recording or run is float32. In a recording of
            whole numbers it is at least 3/4 of a unit, capped at 1/8 of the largest magnitude.
        source, input_shape: for a model, as in `nirx.move`.

    Returns: a `Diagnosis`: per node the ranked candidates and those that the recording cannot
    tell apart; for the graph one discretization, confirmed by a free run.

    **Units**: dt shares its unit with the graph's time constants.

    **Raises**: `GraphError`, `FileError`, `InputError`, `UnsupportedError`.

    **Source**: docs/semantics.md for what is searched.
    """
    graph = graph_of(graph, source, input_shape, xs)
    kind = dtype_name(dtype)
    limits = accept_choices(choices)
    if isinstance(max_shift, bool) or not isinstance(max_shift, int) or max_shift < 0:
        raise InputError(f"max_shift={max_shift!r}; expected a whole number of steps, 0 or more")
    if tolerance is not None and not 0 <= tolerance < np.inf:
        raise InputError(f"tolerance={tolerance!r}; expected a number, 0 or more")
    given = given_or_stored(graph, discretization) is not None
    start, steps = _start(graph, discretization, dt)
    if isinstance(arithmetic, str) and arithmetic != "search":
        raise InputError(f"arithmetic={arithmetic!r}; expected a nirx.Arithmetic or 'search'")
    in_integers = arithmetic is not None or start.in_integers
    ops = NumpyOps(np.dtype("float64" if in_integers else kind))
    schedule, _ = build_schedule(graph, start)
    arrays, batch, length = accept_inputs(schedule, ops, _widened(xs, ops.dtype), time=True)
    if not all(x.size for x in arrays):
        raise InputError("nothing to diagnose: the input has no steps or an empty batch")
    inputs = {name: x for (name, _), x in zip(schedule.inputs, arrays, strict=True)}
    for name, x in inputs.items():
        check_values(f"Input {name!r}", x)
        if in_integers:
            whole_inputs({name: x})
    lead = (length, *batch)
    recording = _recording(observed, schedule, lead, steps, events)
    outputs, traces = accept_observed(schedule, recording.arrays, lead, ops.dtype, tolerance)
    variants = make_variants(graph, start, steps, limits, batch, ops)
    problem = Problem(
        graph, start, given, variants, limits, inputs, outputs, traces, max_shift, ops
    )
    found = _found(problem, batch, arithmetic)
    return replace(found, events=recording.timing, notes=recording.notes)


def _found(problem: Problem, batch: Shape, arithmetic: Any) -> Diagnosis:
    """The better of the searches in floating point and in integers, as far as both are needed."""
    own = problem.start.arithmetic
    searched = arithmetic is not None
    base = own if not searched or arithmetic == "search" else Arithmetic.of(arithmetic)
    found = None if searched else judge(problem)
    if found is not None and (found.explained or not (own or holds_integers(problem))):
        return found
    integers = diagnose_integers(problem, batch, base)
    if integers is None:
        if found is None:
            raise InputError(
                "arithmetic: the graph is not in integer units, and its recording does not tell "
                "them; make it whole with nirx.quantize"
            )
        return found
    return integers if found is None or _explains_more(integers, found) else found


def _explains_more(integers: Diagnosis, found: Diagnosis) -> bool:
    """Whether integers reproduce more, number for number, than a search within a tolerance."""
    return integers.explained or _differing(integers) < _differing(found)


def _differing(found: Diagnosis) -> int:
    return sum(own.differing for own in found.confirmed)


def _recording(
    observed: Any,
    schedule: Schedule,
    lead: Shape,
    dts: Sequence[float],
    events: EventFormat | None,
) -> Recording:
    """What was recorded, from a file or from a caller's arrays."""
    if isinstance(observed, str | os.PathLike):
        return load_recording(Path(file_path(observed)), schedule, lead, dts, events)
    refuse_format("observed", events)
    return Recording(observed)


def _start(
    graph: nir.NIRGraph, discretization: Discretization | None, dt: Any
) -> tuple[Discretization, tuple[float, ...]]:
    """Where the search starts, and the values of dt to try."""
    if dt is None:
        start = resolve_discretization(graph, discretization)
        return start, (start.dt,)
    several = tuple(dt) if isinstance(dt, Sequence | np.ndarray) else (dt,)
    if isinstance(dt, str) or not several:
        raise InputError(f"dt={dt!r}; expected a positive number, or several to try")
    steps = tuple(dict.fromkeys(Discretization(dt=own).dt for own in several))
    start = given_or_stored(graph, discretization) or Discretization(dt=steps[0])
    return replace(start, dt=start.dt if start.dt in steps else steps[0]), steps


def _widened(xs: Any, dtype: np.dtype) -> Any:
    """Inputs cast to the run's dtype if that is lossless; others are refused later."""
    if isinstance(xs, Mapping):
        return {name: _widened(x, dtype) for name, x in xs.items()}
    array = accept_array("xs", xs)
    narrower = array.dtype.kind == "f" and array.dtype.itemsize < dtype.itemsize
    return array.astype(dtype) if narrower else array
