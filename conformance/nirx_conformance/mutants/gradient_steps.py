"""Mutants of the gradients of one step of a node."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from nirx_conformance.mutants.gradient_mutant import on_pull
from nirx_conformance.oracle.gradients.affine import AffineGradient
from nirx_conformance.oracle.gradients.avg_pool2d import AvgPool2dGradient
from nirx_conformance.oracle.gradients.convolution import ConvolutionGradient
from nirx_conformance.oracle.gradients.delay import DelayGradient
from nirx_conformance.oracle.gradients.flatten import FlattenGradient
from nirx_conformance.oracle.gradients.linear import LinearGradient
from nirx_conformance.oracle.gradients.membrane import LeakyGradient
from nirx_conformance.oracle.gradients.node import NodeGradient, Pull, Terms
from nirx_conformance.oracle.gradients.spikes import Pulled, SpikingGradient
from nirx_conformance.oracle.gradients.sum_pool2d import SumPool2dGradient
from nirx_conformance.oracle.gradients.synapse import Decayed, SynapseGradient
from nirx_conformance.oracle.gradients.threshold import ThresholdGradient
from nirx_conformance.oracle.node import Array, State


@on_pull
class SignOfTheThreshold(SpikingGradient):
    """v_threshold's gradient has the opposite sign."""

    def pull_spikes(self, v: Array, to_z: Array) -> Pulled:
        to_v, terms = super().pull_spikes(v, to_z)
        return to_v, {"v_threshold": -terms["v_threshold"]}


@on_pull
class SubtractedThresholdConstant(SpikingGradient):
    """What a reset subtracts gives v_threshold no gradient."""

    def pull_reset(self, v: Array, z: Array, to_v: Array) -> tuple[Array, Array, Terms]:
        before, to_z, terms = super().pull_reset(v, z, to_v)
        return before, to_z, {k: term for k, term in terms.items() if k != "v_threshold"}


@on_pull
class ResetValueConstant(SpikingGradient):
    """v_reset gets no gradient."""

    def pull_reset(self, v: Array, z: Array, to_v: Array) -> tuple[Array, Array, Terms]:
        before, to_z, terms = super().pull_reset(v, z, to_v)
        return before, to_z, {k: term for k, term in terms.items() if k != "v_reset"}


@on_pull
class MaskOfTheResetDropped(SpikingGradient):
    """A reset to v_reset gives the spikes no gradient."""

    def pull_mask(self, v: Array, to_v: Array) -> Array:
        return np.zeros_like(v) if self.rule.reset == "value" else super().pull_mask(v, to_v)


@on_pull
class ResetToTheOldV(SpikingGradient):
    """A reset to v_reset passes the gradient on to the v before it as well."""

    def pull_reset(self, v: Array, z: Array, to_v: Array) -> tuple[Array, Array, Terms]:
        _, to_z, terms = super().pull_reset(v, z, to_v)
        return to_v, to_z, terms


@on_pull
class OutputOfTheNewV(SpikingGradient):
    """With output "old" the gradient goes to the spikes of the new v."""

    def parted(self, to_z: Array) -> tuple[Array, Array]:
        return np.zeros_like(to_z), to_z


@on_pull
class CoefficientForTau(LeakyGradient):
    """tau gets the gradient of the coefficient: the factor -dt/tau**2 is missing."""

    def slope_of_fraction(self, tau: Array) -> Array:
        return np.ones_like(tau)


@on_pull
class SlopeOfEuler(LeakyGradient):
    """The exponential integrator's coefficient has the derivative of Euler's."""

    def slope_of_fraction(self, tau: Array) -> Array:
        return -self.rule.dt / tau**2


@on_pull
class GainConstant(LeakyGradient):
    """The gain of the input, where it has its own, gives tau no gradient."""

    def slope_of_gain(self, tau: Array) -> Array:
        own = self.rule.input_gain == "euler"
        return np.zeros_like(tau) if own else super().slope_of_gain(tau)


@on_pull
class FirstLeakConstant(LeakyGradient):
    """A v that starts at v_leak gives v_leak no gradient."""

    def first_v(self, to_v: Array) -> Terms:
        return {}


@on_pull
class DriveOfTheOldCurrent(SynapseGradient):
    """What drives the membrane passes its gradient to the old i, not the new one."""

    def pull_drive(self, x: Array, state: State, to_drive: Array, to_i: Array) -> Decayed:
        found = self.pull_current(state["i"], x, to_i)
        return found._replace(i=found.i + to_drive)


@on_pull
class JumpWithoutDecay(SynapseGradient):
    """A jump that already decays in the same step has the gradient of one that does not."""

    def after_the_jump(self, to_i: Array, a: Array) -> Array:
        return to_i


@on_pull
class BiasOverTheFeatures(AffineGradient):
    """Affine's bias is summed over the features too."""

    def pull_bias(self, to_y: Array) -> Array:
        return np.full_like(super().pull_bias(to_y), to_y.sum())


@on_pull
class BiasOfOnePlace(ConvolutionGradient):
    """A convolution's bias is not summed over the space."""

    def pull_bias(self, to_y: Array) -> Terms:
        return super().pull_bias(to_y[(..., *(slice(1),) * self.axes)])


@on_pull
class WeightGradientTransposed(LinearGradient):
    """The gradient of a square weight is transposed."""

    def pull_weight(self, x: Array, to_y: Array) -> Array:
        found = super().pull_weight(x, to_y)
        square = found.shape[-1] == found.shape[-2]
        return np.swapaxes(found, -1, -2) if square else found


@on_pull
class KernelGradientFlipped(ConvolutionGradient):
    """The gradient of a kernel is that of a true convolution's."""

    def pull(self, x: Array, state: State, to_y: Array, to_state: State) -> Pull:
        found = super().pull(x, state, to_y, to_state)
        weight = found.parameters["weight"]
        flipped = np.flip(weight, tuple(range(2, weight.ndim)))
        return found._replace(parameters={**found.parameters, "weight": flipped})


@on_pull
class AverageAsSum(AvgPool2dGradient):
    """AvgPool passes on the gradient of SumPool."""

    def pull(self, x: Array, state: State, to_y: Array, to_state: State) -> Pull:
        return SumPool2dGradient.pull(self, x, state, to_y, to_state)


@on_pull
class FlattenBackColumnMajor(FlattenGradient):
    """Flatten's gradient is put back with the first axis varying fastest."""

    def pull(self, x: Array, state: State, to_y: Array, to_state: State) -> Pull:
        return Pull(to_y.reshape(x.shape, order="F"), {}, {})


@on_pull
class DelayOneStepShort(DelayGradient):
    """The gradient of a delayed output goes to the input one step later."""

    def place(self, steps: int, longest: int) -> int:
        return min(longest - steps + 1, longest)


@on_pull
class ThresholdWithoutGradient(ThresholdGradient):
    """A Threshold node passes no gradient."""

    def pull(self, x: Array, state: State, to_y: Array, to_state: State) -> Pull:
        return super().pull(x, state, np.zeros_like(to_y), to_state)


@on_pull
class MeanForSharedNumbers(NodeGradient):
    """A parameter that several elements share gets the mean of their gradients, not the sum."""

    def summed(self, terms: Mapping[str, Array]) -> Terms:
        features = max(1, int(np.prod(self.node.shape)))
        found = super().summed(terms)
        return {name: sums * self.numbers(name).size / features for name, sums in found.items()}
