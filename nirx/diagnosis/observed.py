"""A recording, accepted: whose it is, what it holds, and what counts as equal to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from nirx.basics.foreign_arrays import to_numpy
from nirx.basics.paths import Path
from nirx.diagnosis.candidates import is_searched
from nirx.dynamics.ops import Shape
from nirx.errors import InputError
from nirx.graphs.recording import recorded_node, resolve_record
from nirx.graphs.schedule import Schedule, ScheduledNode

__all__ = ["Observed", "Trace", "accept_observed"]

TOLERANCE = {"float64": 1e-6, "float32": 1e-4}
"""Of a trace's largest magnitude, by the narrower dtype of recording and run."""
ROUNDED = 0.75
"""What whole numbers may be off by: half a unit by rounding, and what that does to a fit."""
COARSEST = 1 / 8
"""Of the largest magnitude: whole numbers smaller than a few units would allow anything."""


@dataclass(frozen=True, eq=False)
class Trace:
    """One recording of one node.

    Arguments:
        key: as the caller names it.
        variable: `"v"`, `"i"`, or None for the node's output.
        spikes: whether it holds spikes, which are equal or not.
        values: [time, *batch, *features] in the run's dtype.
        tolerance: what its values may be off by, absolutely; 0 for spikes.
    """

    key: str
    variable: str | None
    spikes: bool
    values: np.ndarray
    tolerance: float

    @cached_property
    def largest(self) -> float:
        """The largest magnitude."""
        return float(np.abs(self.values).max(initial=0.0))

    @property
    def unit(self) -> float:
        """What a deviation is measured in: the tolerance, or rounding where that is none."""
        info = np.finfo(self.values.dtype)
        return max(self.tolerance, float(info.eps) * self.largest, float(info.tiny))

    @property
    def membrane(self) -> bool:
        """Whether it may be an affine image of a membrane potential."""
        return not self.spikes and self.variable != "i"


@dataclass(frozen=True, eq=False)
class Observed:
    """All recordings.

    Arguments:
        outputs: node -> its recorded output, which drives what comes after it.
        traces: neuron or Threshold -> its recordings, in the order of the schedule.
    """

    outputs: Mapping[Path, np.ndarray]
    traces: Mapping[Path, tuple[Trace, ...]]


def accept_observed(
    schedule: Schedule, observed: Any, lead: Shape, dtype: np.dtype, tolerance: float | None
) -> Observed:
    """A caller's recording, checked against the graph and the input.

    Arguments:
        observed: {record key: array [time, *batch, *features]}.
        lead: time and batch of the input.
        dtype: of the run.
        tolerance: of a trace's largest magnitude; None for the default.

    **Raises**: `InputError`.
    """
    if not isinstance(observed, Mapping):
        raise InputError(
            f"observed is a {type(observed).__name__}; expected {{record key: array}}, "
            'as in {"lif1": spikes, "lif1.v": trace}'
        )
    if not observed:
        raise InputError("observed is empty; expected at least one recording of a neuron")
    outputs: dict[Path, np.ndarray] = {}
    traces: dict[Path, dict[str | None, Trace]] = {}
    for probe in resolve_record(schedule, list(observed)):
        node = recorded_node(schedule, probe)
        where = f"observed[{probe.key!r}]"
        if probe.variable not in (None, "v", "i"):
            raise InputError(f"{where} is no spike train, membrane potential or current")
        values = _numbers(where, observed[probe.key], dtype)
        expected = (*lead, *node.output_shape)
        if values.shape != expected:
            raise InputError(
                f"{where} has shape {values.shape}; expected {expected}: time, batch and "
                "features of the input and the node"
            )
        spikes = probe.variable is None and bool(node.dynamics and node.dynamics.spiking)
        _check_values(where, values, spikes)
        if probe.variable is None:
            _refuse_contradiction(where, node, outputs.get(node.path), values)
            outputs[node.path] = outputs[schedule.nodes[probe.position].path] = values
        if is_searched(node.dynamics):
            allowed = 0.0 if spikes else _tolerance(observed[probe.key], values, tolerance)
            trace = Trace(str(probe.key), probe.variable, spikes, values, allowed)
            traces.setdefault(node.path, {}).setdefault(probe.variable, trace)
    if not traces:
        names = [n.name for n in schedule.nodes if is_searched(n.dynamics)]
        raise InputError(
            "observed holds no neuron's spikes, v or i, so there is nothing to diagnose; the "
            f"graph has {', '.join(map(repr, names[:8])) or 'no neuron'}"
        )
    ordered = (node.path for node in schedule.nodes if node.path in traces)
    return Observed(outputs, {path: tuple(traces[path].values()) for path in ordered})


def _numbers(where: str, value: Any, dtype: np.dtype) -> np.ndarray:
    try:
        array = to_numpy(value)
    except Exception as error:  # whatever a foreign array type raises
        raise InputError(f"{where} is a {type(value).__name__}; expected an array") from error
    if array.dtype.kind not in "biuf":
        raise InputError(f"{where} has dtype {array.dtype}; expected real numbers")
    return array.astype(dtype)


def _check_values(where: str, values: np.ndarray, spikes: bool) -> None:
    bad = ~np.isfinite(values)
    expected = "finite numbers"
    if spikes:
        bad |= (values < 0) | (values != np.floor(values))
        expected = "spikes: 0, 1, or a count"
    if bad.any():
        place = tuple(int(i) for i in np.argwhere(bad)[0])
        raise InputError(
            f"{where} is {float(values[place])!r} at {list(place)}; expected {expected}"
        )


def _refuse_contradiction(
    where: str, node: ScheduledNode, before: np.ndarray | None, values: np.ndarray
) -> None:
    if before is not None and not np.array_equal(before, values):
        raise InputError(f"{where} is the output of {node.name!r} too, but holds other values")


def _tolerance(given: Any, values: np.ndarray, tolerance: float | None) -> float:
    largest = float(np.abs(values).max(initial=0.0))
    if tolerance is not None:
        return tolerance * largest
    whole = bool((values == np.floor(values)).all())  # an integer dtype, or a chip's units
    rounded = min(ROUNDED, COARSEST * largest) if whole else 0.0
    single = "float32" in (str(values.dtype), str(getattr(given, "dtype", "")).rpartition(".")[2])
    return max(TOLERANCE["float32" if single else "float64"] * largest, rounded)
