"""What computes the recordings of a reference, in this process or in another one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import nir
import numpy as np

from nirx.dynamics.discretization import Discretization
from nirx.execution.backend import find_backend
from nirx.inputs.protocol import Source, read_samples
from nirx.inputs.reopening import Reopening

__all__ = ["Job", "Work", "compute", "forget"]

Run = Callable[[dict[str, np.ndarray], Any], tuple[list[np.ndarray], dict[str, Any]]]
"""Inputs and state -> recordings, and the state after them."""


@dataclass(frozen=True)
class Work:
    """A network and what is recorded of it.

    Arguments:
        keys: of the recordings, in order.
        given: which recordings are inputs as they are given, by their number: a graph in
            integers shifts them left by `input_shift` before it records them.
    """

    graph: nir.NIRGraph
    discretization: Discretization
    backend: str
    dtype: str
    keys: tuple[Any, ...]
    given: Mapping[int, str]

    def prepare(self) -> Run:
        """Build the network."""
        backend = find_backend(self.backend)
        network = backend.prepare(self.graph, self.discretization, self.dtype, reproducible=True)

        def run(
            inputs: dict[str, np.ndarray], state: Any
        ) -> tuple[list[np.ndarray], dict[str, Any]]:
            _, state, found = network(inputs, state, list(self.keys))
            arrays = [np.asarray(found[key]) for key in self.keys]
            for number, name in self.given.items():
                arrays[number] = inputs[name]
            return arrays, state

        return run


@dataclass(frozen=True, eq=False)
class Job:
    """What a process needs to compute any piece of a reference.

    Arguments:
        token: equal jobs have equal ones, so that a process prepares the same job once.
        source: the input or how it is opened; None if its values come with each piece.
    """

    token: str
    work: Work
    source: Source | Reopening | None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Job) and other.token == self.token

    def __hash__(self) -> int:
        return hash(self.token)


def compute(
    job: Job,
    samples: tuple[int, int],
    steps: tuple[int, int],
    state: Any,
    inputs: dict[str, np.ndarray] | None,
) -> tuple[list[np.ndarray], dict[str, Any]]:
    """Some steps of some samples.

    Arguments:
        samples, steps: the first one, and the one after the last.
        state: of these samples, before these steps.
        inputs: if the job has no source.

    Returns: the recordings `[time, samples, *features]`, and the state after them.
    """
    run, source = _ready(job)
    if inputs is None:
        assert source is not None, "a job without a source sends the inputs along"
        inputs = read_samples(source, steps, samples)
    return run(inputs, state)


def forget() -> None:
    """Let go of the job that this process has prepared."""
    _ready.cache_clear()


@lru_cache(maxsize=1)
def _ready(job: Job) -> tuple[Run, Source | None]:
    source = job.source.open() if isinstance(job.source, Reopening) else job.source
    return job.work.prepare(), source
