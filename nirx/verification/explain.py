"""Why a recording departs: `nirx.diagnose` on its first steps."""

from __future__ import annotations

import warnings

import numpy as np

from nirx.diagnosis.diagnose import diagnose
from nirx.errors import InputError, NirxWarning
from nirx.recordings.other import Other
from nirx.recordings.subject import Subject
from nirx.references.layout import Observable

__all__ = ["explain"]

PORTS = ("Input", "Output")
LEAST, AFTER = 1000, 200
"""Steps that are searched: at least so many, and so many after the first divergence."""


def explain(
    subject: Subject, other: Other, shared: list[Observable], steps: int, samples: int, first: int
) -> tuple[str, ...]:
    """Sentences of a diagnosis, or one that says why there is none.

    Arguments:
        shared: recordings that both have.
        steps, samples: that were compared.
        first: step of the first divergence.
    """
    steps = min(steps, max(LEAST, first + AFTER))
    whole = samples == subject.file.samples
    inputs = subject.inputs(0, steps)
    if not whole:
        inputs = {name: x[:, :samples] for name, x in inputs.items()}
    # An Output repeats what its source puts out; the source itself says it.
    observed = {
        subject.record_key(o): _recorded(subject, other, o, steps, samples)
        for o in shared
        if subject.schedule.nodes[subject.schedule.positions[o.path]].type_name not in PORTS
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NirxWarning)  # of the graph, as for the reference
        try:
            found = diagnose(
                subject.file.graph,
                inputs,
                observed,
                discretization=subject.file.discretization,
                dtype=subject.file.dtype,
            )
        except InputError as error:
            return (f"no diagnosis: {error}",)
    return tuple(found.explain().split("\n"))


def _recorded(
    subject: Subject, other: Other, observable: Observable, steps: int, samples: int
) -> np.ndarray:
    found = other.tracks[observable.key].read(0, steps)[:, :samples]
    return found.reshape(steps, *subject.shape(observable, samples)).astype(subject.dtype)
