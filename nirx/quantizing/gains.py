"""What a float neuron does in a step, as numbers: decays, gains, threshold, reset, constant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from nirx.basics.paths import format_path
from nirx.dynamics.coefficients import decay_fraction, input_fraction
from nirx.dynamics.discretization import Discretization
from nirx.dynamics.parameters import parameter
from nirx.errors import Fault, GraphError
from nirx.execution.numpy_ops import NumpyOps
from nirx.graphs.schedule import ScheduledNode

__all__ = ["FLOATS", "Gains", "after_decay", "fraction", "gains_of", "time_constant"]

FLOATS = NumpyOps(np.dtype("float64"))

ENDLESS = 2.0**60
"""The time constant, in steps, of a decay of 0."""


@dataclass(frozen=True)
class Gains:
    """One step of a neuron: i' = (1 - a_syn)*i + e*x, v' = (1 - a)*v + g*i' + l.

    Arguments:
        decay: a, of the shape of the neurons, as are all the others; None for I and IF.
        gain: g.
        decay_syn: a_syn; None without a synapse.
        jump: e, by which i is larger at the end of a step for an input of 1.
        constant: l.
        threshold, reset: None for neurons without spikes.
    """

    decay: np.ndarray | None
    gain: np.ndarray
    decay_syn: np.ndarray | None
    jump: np.ndarray
    constant: np.ndarray
    threshold: np.ndarray | None
    reset: np.ndarray | None


def gains_of(place: ScheduledNode, node: Any, rule: Discretization) -> Gains:
    """The step of a neuron under its own discretization."""
    shape = place.output_shape

    def own(name: str) -> np.ndarray:
        return np.broadcast_to(np.asarray(parameter(node, name), np.float64), shape)

    decay = decay_syn = threshold = reset = None
    jump, constant = np.ones(shape), np.zeros(shape)
    if hasattr(node, "tau") or hasattr(node, "tau_mem"):
        tau = own("tau" if hasattr(node, "tau") else "tau_mem")
        decay = fraction(rule, tau)
        gain = own("r") * fraction(rule, tau, of_input=True)
        constant = own("v_leak") * decay
    else:
        gain = rule.dt * own("r")
    if hasattr(node, "tau_syn"):
        decay_syn = fraction(rule, own("tau_syn"))
        jump = own("w_in") * after_decay(rule, decay_syn)
        if rule.synapse_input == "scaled":
            jump = jump * fraction(rule, own("tau_syn"), of_input=True)
    if hasattr(node, "v_threshold"):
        threshold, reset = own("v_threshold"), own("v_reset")
    return Gains(decay, gain, decay_syn, jump, constant, threshold, reset)


def after_decay(rule: Discretization, decay_syn: np.ndarray) -> np.ndarray:
    """What a step leaves of an input to the synapse: less where it decays in the same step."""
    late = rule.synapse_input == "jump-then-decay"
    return 1.0 - decay_syn if late else np.ones_like(decay_syn)


def fraction(rule: Discretization, tau: np.ndarray, of_input: bool = False) -> np.ndarray:
    """The fraction of a decay in one step, or that of the input."""
    if of_input:
        return input_fraction(FLOATS, rule.dt, tau, rule.integrator, rule.input_gain)
    return decay_fraction(FLOATS, rule.dt, tau, rule.integrator)


def time_constant(path: tuple[str, ...], decay: np.ndarray, rule: Discretization) -> np.ndarray:
    """The inverse of `fraction`: the time constants whose decay in a step is the given one.

    **Raises**: `GraphError` for decays over 1 with the exponential integrator.
    """
    if rule.integrator == "euler":
        ratio = decay
    elif decay.size and decay.max() > 1:
        raise GraphError(
            [
                Fault(
                    format_path(path),
                    f"it loses {float(decay.max()):g} of itself in a step (dt is larger than its "
                    "time constant)",
                    'at most 1 with integrator="exponential"',
                    'quantize with integrator="euler", or with a smaller dt',
                )
            ]
        )
    else:
        with np.errstate(divide="ignore"):
            ratio = np.minimum(-np.log1p(-decay), 100.0)  # from 64 on, everything is lost
    return rule.dt / np.maximum(ratio, 1.0 / ENDLESS)
