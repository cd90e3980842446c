"""Spike and reset: threshold, spike count, and when the membrane potential is reset.

**Source**: NIR equations of IF, LIF and CubaLIF; docs/semantics.md for the choices.
"""

from __future__ import annotations

from collections.abc import Callable

from nirx.dynamics.base import Arrays
from nirx.dynamics.discretization import Discretization
from nirx.dynamics.ops import Array, Ops

__all__ = ["Fires", "fire", "single_spike", "spiking_step", "spiking_coefficients"]


Fires = Callable[[Ops, Discretization, Arrays, Array], Array]
"""What decides on the spikes of a membrane potential: `fire`, or a recording of them."""


def single_spike(ops: Ops, rule: Discretization, v: Array, threshold: Array) -> Array:
    """1 where v is above (or, with `threshold="ge"`, at) the threshold; NaN never spikes."""
    above = ops.greater_equal if rule.threshold == "ge" else ops.greater
    return ops.with_surrogate(above(v, threshold), v, threshold)


def spiking_coefficients(ops: Ops, rule: Discretization, p: Arrays) -> dict[str, Array]:
    """The coefficients that `spiking_step` reads."""
    c = {"v_threshold": p["v_threshold"], "v_reset": p["v_reset"]}
    if rule.spikes == "multi":
        c["spikes_per_v"] = ops.div(ops.constant(1.0), p["v_threshold"])
    return c


def fire(ops: Ops, rule: Discretization, c: Arrays, v: Array) -> Array:
    """The spikes (or the number of spikes) that a membrane potential v emits."""
    threshold = c["v_threshold"]
    if rule.spikes == "single":
        return single_spike(ops, rule, v, threshold)
    return ops.with_surrogate(_count(ops, rule, c, ops.stop_gradient(v)), v, threshold)


def _count(ops: Ops, rule: Discretization, c: Arrays, v: Array) -> Array:
    # The largest integer n >= 0 with mul(n, threshold) <= v. The product with the rounded
    # reciprocal may be off by one in either direction, so correct once upwards, once downwards.
    threshold = c["v_threshold"]
    one = ops.constant(1.0)
    n = ops.floor(ops.mul(v, c["spikes_per_v"]))
    more = ops.add(n, one)
    n = ops.select(ops.greater_equal(v, ops.mul(more, threshold)), more, n)
    n = ops.select(ops.greater(ops.mul(n, threshold), v), ops.sub(n, one), n)
    zero = ops.constant(0.0)
    n = ops.select(ops.greater(n, zero), n, zero)  # also turns NaN into 0
    if rule.max_spikes is None:
        return n
    most = ops.constant(float(rule.max_spikes))
    return ops.select(ops.greater(n, most), most, n)


def _apply_reset(ops: Ops, rule: Discretization, c: Arrays, v: Array, z: Array) -> Array:
    if ops.detach_reset:
        z = ops.stop_gradient(z)
    if rule.reset == "value":
        return ops.select(z, c["v_reset"], v)
    return ops.sub(v, ops.mul(z, c["v_threshold"]))


def spiking_step(
    ops: Ops,
    rule: Discretization,
    c: Arrays,
    v_old: Array,
    integrate: Callable[[Array], Array],
    fires: Fires = fire,
    settled: Callable[[Array], Array] = lambda v: v,
) -> tuple[Array, Array]:
    """Integrate, spike and reset, in the order that the rule sets.

    Arguments:
        v_old: membrane potential [*batch, *features] after the previous step. With
            `reset_when="next"` it still holds the value that spiked: the reset is due in this step.
        integrate: one step of the membrane without spikes.
        fires: decides on the spikes.
        settled: v after a reset that is due in this step (`reset_when="next"`), which may have
            left the range of v.

    Returns: spikes and the new membrane potential.
    """
    if rule.reset_when == "next":
        v = settled(_apply_reset(ops, rule, c, integrate(v_old), fires(ops, rule, c, v_old)))
    elif rule.reset_when == "next-leaked":
        v = integrate(_apply_reset(ops, rule, c, v_old, fires(ops, rule, c, v_old)))
    else:
        v = integrate(v_old)
    z = fires(ops, rule, c, v_old if rule.output == "old" else v)
    if rule.reset_when == "same" and rule.reset != "none":
        v = _apply_reset(ops, rule, c, v, z)
    return z, v
