"""The recordings in a reference file, and how each one is stored."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from nirx.basics.paths import Path, format_path
from nirx.dynamics.discretization import Discretization
from nirx.dynamics.ops import Shape
from nirx.errors import InputError
from nirx.graphs.recording import Probe, resolve_record
from nirx.graphs.schedule import Schedule

__all__ = [
    "FORMS",
    "GRAPH",
    "HEADER",
    "Form",
    "Observable",
    "Run",
    "by_sample",
    "observables",
    "variable_of",
]

HEADER, GRAPH = "nirx/header", "nirx/graph"
"""Where the header and the `.nir` file of the graph are."""

Form = Literal["bool", "values", "events"]
FORMS = ("dense", "events")
"""How spikes are stored: as an array over time, or as a list of events."""

INPUT, SPIKES, OUTPUT = "input", "spikes", "output"
"""Names of observables; state variables have their own names (v, i)."""


@dataclass(frozen=True)
class Run:
    """What all recordings of a file share.

    Arguments:
        steps: length of the run.
        samples: number of elements of the batch, whose axes are flattened.
        dt: length of a step.
        dtype: of values; int64 where the graph computes in integers.

    **Units**: dt and all times in the unit of the graph's time constants.
    """

    steps: int
    samples: int
    dt: float
    dtype: str


def by_sample(piece: np.ndarray, samples: int, neurons: int) -> np.ndarray:
    """`[time, *batch, *features]` as NIR has it: `[samples, time, neurons]`."""
    return piece.reshape(len(piece), samples, neurons).swapaxes(0, 1)


def variable_of(name: str) -> str | None:
    """The state variable of that name; None for a node's output."""
    return None if name in (INPUT, SPIKES, OUTPUT) else name


@dataclass(frozen=True)
class Observable:
    """One recording in a reference file.

    Arguments:
        key: as in `net.run(record=...)`.
        path: of the node.
        name: `"input"` of the graph's own Inputs, `"spikes"`, `"output"` of other nodes, or
            a state variable.
        features: shape of one sample in one step; stored flat, `[samples, time, neurons]`.
        form: `"bool"` (0 and 1), `"values"`, or `"events"`.
        spiking: whether it holds spikes or spike counts, which must match exactly.
    """

    key: str
    path: Path
    name: str
    features: Shape
    form: Form
    spiking: bool

    @property
    def variable(self) -> str | None:
        """The state variable; None for the node's output (or input)."""
        return variable_of(self.name)

    @property
    def probe(self) -> tuple[str, ...]:
        """A key of `net.run(record=...)` that is unambiguous for all names of nodes."""
        return self.path if self.variable is None else (*self.path, self.variable)

    @property
    def neurons(self) -> int:
        """Number of values per sample and step."""
        return math.prod(self.features)  # of a file, it may be beyond 64 bits


def observables(schedule: Schedule, record: Any, spikes: str = "dense") -> list[Observable]:
    """The recordings, in the order of the schedule; the Inputs are always among them.

    Arguments:
        record: as in `net.run`, or `"outputs"` for the graph's Outputs alone.
        spikes: how spikes are stored, `"dense"` or `"events"`.

    **Raises**: `InputError` for a key that names nothing.
    """
    if spikes not in FORMS:
        raise InputError(f"spikes={spikes!r}; expected one of {', '.join(map(repr, FORMS))}")
    if isinstance(record, str) and record == "outputs":
        record = [schedule.nodes[position].path for _, position in schedule.outputs]
    inputs = [Probe(schedule.nodes[p].name, p, None) for _, p in schedule.inputs]
    probes = {(p.position, p.variable): p for p in (*inputs, *resolve_record(schedule, record))}
    order = sorted(probes, key=lambda k: (k[0], k[1] is not None, k[1] or ""))
    found = [_observable(schedule, position, name, spikes) for position, name in order]
    names = [o.key for o in found]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"two recordings are called {twice!r}; rename the node")
    return found


def _observable(schedule: Schedule, position: int, variable: str | None, spikes: str) -> Observable:
    node = schedule.nodes[position]
    assert node.dynamics is not None, "only nodes that nirx runs are recorded"
    key = format_path(node.path)
    if variable is not None:
        features = node.dynamics.state_shapes()[variable]
        return Observable(f"{key}.{variable}", node.path, variable, features, "values", False)
    if position in [p for _, p in schedule.inputs]:
        return Observable(key, node.path, INPUT, node.output_shape, "values", False)
    if not node.dynamics.spiking:
        return Observable(key, node.path, OUTPUT, node.output_shape, "values", False)
    form: Form = "events" if spikes == "events" else "bool"
    if _counts(schedule.discretization, node.path):
        form = "values"
    return Observable(key, node.path, SPIKES, node.output_shape, form, True)


def _counts(discretization: Discretization, path: Path) -> bool:
    """Whether a step can hold several spikes of one neuron."""
    return discretization.at(path).spikes == "multi"
