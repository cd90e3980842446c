"""`Membrane` and `Synapse`: a NIR neuron as the numbers of one linear step, and back.

Every library writes its neuron in coordinates of its own: a decay instead of a time constant,
weights that hold the input gain, a membrane that rests at zero. All of them are the step

    v <- keep*v + gain*x + offset,    i <- keep*i + jump*x

after a shift and a scaling of v, so a bridge is exact as soon as the numbers are.

**Source**: docs/semantics.md; the shift and the scaling are changes of variable.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import nir
import numpy as np

from nirx.basics.foreign_arrays import to_numpy
from nirx.dynamics.coefficients import decay_fraction
from nirx.dynamics.discretization import Discretization
from nirx.errors import UnsupportedError
from nirx.execution.numpy_ops import NumpyOps

__all__ = [
    "Membrane",
    "Synapse",
    "fed",
    "membrane_of",
    "neuron_node",
    "numbers",
    "synapse_of",
]

Numbers = np.ndarray


@dataclass(frozen=True)
class Membrane:
    """v <- keep*v + gain*x + offset, a spike above `threshold`; all float64.

    Arguments:
        keep: what is left of v after a step; 1 does not leak.
        gain: of the input.
        offset: added in every step: the pull towards v_leak.
        threshold, reset: infinite and 0 for a neuron that does not spike.
        start: v before the first step.
    """

    keep: Numbers
    gain: Numbers
    offset: Numbers
    threshold: Numbers
    reset: Numbers
    start: Numbers

    def shifted(self, by: Numbers) -> Membrane:
        """The same neuron in u = v - by."""
        return Membrane(
            self.keep,
            self.gain,
            self.offset - (1 - self.keep) * by,
            self.threshold - by,
            self.reset - by,
            self.start - by,
        )

    def scaled(self, by: Numbers) -> Membrane:
        """The same neuron in u = v/by, by > 0."""
        return Membrane(
            self.keep,
            self.gain / by,
            self.offset / by,
            self.threshold / by,
            self.reset / by,
            self.start / by,
        )

    def fed(self, gain: Numbers, offset: Numbers) -> Membrane:
        """The neuron with input gain*x + offset in the place of x."""
        return replace(self, gain=self.gain * gain, offset=self.offset + self.gain * offset)


@dataclass(frozen=True)
class Synapse:
    """i <- keep*i + jump*x; float64."""

    keep: Numbers
    jump: Numbers


def fed(
    membrane: Membrane, synapse: Synapse | None, gain: Numbers, offset: Numbers
) -> tuple[Membrane, Synapse | None]:
    """The neuron with gain*x + offset in the place of x; into a synapse only the gain goes."""
    if synapse is None:
        return membrane.fed(gain, offset), None
    return membrane, Synapse(synapse.keep, synapse.jump * gain)


def numbers(value: Any) -> Numbers:
    """float64 numbers of a tensor, an array of any library, or a number."""
    return np.array(to_numpy(value), np.float64)


def membrane_of(node: Any, rule: Discretization) -> Membrane:
    """The membrane of an I, IF, LI, LIF, CubaLI or CubaLIF; a synapse's current is its input.

    Arguments:
        rule: of the node; `integrator`, `dt` and `initial_v` count here.
    """
    r = numbers(node.r)
    zero = np.zeros_like(r)
    threshold = numbers(getattr(node, "v_threshold", zero + np.inf))
    reset = numbers(getattr(node, "v_reset", zero))
    if isinstance(node, nir.I | nir.IF):
        return Membrane(zero + 1, rule.dt * r, zero, threshold, reset, zero)
    tau = numbers(node.tau_mem if hasattr(node, "tau_mem") else node.tau)
    a, leak = _fraction(tau, rule), numbers(node.v_leak)
    start = leak if rule.initial_v == "leak" else zero
    return Membrane(1 - a, a * r, a * leak, threshold, reset, start)


def synapse_of(node: Any, rule: Discretization) -> Synapse:
    """The synapse of a CubaLI or CubaLIF: its three forms differ in the jump alone."""
    a, w_in = _fraction(numbers(node.tau_syn), rule), numbers(node.w_in)
    jump = {"scaled": a * w_in, "jump": w_in, "jump-then-decay": (1 - a) * w_in}
    return Synapse(1 - a, jump[rule.synapse_input])


def neuron_node(
    membrane: Membrane, rule: Discretization, spiking: bool, synapse: Synapse | None = None
) -> Any:
    """The NIR node of a membrane (and a synapse): the inverse of `membrane_of`.

    Arguments:
        membrane: in the coordinates of NIR, v itself.
        rule: of the node; dt, integrator and synapse_input count.
        spiking: whether the neuron has a threshold.

    Returns: an IF (I) where no element leaks and there is no synapse, else LIF, CubaLIF (LI,
    CubaLI), all parameters of one shape.

    **Raises**: `UnsupportedError` for what NIR's equations have no numbers for.
    """
    parts = [getattr(membrane, name) for name in vars(membrane)]
    parts += [] if synapse is None else [synapse.keep, synapse.jump]
    shape = np.broadcast_shapes(*(part.shape for part in parts))
    full = {k: np.broadcast_to(v, shape).copy() for k, v in vars(membrane).items()}
    ends: dict[str, Any] = (
        {"v_threshold": full["threshold"], "v_reset": full["reset"]} if spiking else {}
    )
    if synapse is None and (full["keep"] == 1).all():
        if full["offset"].any():
            raise UnsupportedError(
                "a neuron that does not leak but has a bias has no NIR node; put the bias "
                "into the layer before it"
            )
        gain = full["gain"] / rule.dt
        return nir.IF(r=gain, **ends) if spiking else nir.I(r=gain)
    a = 1 - full["keep"]
    if not ((a > 0).all() and (rule.integrator == "euler" or (a < 1).all())):
        raise UnsupportedError(
            f"a membrane that keeps {_range(full['keep'])} of itself in a step has no time "
            "constant; NIR's leaky neurons keep less than 1 (and more than 0)"
        )
    leaky = {
        "r": full["gain"] / a,
        "v_leak": full["offset"] / a,
        **ends,
    }
    tau = _time_constant(full["keep"], rule)
    if synapse is None:
        return nir.LIF(tau=tau, **leaky) if spiking else nir.LI(tau=tau, **leaky)
    keep = np.broadcast_to(synapse.keep, shape).copy()
    a_syn = 1 - keep
    if not ((a_syn > 0).all() and (rule.integrator == "euler" or (a_syn < 1).all())):
        raise UnsupportedError(
            f"a synapse that keeps {_range(keep)} of its current in a step has no time constant"
        )
    divisor = {"scaled": a_syn, "jump": np.ones(shape), "jump-then-decay": keep}
    divisor = divisor[rule.synapse_input]
    if not divisor.all():
        raise UnsupportedError("a synapse that keeps nothing of its current has no w_in")
    current = {
        "tau_syn": _time_constant(keep, rule),
        "tau_mem": tau,
        "w_in": np.broadcast_to(synapse.jump, shape) / divisor,
        **leaky,
    }
    return nir.CubaLIF(**current) if spiking else nir.CubaLI(**current)


def _fraction(tau: Numbers, rule: Discretization) -> Numbers:
    return np.asarray(decay_fraction(_OPS, rule.dt, tau, rule.integrator))


def _time_constant(keep: Numbers, rule: Discretization) -> Numbers:
    """tau with the fraction 1 - keep."""
    if rule.integrator == "euler":
        return rule.dt / (1 - keep)
    return -rule.dt / np.log(keep)


def _range(values: Numbers) -> str:
    low, high = float(values.min()), float(values.max())
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"


_OPS = NumpyOps(np.dtype("float64"))
