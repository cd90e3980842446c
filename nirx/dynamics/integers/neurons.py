"""Neurons in integers: decay, add, limit, compare, reset."""

from __future__ import annotations

from nirx.dynamics.base import Arrays
from nirx.dynamics.coefficients import decay_fraction, input_fraction
from nirx.dynamics.cuba import CurrentBasedIntegrateAndFire, CurrentBasedIntegrator
from nirx.dynamics.integers.operations import decayed, kept_after_decay, limited, nearest
from nirx.dynamics.integers.whole import LARGEST, Exact, Reach, WholeNumbers, largest
from nirx.dynamics.integrator import IntegrateAndFire, Integrator
from nirx.dynamics.leaky import LeakyIntegrateAndFire, LeakyIntegrator
from nirx.dynamics.neuron import Neuron
from nirx.dynamics.ops import Array, Ops, Shape
from nirx.dynamics.spike import Fires, spiking_step

__all__ = [
    "OVERFLOWS",
    "WholeCurrentBasedIntegrateAndFire",
    "WholeCurrentBasedIntegrator",
    "WholeIntegrateAndFire",
    "WholeIntegrator",
    "WholeLeakyIntegrateAndFire",
    "WholeLeakyIntegrator",
]

OVERFLOWS = "_overflows"
"""`v_overflows` counts the steps in which v left its bits, `i_overflows` those of i."""


class WholeNeuron(WholeNumbers, Neuron):
    """A neuron whose v, and i if it has one, are whole numbers of limited bits.

    A subclass defines `exact`, `kept` and `integrate`; that is v before the limit of its bits.
    """

    def state_shapes(self) -> dict[str, Shape]:
        own = super().state_shapes()
        return {**own, **{name + OVERFLOWS: shape for name, shape in own.items()}}

    def kept(self, ops: Ops, p: Arrays) -> dict[str, Array]:
        """The factors of the decays, by the name of the coefficient."""
        return {}

    def coefficients(self, ops: Ops, p: Arrays) -> dict[str, Array]:
        c = {**self.kept(ops, p), **self.whole(ops, p)}
        if self.spiking and self.rule.spikes == "multi":
            c["spikes_per_v"] = ops.div(ops.constant(1.0), c["v_threshold"])
        return c

    def initial_state(self, ops: Ops, p: Arrays, batch: Shape) -> dict[str, Array]:
        whole = {**p, "v_leak": nearest(ops, p["v_leak"])} if "v_leak" in p else p
        return super().initial_state(ops, whole, batch)

    def exact(self, ops: Ops, p: Arrays) -> dict[str, Exact]:
        first = {}
        if self.rule.initial_v == "leak" and "v_leak" in p:
            first = {"first": Exact(p["v_leak"], *self.arithmetic.range_of("membrane"), "v_leak")}
        return {**first, **self._exact_threshold(p)}

    def _exact_threshold(self, p: Arrays) -> dict[str, Exact]:
        if not self.spiking:
            return {}
        shift = self.arithmetic.threshold_shift
        low, high = self.arithmetic.range_of("membrane")
        lowest = 1 if self.rule.spikes == "multi" else 0
        limits = [(lowest, high >> shift), (-((-low) >> shift), high >> shift)]
        names = ("v_threshold", "v_reset")
        return {
            name: Exact(p[name], *own, name, shift) for name, own in zip(names, limits, strict=True)
        }

    def reach(self, whole: Arrays, x: float) -> Reach:
        v = float(max(map(abs, self.arithmetic.range_of("membrane"))))
        leak = largest(whole["leak"]) if "leak" in whole else 0.0
        inside = v + largest(whole["gain"]) * x + leak
        return Reach(inside, self._most_spikes(whole, v) if self.spiking else v)

    def _most_spikes(self, whole: Arrays, v: float) -> float:
        if self.rule.spikes == "single":
            return 1.0
        most = v // whole["v_threshold"].min(initial=v)
        return most if self.rule.max_spikes is None else min(most, float(self.rule.max_spikes))

    def step_with(
        self, ops: Ops, c: Arrays, x: Array, s: Arrays, fires: Fires
    ) -> tuple[Array, dict[str, Array]]:
        current, synapse = self.drive(ops, c, x, s)
        left: list[Array] = []

        def limited(found: tuple[Array, Array]) -> Array:
            left.append(found[1])
            return found[0]

        def integrate(v: Array) -> Array:
            return limited(self.updated(ops, c, v, current))

        def settled(v: Array) -> Array:
            subtracts = self.rule.reset == "subtract"
            return limited(self.settled(ops, v)) if subtracts else v

        if self.spiking:
            y, v = spiking_step(ops, self.rule, c, s["v"], integrate, fires, settled)
        else:
            v = integrate(s["v"])
            y = s["v"] if self.rule.output == "old" else v
        count = s["v" + OVERFLOWS]
        for over in left:
            count = ops.add(count, over)
        return y, {"v": v, "v" + OVERFLOWS: count, **synapse}

    def updated(self, ops: Ops, c: Arrays, v: Array, current: Array) -> tuple[Array, Array]:
        """v after `integrate`, within its bits, and 1 where it had left them."""
        return self.settled(ops, self.integrate(ops, c, v, current))

    def settled(self, ops: Ops, v: Array) -> tuple[Array, Array]:
        """v within its bits and not below its lowest value, and 1 where it was out of its bits."""
        own = self.arithmetic
        v, over = self.limited(ops, v)
        if own.membrane_lowest is not None:
            lowest = ops.constant(float(own.membrane_lowest))
            v = ops.select(ops.greater(lowest, v), lowest, v)
        return v, over

    def limited(self, ops: Ops, v: Array) -> tuple[Array, Array]:
        """v within its bits, and 1 where it was not."""
        own = self.arithmetic
        return limited(ops, v, *own.range_of("membrane"), own.membrane_overflow)


