"""`nirx.verify`: does a chip, or another backend, do what the reference says?"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from nirx.comparison import plotting
from nirx.errors import FileError, InputError, warn_caller
from nirx.files.archive import check_target, write_whole
from nirx.files.hdf5_heap import refuse_endless_heaps
from nirx.files.reading import file_path
from nirx.recordings.other import Other, extent, of_arrays
from nirx.recordings.other_backend import of_backend
from nirx.recordings.other_files import of_file
from nirx.recordings.subject import Subject, open_subject
from nirx.references.damage import damage_as_file_error
from nirx.references.layout import Observable
from nirx.references.reading import ReferenceFile
from nirx.verification.explain import explain
from nirx.verification.judge import Judge, SpikeJudge, ValueJudge
from nirx.verification.origins import earliest, with_origins
from nirx.verification.picture import draw
from nirx.verification.result import NodeVerdict, Verdict, Verification
from nirx.verification.tolerance import make_tolerance

__all__ = ["open_reference", "verify"]

Advance = Callable[[str, int], object]


def verify(
    ref: Any,
    observed: Any = None,
    *,
    backend: str | None = None,
    jitter: int = 0,
    rate: float = 0.0,
    lsb: float | Mapping[Any, float] | None = None,
    membrane: float = 0.0,
    partial: bool = False,
    why: bool = False,
    plot: str | os.PathLike[str] | None = None,
    advance: Advance = lambda what, steps: None,
) -> Verification:
    """Compare a recording with a reference, or run a backend against it.

    Both sides are read chunk by chunk: memory does not grow with the number of steps (an
    `.npz` or `.csv` file is loaded whole). Numbers are compared in the reference's dtype. A
    file of `nirx.reference` on either side is refused if its content does not match its
    digests. Recordings that only the reference has are listed as not observed.

    Arguments:
        ref: path of a reference file, or an open `ReferenceFile`.
        observed: a recording: the path of an HDF5 file (a reference, NIRData, or datasets
            whose paths are record keys), `.npz` or `.csv`, or a dict {record key: array
            [time, *batch, *features]}.
        backend: instead of `observed`: run the reference's graph on its own input, on this
            backend, in reproducible mode.
        jitter: steps that a single spike may be early or late; spikes of one neuron and sample
            are matched one to one. A spike without a partner that lies within so many steps of
            the first or last step is not counted: its partner may lie outside. (All spikes
            count where that would be half of the steps or more, and in a node of which no
            other spike is expected.)
        rate: relative error of the number of spikes, of every neuron in every sample, with
            which a node passes even if single spikes differ; below 1.
        lsb: size of one LSB of values (v, i, outputs without spikes), one for all, or by key
            (the key None stands for all that are not named).
        membrane: how many LSB a value may be off; values whose LSB is not given have to be
            equal.
        partial: compare the first steps and samples that both have; otherwise another number
            of them is an error.
        why: if it fails, let `nirx.diagnose` explain it from the first steps.
        plot: a file (.png, .pdf, .svg) for a picture of the first divergence.
        advance: called with what is going on and a number of steps, as the work goes on.

    Returns: a `Verification`: `agree`, `verdict`, `nodes`, `first_divergence`; prints as a
    table.

    **Units**: jitter in steps; lsb in the unit of the value; dt of a recording in that of the
    reference.

    **Raises**: `FileError` for a file that is damaged or was changed, `InputError` for a
    recording that does not fit the reference, `UnsupportedError` for a backend that cannot
    run the graph.
    """
    if (observed is None) == (backend is None):
        given = "neither a recording nor" if backend is None else "both a recording and"
        raise InputError(f"{given} a backend (--backend) given; expected one of the two")
    if plot is not None:
        plot = Path(file_path(plot))
        check_target(plot, "plot")
        plotting.check_format(plot.suffix)
    with ExitStack() as stack:
        file = ref if isinstance(ref, ReferenceFile) else stack.enter_context(open_reference(ref))
        make_tolerance(jitter, rate, lsb, membrane, file.keys)  # before any work
        subject = open_subject(file, lambda steps: advance("digests", steps))
        spikes = [o.key for o in file.observables if subject.spiking(o)]
        values = [key for key in file.keys if key not in spikes]
        tolerance = make_tolerance(jitter, rate, lsb, membrane, values, spikes)
        other = _other(subject, observed, backend, lambda steps: advance("digests", steps))
        stack.callback(other.close)
        shared = _shared(subject, other)
        steps, samples = extent(subject, other, partial)
        judges: list[Judge] = [
            (SpikeJudge if o.key in spikes else ValueJudge)(
                o.key, subject.shape(o, samples), subject.dtype, tolerance, steps
            )
            for o in shared
        ]
        _compare(subject, other, shared, judges, steps, samples, advance)
        verdicts = [judge.verdict() for judge in judges]
        nodes = with_origins(subject, verdicts, shared, [judge.differs_from for judge in judges])
        first = earliest(nodes)
        found = Verification(
            _worst(nodes),
            tuple(nodes),
            first,
            steps,
            samples,
            _is_partial(subject, other, steps, samples),
            tolerance,
            file.digest,
            str(file.path),
            other.name,
            tuple(k for k in file.keys if k not in other.tracks and k not in other.given),
            explain(subject, other, shared, steps, samples, first.step) if why and first else (),
            other.notes,
            len(subject.shape(shared[0], samples)) - len(shared[0].features),
        )
        if plot is not None:
            picture = draw(subject, other, shared, found, plot.suffix)
            write_whole(plot, lambda stream: stream.write(picture))
    return found


def open_reference(ref: Any) -> ReferenceFile:
    """Open a reference that nobody vouches for. **Raises** `FileError`."""
    path = file_path(ref)
    if not os.path.isfile(path):
        raise FileError(f"{path}: " + ("not a file" if os.path.exists(path) else "no such file"))
    with damage_as_file_error(path):
        refuse_endless_heaps(path)
        return ReferenceFile(path)


def _other(
    subject: Subject, observed: Any, backend: str | None, advance: Callable[[int], object]
) -> Other:
    if backend is not None:
        return of_backend(subject, backend)
    if isinstance(observed, str | os.PathLike):
        return of_file(subject, Path(file_path(observed)), advance)
    return of_arrays(subject, observed, "observed")


def _shared(subject: Subject, other: Other) -> list[Observable]:
    shared = [o for o in subject.file.observables if o.key in other.tracks]
    if not shared:
        names = ", ".join(map(repr, other.extra[:8])) or "nothing"
        wanted = ", ".join(map(repr, subject.file.keys[:8]))
        raise InputError(
            f"{other.name}: nothing to compare: it holds {names}, the reference {wanted}"
        )
    if other.extra:
        names = ", ".join(map(repr, other.extra[:8]))
        more = f" and {len(other.extra) - 8} more" if len(other.extra) > 8 else ""
        warn_caller(f"{other.name}: {names}{more} is not in the reference and is ignored")
    return shared


def _compare(
    subject: Subject,
    other: Other,
    shared: list[Observable],
    judges: list[Judge],
    steps: int,
    samples: int,
    advance: Advance,
) -> None:
    length = subject.file.chunk
    for start in range(0, steps, length):
        stop = min(steps, start + length)
        for observable, judge in zip(shared, judges, strict=True):
            wanted = subject.read(observable, start, stop)[:, :samples]
            found = other.tracks[observable.key].read(start, stop)[:, :samples]
            judge.take(start, _flat(wanted, subject.dtype), _flat(found, subject.dtype))
        advance("comparing", stop - start)


def _flat(array: np.ndarray, dtype: np.dtype) -> np.ndarray:
    with np.errstate(over="ignore", invalid="ignore"):  # beyond float32 is infinity
        return array.reshape(len(array), -1).astype(dtype)


def _is_partial(subject: Subject, other: Other, steps: int, samples: int) -> bool:
    extents = {(subject.file.steps, subject.file.samples)}
    extents |= {(track.steps, track.samples) for track in other.tracks.values()}
    return extents != {(steps, samples)}


def _worst(nodes: list[NodeVerdict]) -> Verdict:
    order: tuple[Verdict, ...] = ("exact", "within tolerance", "fails")
    return max((node.verdict for node in nodes), key=lambda own: order.index(own))
