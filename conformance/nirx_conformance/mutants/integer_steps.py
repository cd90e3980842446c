"""Mutants of the equations in integers: shifts, limits, decays, counts."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any
from unittest.mock import patch

import numpy as np

from nirx import Arithmetic
from nirx.dynamics.base import Arrays
from nirx.dynamics.integers import connections, neurons, operations
from nirx.dynamics.integers.neurons import WholeNeuron
from nirx.dynamics.integers.whole import WholeNumbers
from nirx.dynamics.ops import Array, Ops
from nirx.execution.backend import Prepared
from nirx_conformance.mutants.mutant import Mutant, Request, on_dynamics, on_prepare

Limited = tuple[Array, Array]


def on_operation(module: Any) -> Callable[[Any], Mutant]:
    """A mutant of a function of `operations`, where a module calls it: `change(right, ...)`.

    Its name ends in that of the function: `logical_shift_in_decayed`.
    """

    def decorate(change: Any) -> Mutant:
        name = change.__name__.rpartition("_in_")[2]
        wrong = partial(change, getattr(operations, name))

        def build(request: Request) -> Prepared:
            run = request.run()

            def patched(inputs: Any, state: Any = None, record: Any = ()) -> Any:
                with patch.object(module, name, wrong):
                    return run(inputs, state, record)

            return patched

        build.__name__, build.__doc__ = change.__name__, change.__doc__
        return on_prepare(build)

    return decorate


@on_operation(neurons)
def logical_shift_in_decayed(right: Any, ops: Ops, own: Arithmetic, s: Array, kept: Array) -> Array:
    """A decay by shift shifts zeros into negative numbers."""
    if own.decay == "multiply":
        return right(ops, own, s, kept)
    bits = np.where(s < 0, s + 2.0**own.membrane_bits, s)
    part = np.floor(bits * kept)
    return s - np.where(part != 0, part, np.sign(s))


@on_operation(neurons)
def no_step_of_one_in_decayed(
    right: Any, ops: Ops, own: Arithmetic, s: Array, kept: Array
) -> Array:
    """A decay by shift stops where the shifted number is 0."""
    return right(ops, own, s, kept) if own.decay == "multiply" else s - np.floor(s * kept)


@on_operation(neurons)
def shift_towards_zero_in_decayed(
    right: Any, ops: Ops, own: Arithmetic, s: Array, kept: Array
) -> Array:
    """A decay by shift rounds the shifted number towards zero."""
    if own.decay == "multiply":
        return right(ops, own, s, kept)
    part = np.trunc(s * kept)
    return s - np.where(part != 0, part, np.sign(s))


@on_operation(neurons)
def lost_part_rounded_in_decayed(
    right: Any, ops: Ops, own: Arithmetic, s: Array, kept: Array
) -> Array:
    """A decay by product rounds what is lost, and not what is left."""
    if own.decay == "shift":
        return right(ops, own, s, kept)
    return s - right(ops, own, s, 2.0**own.decay_bits - kept)


@on_operation(neurons)
def upper_limit_only_in_limited(
    right: Any, ops: Ops, x: Array, low: int, high: int, overflow: str
) -> Limited:
    """States saturate at the top only."""
    if overflow == "wrap":
        return right(ops, x, low, high, overflow)
    return np.minimum(x, float(high)), (x > high) * 1.0


@on_operation(neurons)
def lower_limit_only_in_limited(
    right: Any, ops: Ops, x: Array, low: int, high: int, overflow: str
) -> Limited:
    """States saturate at the bottom only."""
    if overflow == "wrap":
        return right(ops, x, low, high, overflow)
    return np.maximum(x, float(low)), (x < low) * 1.0


@on_operation(neurons)
def one_turn_at_most_in_limited(
    right: Any, ops: Ops, x: Array, low: int, high: int, overflow: str
) -> Limited:
    """A number beyond its bits by more than 2**bits wraps by 2**bits only."""
    if overflow == "saturate":
        return right(ops, x, low, high, overflow)
    over, under = (x > high) * 1.0, (x < low) * 1.0
    return x + (under - over) * (high - low + 1), over + under


@on_operation(neurons)
def counted_at_the_limit_in_limited(
    right: Any, ops: Ops, x: Array, low: int, high: int, overflow: str
) -> Limited:
    """A state exactly at its limit counts as an overflow."""
    y, over = right(ops, x, low, high, overflow)
    return y, np.maximum(over, (x == high) | (x == low))


@on_operation(connections)
def towards_zero_in_shifted_down(right: Any, ops: Ops, x: Array, bits: int) -> Array:
    """Sums that are shifted down are rounded towards zero."""
    return np.trunc(x * 2.0**-bits)


@on_operation(connections)
def nearest_in_shifted_down(right: Any, ops: Ops, x: Array, bits: int) -> Array:
    """Sums that are shifted down are rounded to the nearest."""
    return right(ops, x + (2.0 ** (bits - 1) if bits else 0.0), bits)


@on_operation(connections)
def logical_in_shifted_down(right: Any, ops: Ops, x: Array, bits: int) -> Array:
    """Negative sums are shifted down as numbers of 32 bits without sign."""
    return right(ops, np.where(x < 0, x + 2.0**32, x), bits)


@on_dynamics
class WeightUnsigned(WholeNumbers):
    """Weights have no sign: -1 is 2**weight_bits - 1."""

    def whole(self, ops: Ops, p: Arrays) -> dict[str, Array]:
        found, own = super().whole(ops, p), self.arithmetic
        if "weight" in found:
            w, span = found["weight"], 2.0 ** (own.weight_bits + max(0, own.weight_shift))
            found["weight"] = np.where(w < 0, w + span, w)
        return found


@on_dynamics
class WeightShiftOnTheBias(WholeNumbers):
    """weight_shift applies to the bias too."""

    def whole(self, ops: Ops, p: Arrays) -> dict[str, Array]:
        found = super().whole(ops, p)
        if "bias" in found:
            found["bias"] = np.floor(found["bias"] * 2.0**self.arithmetic.weight_shift)
        return found


@on_dynamics
class ProductsShiftedOneByOne(WholeNumbers):
    """A negative weight_shift shifts every product, and not their sum."""

    def apply(self, ops: Ops, c: Arrays, x: Array) -> Array:
        shift = getattr(self, "plain_product", True)
        if shift or np.ndim(c.get("weight")) != 2:
            return super().apply(ops, c, x)  # type: ignore[misc]
        products = x[..., None, :] * c["weight"] * 2.0**self.arithmetic.weight_shift
        return np.floor(products).sum(-1) + c.get("bias", 0.0)


@on_dynamics
class LeakNotShifted(WholeNumbers):
    """The constant of a leak is not shifted by bias_shift."""

    def whole(self, ops: Ops, p: Arrays) -> dict[str, Array]:
        found = super().whole(ops, p)
        if "leak" in found:
            found["leak"] = found["leak"] * 2.0**-self.arithmetic.bias_shift
        return found


@on_dynamics
class ResetNotShifted(WholeNumbers):
    """threshold_shift does not apply to v_reset."""

    def whole(self, ops: Ops, p: Arrays) -> dict[str, Array]:
        found = super().whole(ops, p)
        if "v_reset" in found:
            found["v_reset"] = found["v_reset"] * 2.0**-self.arithmetic.threshold_shift
        return found


@on_dynamics
class LimitAfterTheThreshold(WholeNeuron):
    """v spikes before it is limited to its bits."""

    def updated(self, ops: Ops, c: Arrays, v: Array, current: Array) -> Limited:
        total = self.integrate(ops, c, v, current)
        return total, np.zeros_like(total)

    def step_with(self, ops: Ops, c: Arrays, x: Array, s: Arrays, fires: Any) -> Any:
        y, new = super().step_with(ops, c, x, s, fires)
        v, over = self.settled(ops, new["v"])
        return y, {**new, "v": v, "v_overflows": new["v_overflows"] + over}


@on_dynamics
class LowestBeforeTheOverflow(WholeNeuron):
    """membrane_lowest bounds v before the rule of overflow."""

    def settled(self, ops: Ops, v: Array) -> Limited:
        lowest = self.arithmetic.membrane_lowest
        return self.limited(ops, v if lowest is None else np.maximum(v, lowest))


@on_dynamics
class LowestCounted(WholeNeuron):
    """A v that membrane_lowest raises counts as an overflow."""

    def settled(self, ops: Ops, v: Array) -> Limited:
        new, _ = super().settled(ops, v)
        return new, (new != v) * 1.0


@on_dynamics
class MembraneOverflowsNotCounted(WholeNeuron):
    """v_overflows stays 0."""

    def settled(self, ops: Ops, v: Array) -> Limited:
        new, over = super().settled(ops, v)
        return new, 0 * over

    def updated(self, ops: Ops, c: Arrays, v: Array, current: Array) -> Limited:
        new, over = super().updated(ops, c, v, current)
        return new, 0 * over


@on_dynamics
class SynapseOverflowsNotCounted(WholeNeuron):
    """i_overflows stays 0."""

    def drive(self, ops: Ops, c: Arrays, x: Array, s: Arrays) -> Any:
        current, new = super().drive(ops, c, x, s)
        return current, {**new, "i_overflows": s["i_overflows"]} if new else new


@on_dynamics
class OverflowCountedPerSample(WholeNeuron):
    """An overflow counts for every neuron of its sample."""

    def settled(self, ops: Ops, v: Array) -> Limited:
        new, over = super().settled(ops, v)
        return new, np.broadcast_to(over.max(-1, keepdims=True), over.shape)


@on_dynamics
class ResetNotLimited(WholeNeuron):
    """A reset by subtraction leaves v below its bits."""

    def settled(self, ops: Ops, v: Array) -> Limited:
        return v, np.zeros_like(v)

    def updated(self, ops: Ops, c: Arrays, v: Array, current: Array) -> Limited:
        new, over = super().updated(ops, c, v, current)
        new, more = super().settled(ops, new)
        return new, np.maximum(over, more)


@on_dynamics
class ChangeLimitedOnce(WholeNeuron):
    """The change of v is limited once, and not after every term."""

    def updated(self, ops: Ops, c: Arrays, v: Array, current: Array) -> Limited:
        if self.arithmetic.membrane_change == "exact":
            return super().updated(ops, c, v, current)
        change, over = self.limited(ops, self.integrate(ops, c, v, current) - v)
        new, more = self.settled(ops, v + change)
        return new, np.maximum(over, more)


@on_dynamics
class SynapseLimitedAfterTheDecay(WholeNeuron):
    """With "jump-then-decay", i is limited after the decay only."""

    def drive(self, ops: Ops, c: Arrays, x: Array, s: Arrays) -> Any:
        if "i" not in s or self.rule.synapse_input != "jump-then-decay":
            return super().drive(ops, c, x, s)
        own = self.arithmetic
        new = operations.decayed(ops, own, s["i"] + c["gain_syn"] * x, c["kept_syn"])
        limits = (*own.range_of("synapse"), own.synapse_overflow)
        new, over = operations.limited(ops, new, *limits)
        current = s["i"] if self.rule.synapse == "voltage-first" else new
        return current, {"i": new, "i_overflows": s["i_overflows"] + over}
