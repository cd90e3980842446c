"""Mutants of a node's equations."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from nirx.dynamics import Neuron
from nirx.dynamics.base import Arrays
from nirx.dynamics.coefficients import decay_fraction
from nirx.dynamics.conv import Convolution
from nirx.dynamics.delay import Delay
from nirx.dynamics.ops import Array, Ops
from nirx.dynamics.pool import AvgPool2d, SumPool2d
from nirx.dynamics.reshape import Flatten
from nirx.dynamics.spike import fire
from nirx_conformance.mutants.mutant import on_dynamics

Step = tuple[Array, dict[str, Array]]


def fused(a: Array, b: Array, c: Array) -> Array:
    """a*b + c rounded once, by Dekker's exact product (a near tie may still round twice)."""
    product, total = a * b, a * b + c
    (a1, a2), (b1, b2) = _halves(a), _halves(b)
    lost = a2 * b2 - (((product - a1 * b1) - a2 * b1) - a1 * b2)
    part = total - product
    lost = lost + ((product - (total - part)) + (c - part))
    return np.where(np.isfinite(lost), total + lost, total)


def _halves(x: Array) -> tuple[Array, Array]:
    bits = (np.finfo(x.dtype).nmant + 2) // 2
    big = x * x.dtype.type(2**bits + 1)
    high = big - (big - x)
    return high, x - high


@on_dynamics
class SpikesOfTheOldV(Neuron):
    """The output is computed from v before the step, one step late."""

    def step(self, ops: Ops, c: Arrays, x: Array, s: Arrays) -> Step:
        y, new = super().step(ops, c, x, s)
        if self.rule.output == "old":
            return y, new
        return (fire(ops, self.rule, c, s["v"]) if self.spiking else s["v"]), new


@on_dynamics
class SpikesShownAsV(Neuron):
    """A spiking neuron outputs v instead of its spikes."""

    def step(self, ops: Ops, c: Arrays, x: Array, s: Arrays) -> Step:
        _, new = super().step(ops, c, x, s)
        return new["v"], new


@on_dynamics
class OneSpikePerStep(Neuron):
    """A step in which v reaches n thresholds outputs 1 spike, but resets for n."""

    def step(self, ops: Ops, c: Arrays, x: Array, s: Arrays) -> Step:
        y, new = super().step(ops, c, x, s)
        return (np.minimum(y, ops.constant(1.0)) if self.spiking else y), new


@on_dynamics
class ResetByArithmetic(Neuron):
    """v*(1 - z) + z*v_reset: infinity times 0 is NaN."""

    def step(self, ops: Ops, c: Arrays, x: Array, s: Arrays) -> Step:
        y, new = super().step(ops, c, x, s)
        if not self.spiking or self.rule.reset != "value" or self.rule.reset_when != "same":
            return y, new
        current, _ = self.drive(ops, c, x, s)
        v = self.integrate(ops, c, s["v"], current)
        kept = ops.mul(v, ops.sub(ops.constant(1.0), y))
        return y, {**new, "v": ops.add(kept, ops.mul(y, c["v_reset"]))}


@on_dynamics
class MembraneFused(Neuron):
    """v + a*(...) is rounded once, by a fused multiply-add, instead of twice."""

    def integrate(self, ops: Ops, c: Arrays, v: Array, current: Array) -> Array:
        if "a" not in c:
            return super().integrate(ops, c, v, current)
        towards = ops.add(ops.sub(c["v_leak"], v), ops.mul(c["r"], current))
        return fused(c["a"], towards, v)


@on_dynamics
class MembraneRearranged(Neuron):
    """(1 - a)*v + a*(v_leak + r*x): the same value except for rounding."""

    def integrate(self, ops: Ops, c: Arrays, v: Array, current: Array) -> Array:
        if "a" not in c:
            return super().integrate(ops, c, v, current)
        target = ops.add(c["v_leak"], ops.mul(c["r"], current))
        kept = ops.mul(ops.sub(ops.constant(1.0), c["a"]), v)
        return ops.add(kept, ops.mul(c["a"], target))


