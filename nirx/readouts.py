"""Readouts for losses: from a recording over time to one number per neuron.

They take the arrays of every backend, use operators and array methods alone, and are
differentiable where the recording is:

    ys, state, rec = net.run(xs, record=["lif", "li.v"])
    loss = cross_entropy(nirx.readouts.spike_count(rec["lif"]), labels)

**Units**: dt has the unit of the graph's time constants.
"""

from __future__ import annotations

from typing import Any

from nirx.errors import InputError

__all__ = ["first_spike", "last", "max_membrane", "mean_membrane", "rate", "spike_count"]


def spike_count(z: Any) -> Any:
    """Number of spikes of every neuron: z [time, *batch, *features] to [*batch, *features]."""
    return _over_time(z, "spike_count").sum(0)


def rate(z: Any, dt: float = 1) -> Any:
    """Spikes per unit of time of every neuron.

    Arguments:
        z: spikes, [time, *batch, *features].
        dt: length of a step; 1 for spikes per step.

    **Raises**: `InputError` where there are no steps.
    """
    return spike_count(z) / (_steps(z, "rate") * dt)


def first_spike(z: Any, dt: float = 1) -> Any:
    """Latency of every neuron: the time before its first spike, 0 if it spikes in the first step.

    It is dt times the sum over all steps of (1 - z[0])*...*(1 - z[t]): every step without a spike
    so far counts. The gradient goes to all spikes up to the second one.

    Arguments:
        z: spikes, 0 or 1, [time, *batch, *features].
        dt: length of a step.

    Returns: [*batch, *features]; time * dt where there is no spike.
    """
    return (1 - _over_time(z, "first_spike")).cumprod(0).sum(0) * dt


def max_membrane(v: Any) -> Any:
    """Largest value of every neuron: v [time, *batch, *features] to [*batch, *features].

    Equal largest values share the gradient.

    **Raises**: `InputError` where there are no steps.
    """
    _steps(v, "max_membrane")
    # torch's own max also returns places, and gives all the gradient to one of them.
    return getattr(v, "amax", v.max)(0)


def mean_membrane(v: Any) -> Any:
    """Mean over time of every neuron: v [time, *batch, *features] to [*batch, *features].

    **Raises**: `InputError` where there are no steps.
    """
    _steps(v, "mean_membrane")
    return v.mean(0)


def last(v: Any) -> Any:
    """Values after the last step: v [time, *batch, *features] to [*batch, *features].

    **Raises**: `InputError` where there are no steps.
    """
    _steps(v, "last")
    return v[-1]


def _over_time(array: Any, caller: str) -> Any:
    if not getattr(array, "shape", ()):
        raise InputError(
            f"readouts.{caller}: expected an array [time, *batch, *features], "
            f"got a {type(array).__name__} without axes"
        )
    return array


def _steps(array: Any, caller: str) -> int:
    steps = _over_time(array, caller).shape[0]
    if not steps:
        raise InputError(f"readouts.{caller}: the recording has no steps; expected at least 1")
    return steps
