"""When a neuron spikes, what a spike does to v, and the order of leak, spike and reset."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from nirx.dynamics.discretization import Discretization
from nirx_conformance.oracle.node import Array


class Fired(NamedTuple):
    """v after the step, the output spikes, and the distance from the nearest decision."""

    v: Array
    z: Array
    margin: Array


def fire(
    rule: Discretization,
    threshold: Array,
    v_reset: Array,
    v_old: Array,
    leak: Callable[[Array], Array],
) -> Fired:
    """One step of a spiking neuron whose membrane, left alone, goes from v to leak(v)."""
    spikes_old, margin_old = spike(rule, threshold, v_old)
    if rule.reset_when == "same":
        v = leak(v_old)
        spikes_new, margin = spike(rule, threshold, v)
        v = reset(rule, threshold, v_reset, v, spikes_new)
        looks_back = rule.output == "old"
    elif rule.reset_when == "next":
        v = reset(rule, threshold, v_reset, leak(v_old), spikes_old)
        spikes_new, margin = spike(rule, threshold, v)
        looks_back = True
    else:
        v = leak(reset(rule, threshold, v_reset, v_old, spikes_old))
        spikes_new, margin = spike(rule, threshold, v)
        looks_back = True
    if looks_back:
        margin = np.minimum(margin, margin_old)
    return Fired(v, spikes_old if rule.output == "old" else spikes_new, margin)


def spike(rule: Discretization, threshold: Array, v: Array) -> tuple[Array, Array]:
    """The number of spikes at v, and the distance of v from a different number."""
    if rule.spikes == "single":
        over = v >= threshold if rule.threshold == "ge" else v > threshold
        return over.astype(np.float64), np.abs(v - threshold)
    return count(rule, threshold, v), np.abs(v - np.maximum(np.rint(v / threshold), 1) * threshold)


def count(rule: Discretization, threshold: Array, v: Array) -> Array:
    """The largest whole n >= 0 with n * threshold <= v; 0 for NaN."""
    n = np.maximum(np.floor(v / threshold), 0.0)
    for _ in range(2):  # the quotient is rounded, so its floor may be off by one
        n = n - ((n > 0) & (n * threshold > v))
        n = n + ((n + 1) * threshold <= v)
    n = np.where(np.isnan(v), 0.0, n)
    return n if rule.max_spikes is None else np.minimum(n, rule.max_spikes)


def reset(rule: Discretization, threshold: Array, v_reset: Array, v: Array, z: Array) -> Array:
    """v after z spikes."""
    if rule.reset == "none":
        return v
    if rule.reset == "subtract":
        return np.where(z > 0, v - z * threshold, v)
    return np.where(z > 0, v_reset, v)