class _Integrating(WholeNeuron):
    """v + g*x with g = dt*r."""

    def exact(self, ops: Ops, p: Arrays) -> dict[str, Exact]:
        gain = ops.mul(ops.constant(self.rule.dt), p["r"])
        own = Exact(gain, -LARGEST, LARGEST, "the gain of its input, dt*r")
        return {"gain": own, **super().exact(ops, p)}


class WholeIntegrator(_Integrating, Integrator):
    """I."""


class WholeIntegrateAndFire(_Integrating, IntegrateAndFire):
    """IF."""


class _Leaky(WholeNeuron):
    """decay(v) + g*x + l with g = r*a and l = v_leak*a."""

    membrane_tau = "tau"

    def fractions(self, ops: Ops, p: Arrays) -> dict[str, Array]:
        return {name: self._decays(ops, p, name) for name in self.positive}

    def _decays(self, ops: Ops, p: Arrays, tau: str) -> Array:
        return decay_fraction(ops, self.rule.dt, p[tau], self.rule.integrator)

    def _enters(self, ops: Ops, p: Arrays, tau: str) -> Array:
        rule = self.rule
        return input_fraction(ops, rule.dt, p[tau], rule.integrator, rule.input_gain)

    def kept(self, ops: Ops, p: Arrays) -> dict[str, Array]:
        a, bits = self._decays(ops, p, self.membrane_tau), self.arithmetic.membrane_bits
        return {"kept": kept_after_decay(ops, self.arithmetic, a, bits)}

    def exact(self, ops: Ops, p: Arrays) -> dict[str, Exact]:
        shift = self.arithmetic.bias_shift
        a, b = (of(ops, p, self.membrane_tau) for of in (self._decays, self._enters))
        low, high = self.arithmetic.range_of("membrane")
        leak = ops.mul(ops.mul(p["v_leak"], a), ops.constant(2.0**-shift))
        return {
            "gain": Exact(ops.mul(p["r"], b), -LARGEST, LARGEST, "the gain of its input, r*a"),
            "leak": Exact(leak, low >> shift, high >> shift, "the constant v_leak*a", shift),
            **super().exact(ops, p),
        }

    def integrate(self, ops: Ops, c: Arrays, v: Array, current: Array) -> Array:
        rest = decayed(ops, self.arithmetic, v, c["kept"])
        return ops.add(ops.add(rest, ops.mul(c["gain"], current)), c["leak"])

    def updated(self, ops: Ops, c: Arrays, v: Array, current: Array) -> tuple[Array, Array]:
        if self.arithmetic.membrane_change == "exact":
            return super().updated(ops, c, v, current)
        total = ops.sub(decayed(ops, self.arithmetic, v, c["kept"]), v)
        change, _ = self.limited(ops, total)
        for term in (ops.mul(c["gain"], current), c["leak"]):
            total = ops.add(total, term)
            change, _ = self.limited(ops, ops.add(change, term))
        v, over = self.settled(ops, ops.add(v, change))
        changed = ops.add(ops.greater(change, total), ops.greater(total, change))
        return v, ops.greater(ops.add(over, changed), ops.constant(0.0))  # counted once


class WholeLeakyIntegrator(_Leaky, LeakyIntegrator):
    """LI."""


class WholeLeakyIntegrateAndFire(_Leaky, LeakyIntegrateAndFire):
    """LIF."""


class _CurrentBased(_Leaky):
    """i = decay(i) + g*x, then the leaky step with i as its input."""

    membrane_tau = "tau_mem"

    def kept(self, ops: Ops, p: Arrays) -> dict[str, Array]:
        a, bits = self._decays(ops, p, "tau_syn"), self.arithmetic.synapse_bits
        return {
            "kept_syn": kept_after_decay(ops, self.arithmetic, a, bits),
            **super().kept(ops, p),
        }

    def exact(self, ops: Ops, p: Arrays) -> dict[str, Exact]:
        gain = p["w_in"]
        if self.rule.synapse_input == "scaled":
            gain = ops.mul(self._enters(ops, p, "tau_syn"), gain)
        own = Exact(gain, -LARGEST, LARGEST, "the gain of its synapse's input")
        return {"gain_syn": own, **super().exact(ops, p)}

    def reach(self, whole: Arrays, x: float) -> Reach:
        i = float(max(map(abs, self.arithmetic.range_of("synapse"))))
        membrane = super().reach(whole, i)
        return Reach(max(membrane.inside, i + largest(whole["gain_syn"]) * x), membrane.output)

    def drive(self, ops: Ops, c: Arrays, x: Array, s: Arrays) -> tuple[Array, dict[str, Array]]:
        own, old = self.arithmetic, s["i"]
        limits = (*own.range_of("synapse"), own.synapse_overflow)
        jump = ops.mul(c["gain_syn"], x)
        if self.rule.synapse_input == "jump-then-decay":
            full, over = limited(ops, ops.add(old, jump), *limits)
            new = decayed(ops, own, full, c["kept_syn"])
        else:
            rest = decayed(ops, own, old, c["kept_syn"])
            new, over = limited(ops, ops.add(rest, jump), *limits)
        count = ops.add(s["i" + OVERFLOWS], over)
        current = old if self.rule.synapse == "voltage-first" else new
        return current, {"i": new, "i" + OVERFLOWS: count}


class WholeCurrentBasedIntegrator(_CurrentBased, CurrentBasedIntegrator):
    """CubaLI."""


class WholeCurrentBasedIntegrateAndFire(_CurrentBased, CurrentBasedIntegrateAndFire):
    """CubaLIF."""
