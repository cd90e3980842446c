"""`nirx.verify`: does a chip, or another backend, compute what the reference says?"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from nirx.basics.paths import Path as NodePath
from nirx.comparison.silence import Silence, find_silence
from nirx.drawing import figure
from nirx.errors import InputError, warn_caller
from nirx.files.hdf5_heap import refuse_endless
from nirx.files.limits import ReadLimits
from nirx.files.reading import file_path
from nirx.files.source import require_file
from nirx.files.target import check_target
from nirx.files.whole_file import write_whole
from nirx.graphs.recording import Probe
from nirx.inputs.event_format import EventFormat
from nirx.recordings.load_file import refuse_format
from nirx.recordings.observed_run import ObservedRun, stream_arrays
from nirx.recordings.open_reference import OpenReference, check_reference
from nirx.recordings.stream_backend import stream_backend
from nirx.recordings.stream_file import stream_file
from nirx.references.damage import damage_as_file_error
from nirx.references.reading import ReferenceFile
from nirx.verification.explain import explain
from nirx.verification.judge import Judge, SpikeJudge, ValueJudge
from nirx.verification.pair import Pair, make_pair
from nirx.verification.picture import draw, page_of
from nirx.verification.result import NodeVerdict, Verification
from nirx.verification.tolerance import make_tolerance
from nirx.viewing.page import check_page

__all__ = ["open_reference", "verify"]

Advance = Callable[[str, int], object]


def verify(
    ref: Any,
    observed: Any = None,
    *,
    backend: Any = None,
    events: EventFormat | None = None,
    source: str | None = None,
    input_shape: Any = None,
    jitter: int = 0,
    rate: float = 0.0,
    lsb: float | Mapping[Any, float] | None = None,
    membrane: float = 0.0,
    partial: bool = False,
    why: bool = False,
    plot: str | os.PathLike[str] | None = None,
    html: str | os.PathLike[str] | None = None,
    advance: Advance = lambda what, steps: None,
) -> Verification:
    """Compare a recording with a reference, or run a backend against it.

    Both sides are read chunk by chunk: memory does not grow with the number of steps (an
    `.npz`, `.csv` or `.aedat4` file and groups of events are loaded whole). Numbers are compared
    in the reference's dtype. A file of `nirx.reference` on either side is refused if its content
    does not match its digests. Recordings that only the reference has are listed as not observed.

    Arguments:
        ref: path of a reference file, or an open `ReferenceFile`.
        observed: a recording: the path of an HDF5 file (a reference, NIRData, or datasets
            or groups of events whose paths are record keys), `.npz`, `.csv` or `.aedat4`, or a
            dict {record key: array [time, *batch, *features]}.
        backend: instead of `observed`: what runs on the reference's input. The name of a
            backend runs the reference's graph in reproducible mode. A `nir.NIRGraph`, or the path
            of a `.nir` file, is run by nirx with its own discretization (without one, that of
            the reference). A model is run by its own library, all steps at once.
        events: how the events of a file are laid out: its columns, unit of time, offset and
            addresses. None recognises the usual names.
        source, input_shape: for a model as the backend, as in `nirx.move`.
        jitter: steps that a single spike may be early or late, at most the length of the
            recording; spikes of one neuron and sample
            are matched one to one. A spike without a partner that lies within this many steps
            of the first or last step is not counted, since its partner may lie outside. (All
            spikes count where that would be half of the steps or more, and in a node of which
            no other spike is expected and none was recorded.)
        rate: relative error of the spike count of every neuron in every sample with which a
            node passes even if single spikes differ; below 1.
        lsb: size of one LSB of values (v, i, outputs without spikes), one for all, or by key
            (the key None stands for all others).
        membrane: how many LSB a value may be off; values without a size of an LSB must be equal.
            In a reference in integers, an LSB is one unit.
        partial: compare the first steps and samples that both have; without it, a different
            number of them is an error.
        why: if it fails, let `nirx.diagnose` explain it from the first steps.
        plot: a file (.png, .pdf, .svg) for a picture of the first divergence.
        html: a file for one page with everything to look at, as `nirx.view` writes it.
        advance: called with the current stage and a number of steps, as the work proceeds.

    Returns: a `Verification`: `agree`, `verdict`, `nodes`, `first_divergence`, `silent`,
    `nothing_compared`; prints as a table. Layers that spike on neither side are named by a
    `NirxWarning`.

    **Raises**: `FileError` for a file that is damaged or was changed, `InputError` for a
    recording that does not match the reference, `UnsupportedError` for a backend that cannot
    run the graph.

    **Units**: jitter in steps; lsb in the unit of the value; dt of a recording in that of the
    reference.
    """
    if (observed is None) == (backend is None):
        given = "neither a recording nor" if backend is None else "both a recording and"
        raise InputError(f"{given} a backend (--backend) given; expected one of the two")
    if plot is not None:
        plot = Path(file_path(plot))
        check_target(plot, "plot", ref, observed)
        figure.check_format(plot.suffix)
    if html is not None:
        html = Path(file_path(html))
        check_target(html, "html", ref, observed)
        check_page()
    with ExitStack() as stack:
        file = ref if isinstance(ref, ReferenceFile) else stack.enter_context(open_reference(ref))
        tolerance = make_tolerance(jitter, rate, lsb, membrane, file.keys, file.whole)
        tolerance.refuse_long_jitter(file.steps)
        reference = check_reference(file, lambda steps: advance("digests", steps))
        spikes = [o.key for o in reference.observables if reference.spiking(o)]
        tolerance.refuse_spikes(spikes)
        if backend is not None:
            refuse_format("a backend", events)
            run = stream_backend(reference, backend, source, input_shape)
        else:
            run = _observe(reference, observed, lambda steps: advance("digests", steps), events)
        stack.callback(run.close)
        pair = make_pair(reference, run, partial)
        judges: list[Judge] = [
            (SpikeJudge if o.key in spikes else ValueJudge)(
                o.key, pair.shape(o), reference.dtype, tolerance, pair.steps
            )
            for o in pair.shared
        ]
        _compare(pair, judges, advance)
        found = Verification(
            _verdicts(pair, judges),
            pair.steps,
            pair.samples,
            pair.partial,
            tolerance,
            file.digest,
            str(file.path),
            run.name,
            pair.not_observed,
            notes=(*(run.timing.sentences() if run.timing else ()), *run.notes),
            events=run.timing,
            batch_axes=len(pair.shape(pair.shared[0])) - len(pair.shared[0].features),
            silence=_silence(pair, judges),
        )
        first = found.first_divergence
        if why and first is not None:
            found = replace(found, why=explain(pair, first.step))
        if plot is not None:
            picture = draw(pair, found, plot.suffix)
            write_whole(plot, picture)
        if html is not None:
            write_whole(html, page_of(pair, found))
    if said := found.silence.text():
        warn_caller(said)
    return found


def open_reference(ref: Any, limits: ReadLimits | None = None) -> ReferenceFile:
    """Open an untrusted reference file.

    Arguments:
        limits: what its graph, and one that is run against it, may cost to read.

    **Raises**: `FileError`.
    """
    path = file_path(ref)
    require_file(path)
    with damage_as_file_error(path):
        refuse_endless(path)
        return ReferenceFile(path, limits)


def _observe(
    reference: OpenReference,
    observed: Any,
    advance: Callable[[int], object],
    events: EventFormat | None,
) -> ObservedRun:
    if isinstance(observed, str | os.PathLike):
        return stream_file(reference, Path(file_path(observed)), advance, events)
    refuse_format("observed", events)
    return stream_arrays(reference, observed, "observed")


def _compare(pair: Pair, judges: list[Judge], advance: Advance) -> None:
    length = pair.reference.file.chunk
    for start in range(0, pair.steps, length):
        stop = min(pair.steps, start + length)
        for observable, judge in zip(pair.shared, judges, strict=True):
            sides = (read(observable, start, stop) for read in (pair.expected, pair.recorded))
            judge.take(start, *(side.reshape(stop - start, -1) for side in sides))
        advance("comparing", stop - start)


def _silence(pair: Pair, judges: list[Judge]) -> Silence:
    schedule = pair.reference.schedule
    probes = (Probe(o.key, schedule.positions[o.path], o.variable) for o in pair.shared)
    seen = zip(probes, (judge.active for judge in judges), strict=True)
    return find_silence(pair.reference.file.graph, schedule, seen)


def _verdicts(pair: Pair, judges: list[Judge]) -> tuple[NodeVerdict, ...]:
    """All verdicts; failures that an earlier one can have caused say so in `follows`.

    A fault reaches other nodes only through its node's output. A node whose observed output is
    equal up to that step has caused nothing elsewhere, whatever its states do.
    """
    nodes = [judge.verdict() for judge in judges]
    outputs = {
        o.path: judge.differs_from
        for o, judge in zip(pair.shared, judges, strict=True)
        if o.variable is None
    }
    failed = [
        (node.first_divergence.step, place)
        for place, node in enumerate(nodes)
        if node.first_divergence is not None
    ]
    origins: list[tuple[str, NodePath]] = []
    for step, place in sorted(failed):
        silent = {p for p, first in outputs.items() if first is None or first > step}
        path = pair.shared[place].path
        causes = (k for k, origin in origins if path in pair.reference.downstream(origin, silent))
        cause = next(causes, None)
        if cause is None:
            origins.append((nodes[place].key, path))
        else:
            nodes[place] = replace(nodes[place], follows=cause)
    return tuple(nodes)
