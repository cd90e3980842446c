"""Spike and reset backwards, in each order of leak, spike and reset."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from nirx_conformance.oracle.gradients.membrane import Leaked
from nirx_conformance.oracle.gradients.node import NodeGradient, Terms, added
from nirx_conformance.oracle.node import Array
from nirx_conformance.oracle.spikes import reset, spike

Pulled = tuple[Array, Terms]


class SpikingGradient(NodeGradient):
    """A spike has the surrogate's derivative at v - v_threshold, also where it is one of several.

    A reset to v_reset has the derivative v_reset - v with respect to the number of spikes, and a
    reset by subtraction -v_threshold.
    """

    def slope(self, v: Array) -> Array:
        """The derivative of the number of spikes with respect to v."""
        return self.spiking.surrogate(v - self.numbers("v_threshold"))

    def pull_spikes(self, v: Array, to_z: Array) -> Pulled:
        """The gradients of v and of the threshold from those of the spikes at v."""
        to_v = to_z * self.slope(v)
        return to_v, {"v_threshold": -to_v}

    def pull_reset(self, v: Array, z: Array, to_v: Array) -> tuple[Array, Array, Terms]:
        """The gradients of the v before the reset, of the spikes and of the parameters."""
        none = np.zeros_like(to_v)
        if self.rule.reset == "none":
            return to_v, none, {}
        to_z = self.pull_mask(v, to_v)
        if self.spiking.detach_reset:
            to_z = none
        if self.rule.reset == "subtract":
            return to_v, to_z, {"v_threshold": -to_v * z}
        return np.where(z > 0, 0.0, to_v), to_z, {"v_reset": np.where(z > 0, to_v, 0.0)}

    def pull_mask(self, v: Array, to_v: Array) -> Array:
        """The gradient of the spikes that reset v."""
        if self.rule.reset == "subtract":
            return -to_v * self.numbers("v_threshold")
        return to_v * (self.numbers("v_reset") - v)

    def pull_fire(
        self,
        v_old: Array,
        leak: Callable[[Array], Array],
        pull_leak: Callable[[Array, Array], Leaked],
        to_z: Array,
        to_v: Array,
    ) -> Leaked:
        """One step of the membrane backwards: the gradients of the old v, the input and the rest.

        Arguments:
            leak: v after a step without spikes.
            pull_leak: (v before it, gradient of v after it) -> gradients.
            to_z, to_v: gradients of the spikes that come out and of the new v.
        """
        threshold, v_reset = self.numbers("v_threshold"), self.numbers("v_reset")
        z_old, _ = spike(self.rule, threshold, v_old)
        to_z_old, to_z_new = self.parted(to_z)
        if self.rule.reset_when == "same":
            v = leak(v_old)
            z, _ = spike(self.rule, threshold, v)
            to_v, to_z_reset, terms = self.pull_reset(v, z, to_v)
            more, spiked = self.pull_spikes(v, to_z_new + to_z_reset)
            leaked = pull_leak(v_old, to_v + more)
            last, at_last = self.pull_spikes(v_old, to_z_old)
            every = added(terms, spiked, leaked.terms, at_last)
            return Leaked(leaked.v + last, leaked.x, every)
        if self.rule.reset_when == "next":
            before = leak(v_old)
            v = reset(self.rule, threshold, v_reset, before, z_old)
            more, spiked = self.pull_spikes(v, to_z_new)
            to_before, to_z_reset, terms = self.pull_reset(before, z_old, to_v + more)
            leaked = pull_leak(v_old, to_before)
            last, at_last = self.pull_spikes(v_old, to_z_old + to_z_reset)
            every = added(terms, spiked, leaked.terms, at_last)
            return Leaked(leaked.v + last, leaked.x, every)
        start = reset(self.rule, threshold, v_reset, v_old, z_old)
        more, spiked = self.pull_spikes(leak(start), to_z_new)
        leaked = pull_leak(start, to_v + more)
        to_v_old, to_z_reset, terms = self.pull_reset(v_old, z_old, leaked.v)
        last, at_last = self.pull_spikes(v_old, to_z_old + to_z_reset)
        every = added(terms, spiked, leaked.terms, at_last)
        return Leaked(to_v_old + last, leaked.x, every)

    def parted(self, to_z: Array) -> tuple[Array, Array]:
        """The gradient of the output, as that of the old v's spikes and of the new v's."""
        none = np.zeros_like(to_z)
        return (to_z, none) if self.rule.output == "old" else (none, to_z)
