"""One step of a neuron from each recorded state, against the state recorded next.

In integers every state is known exactly. So each step is an experiment of its own, all of them run
at once, and an error of one step does not reach the next.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from nirx.diagnosis.observed import Trace
from nirx.dynamics.base import Dynamics
from nirx.dynamics.integers.neurons import OVERFLOWS
from nirx.dynamics.neuron import Neuron
from nirx.execution.numpy_ops import NumpyOps

__all__ = ["recorded_states", "wrong_steps"]

EQUAL = 0.5
"""Whole numbers that are less than this apart are equal."""


def recorded_states(dynamics: Dynamics, traces: Sequence[Trace]) -> dict[str, np.ndarray] | None:
    """The recorded states of a lone neuron; None unless all that it has were recorded."""
    if not isinstance(dynamics, Neuron):
        return None
    found = {t.variable: t.values for t in traces}
    if not dynamics.spiking and dynamics.rule.output == "new" and None in found:
        found.setdefault("v", found[None])
    names = [name for name in dynamics.state_shapes() if not name.endswith(OVERFLOWS)]
    return {name: found[name] for name in names} if all(n in found for n in names) else None


def wrong_steps(
    dynamics: Dynamics,
    parameters: Mapping[str, np.ndarray],
    feed: np.ndarray,
    traces: Sequence[Trace],
    states: Mapping[str, np.ndarray],
    shifts: Sequence[int],
    ops: NumpyOps,
) -> list[tuple[int, float]]:
    """For each shift, how many recorded numbers do not follow from the step before, and a score.

    The score counts how often a deviation has to be halved, so that a rule that is nearly right
    is told from one that is not.

    Arguments:
        feed: what drives the neuron, [time, *batch, *features].
        states: what `recorded_states` returned.
        shifts: observed[t] is simulated[t - shift].
    """
    length, features = len(feed), dynamics.output_shape
    batch = feed.shape[1 : feed.ndim - len(dynamics.input_shape)]
    with np.errstate(all="ignore"):
        c = dynamics.coefficients(ops, parameters)
        start = dynamics.initial_state(ops, parameters, batch)
        before = {
            name: np.concatenate([np.broadcast_to(start[name], values.shape[1:])[None], values])
            for name, values in states.items()
        }
        counts = {
            name: np.zeros((1, *batch, *features), ops.dtype)
            for name in dynamics.state_shapes()
            if name.endswith(OVERFLOWS)
        }
        found = []
        for shift in shifts:
            first = max(shift, 0) if shift >= 0 else 1  # what came before an early one is unknown
            last = min(length + shift, length)
            own = {name: values[first:last] for name, values in before.items()}
            y, after = dynamics.step(ops, c, feed[first - shift : last - shift], {**own, **counts})
            wrong, score = 0, 0.0
            for trace in traces:
                theirs = y if trace.variable is None else after[trace.variable]
                off = np.abs(theirs - trace.values[first:last])
                late = trace.values[:first] if shift > 0 and trace.spikes else ()
                off = np.append(off[off > EQUAL], late)
                wrong += int(np.count_nonzero(off))
                score += float(np.log2(1 + off).sum())
            found.append((wrong, score))
    return found
