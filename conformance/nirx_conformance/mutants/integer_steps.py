"""Mutants of the equations in integers: coefficients, limits, counts."""

from __future__ import annotations

from typing import Any

import numpy as np

from nirx.dynamics.base import Arrays
from nirx.dynamics.integers import operations
from nirx.dynamics.integers.neurons import WholeNeuron
from nirx.dynamics.integers.whole import WholeNumbers
from nirx.dynamics.ops import Array, Ops
from nirx_conformance.mutants.mutant import on_dynamics

Limited = tuple[Array, Array]


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
        plain = getattr(self, "plain_product", True)
        if plain or np.ndim(c["weight"]) != 2:
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
