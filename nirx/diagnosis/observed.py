"""What was recorded: checks of a caller's arrays, and how far a simulation may deviate."""

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
from nirx.graphs.schedule import Schedule

__all__ = ["Trace", "Traces", "accept_array", "accept_observed", "check_values"]

TOLERANCE = {"float64": 1e-6, "float32": 1e-4}
"""Relative to a trace's largest magnitude, by the narrower dtype of recording and run."""
ROUNDED = 0.75
"""Absolute, for whole numbers: rounding moves them by half a unit, and a fit a little more."""
EXACT = 0.5
"""Absolute, for whole numbers that are computed in integers: they have to be equal."""
COARSEST = 1 / 8
"""Upper bound for `ROUNDED`, relative: in a trace of one or two units it would allow anything."""


@dataclass(frozen=True, eq=False)
class Trace:
    """One recording of one node.

    Arguments:
        key: the caller's name for it.
        variable: `"v"`, `"i"`, or None for the node's output.
        spikes: whether it is a spike train, which has to match exactly.
        values: [time, *batch, *features] in the run's dtype.
        tolerance: largest absolute deviation allowed; 0 for spikes.
    """

    key: str
    variable: str | None
    spikes: bool
    values: np.ndarray
    tolerance: float

    @cached_property
    def largest(self) -> float:
        """The largest magnitude in it."""
        return float(np.abs(self.values).max(initial=0.0))

    @property
    def unit(self) -> float:
        """The unit for deviations: the tolerance, or the rounding error if that is larger."""
        info = np.finfo(self.values.dtype)
        return max(self.tolerance, float(info.eps) * self.largest, float(info.tiny))

    @property
    def membrane(self) -> bool:
        """Whether it may be an affine image of a membrane potential."""
        return not self.spikes and self.variable != "i"

    def record_key(self, node: Path) -> Path:
        """The key for `record=` that records the same in a run, given the node's path there."""
        return node if self.variable is None else (*node, self.variable)


Traces = Mapping[Path, tuple[Trace, ...]]
"""Neuron or Threshold -> its recordings, in the order of the schedule."""


def accept_observed(
    schedule: Schedule, observed: Any, lead: Shape, dtype: np.dtype, tolerance: float | None
) -> tuple[dict[Path, np.ndarray], Traces]:
    """Check a caller's recordings against the graph and the input.

    Arguments:
        observed: {record key: array [time, *batch, *features]}.
        lead: time and batch of the input.
        dtype: dtype of the run.
        tolerance: relative to a trace's largest magnitude; None for the default.

    Returns: per node its recorded output, which drives the nodes after it; and the traces to
    be explained.

    **Raises**: `InputError`.
    """
    if not isinstance(observed, Mapping):
        raise InputError(
            f"observed is a {type(observed).__name__}; expected {{record key: array}}, "
            'as in {"lif1": spikes, "lif1.v": trace}'
        )
    if not observed:
        raise InputError("observed is empty; expected at least one recording of a neuron")
    exact = schedule.discretization.in_integers
    outputs: dict[Path, np.ndarray] = {}
    traces: dict[Path, dict[str | None, Trace]] = {}
    for probe in resolve_record(schedule, list(observed)):
        node = recorded_node(schedule, probe)
        where = f"observed[{probe.key!r}]"
        if probe.variable not in (None, "v", "i"):
            raise InputError(
                f"{where} is not a spike train, a membrane potential or a synaptic current"
            )
        array = accept_array(where, observed[probe.key])
        if array.dtype.kind not in "biuf":
            raise InputError(f"{where} has dtype {array.dtype}; expected real numbers")
        values = array.astype(dtype)
        expected = (*lead, *node.output_shape)
        if values.shape != expected:
            raise InputError(
                f"{where} has shape {values.shape}; expected {expected}: time and batch of "
                "the input, features of the node"
            )
        spikes = probe.variable is None and node.spiking
        check_values(where, values, spikes)
        if probe.variable is None:
            if not np.array_equal(outputs.get(node.path, values), values):
                raise InputError(
                    f"{where} is the output of {node.name!r} too, but has other values"
                )
            outputs[node.path] = outputs[schedule.nodes[probe.position].path] = values
        if is_searched(node.dynamics):
            allowed = 0.0 if spikes else _tolerance(observed[probe.key], values, tolerance, exact)
            trace = Trace(str(probe.key), probe.variable, spikes, values, allowed)
            traces.setdefault(node.path, {}).setdefault(probe.variable, trace)
    if not traces:
        names = [n.name for n in schedule.nodes if is_searched(n.dynamics)]
        raise InputError(
            "observed holds no neuron's spikes, v or i, so there is nothing to diagnose; the "
            f"graph has {', '.join(map(repr, names[:8])) or 'no neuron with choices'}"
            + _given_steps(schedule)
        )
    ordered = (node.path for node in schedule.nodes if node.path in traces)
    return outputs, {path: tuple(traces[path].values()) for path in ordered}


def _given_steps(schedule: Schedule) -> str:
    """A word on neurons whose step is given, so that there is nothing to search."""
    names = [n.name for n in schedule.nodes if n.neuron and not is_searched(n.dynamics)]
    if not names:
        return ""
    shown = ", ".join(map(repr, names[:8]))
    return f"; the step of {shown} is given, so nirx.compare or nirx.verify tells whether it fits"


def accept_array(where: str, value: Any) -> np.ndarray:
    """An array of any library as a NumPy array.

    **Raises**: `InputError`.
    """
    try:
        return to_numpy(value)
    except Exception as error:  # whatever a foreign array type raises
        raise InputError(f"{where} is a {type(value).__name__}; expected an array") from error


def check_values(where: str, values: np.ndarray, spikes: bool = False) -> None:
    """Refuse what is not finite and, in a spike train, what is not a count.

    **Raises**: `InputError` that names the first such value.
    """
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


def _tolerance(given: Any, values: np.ndarray, tolerance: float | None, exact: bool) -> float:
    largest = float(np.abs(values).max(initial=0.0))
    if tolerance is not None:
        return tolerance * largest
    if exact:
        return EXACT
    whole = bool((values == np.floor(values)).all())  # an integer dtype, or a chip's units
    rounded = min(ROUNDED, COARSEST * largest) if whole else 0.0
    single = "float32" in (str(values.dtype), str(getattr(given, "dtype", "")).rpartition(".")[2])
    return max(TOLERANCE["float32" if single else "float64"] * largest, rounded)