@on_dynamics
class ReciprocalOfTau(Neuron):
    """a = dt*(1/tau), rounded twice, instead of dt/tau."""

    def membrane_coefficients(self, ops: Ops, p: Arrays) -> dict[str, Array]:
        c = super().membrane_coefficients(ops, p)
        for name, tau in {"a": "tau", "a_syn": "tau_syn"}.items():
            own = tau if tau in p else "tau_mem"
            if name in c and self.rule.integrator == "euler":
                c[name] = ops.mul(ops.constant(self.rule.dt), ops.div(ops.constant(1.0), p[own]))
        return c


@on_dynamics
class ExponentialOfTheLibrary(Neuron):
    """1 - exp(-dt/tau) by the library's expm1, which differs between machines."""

    def membrane_coefficients(self, ops: Ops, p: Arrays) -> dict[str, Array]:
        c = super().membrane_coefficients(ops, p)
        if self.rule.integrator == "exponential" and "a" in c:
            tau = p["tau"] if "tau" in p else p["tau_mem"]
            c["a"] = -np.expm1(-decay_fraction(ops, self.rule.dt, tau, "euler"))
        return c


@on_dynamics
class SamePaddingOnTheOtherSide(Convolution):
    """The extra zero of "same" padding goes before the input instead of after it."""

    def apply(self, ops: Ops, c: Arrays, x: Array) -> Array:
        turned = tuple((after, before) for before, after in self.geometry.padding)
        y = ops.conv(x, c["weight"], replace(self.geometry, padding=turned), self.binary)
        return ops.add(y, c["bias"]) if "bias" in c else y


@on_dynamics
class PaddingNotCounted(AvgPool2d):
    """AvgPool divides by the number of elements that are not padding."""

    def apply(self, ops: Ops, c: Arrays, x: Array) -> Array:
        count = super().apply(ops, c, np.ones_like(x))
        return ops.div(super().apply(ops, c, x), count)


@on_dynamics
class SumPoolAsAverage(SumPool2d):
    """SumPool divides by the window size, and AvgPool divides twice."""

    def apply(self, ops: Ops, c: Arrays, x: Array) -> Array:
        area = self.kernel_size[0] * self.kernel_size[1]
        return ops.mul(super().apply(ops, c, x), ops.constant(1.0 / area))


@on_dynamics
class PoolBackwards(SumPool2d):
    """A window is summed from its last element to its first."""

    def apply(self, ops: Ops, c: Arrays, x: Array) -> Array:
        (kh, kw), (sh, sw) = self.kernel_size, self.stride
        _, height, width = self.output_shape
        x = ops.pad(x, [(n, n) for n in self.padding])
        total = ops.zeros(())
        for row, column in reversed(list(np.ndindex(kh, kw))):
            rows = slice(row, row + (height - 1) * sh + 1, sh)
            columns = slice(column, column + (width - 1) * sw + 1, sw)
            total = ops.add(total, x[..., rows, columns])
        average = ops.constant(1.0 / (kh * kw) if isinstance(self, AvgPool2d) else 1.0)
        return ops.mul(total, average)


@on_dynamics
class FlattenColumnMajor(Flatten):
    """Flatten varies the first axis fastest."""

    def apply(self, ops: Ops, c: Arrays, x: Array) -> Array:
        lead = x.shape[: x.ndim - len(self.input_shape)]
        features = x.reshape((-1, *self.input_shape))
        flat = [one.reshape(self.output_shape, order="F") for one in features]
        return np.array(flat, x.dtype).reshape((*lead, *self.output_shape))


@on_dynamics
class DelayFilledWithItsFirstInput(Delay):
    """Before its first input comes out, a Delay outputs that input instead of 0."""

    def chunk(
        self, ops: Ops, c: Arrays, xs: Array, s: dict[str, Array], record: tuple[str, ...]
    ) -> tuple[Array, dict[str, Array], dict[str, Array]]:
        if self.length and not np.any(s["buffer"]):
            s = {"buffer": s["buffer"] + np.expand_dims(xs[0], self._time_axis(s["buffer"]))}
        return super().chunk(ops, c, xs, s, record)
