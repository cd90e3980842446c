"""`Membrane` and `Synapse`: a NIR neuron as the numbers of one linear step, and back.

Libraries describe the same neuron in different coordinates: a decay instead of a time constant,
weights that include the input gain, a membrane potential that rests at zero. All of them compute

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
from nirx.dynamics.coefficients import decay_fraction, input_fraction
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


ZERO: Any = np.float64(0)
ONE: Any = np.float64(1)
NEVER: Any = np.float64(np.inf)


@dataclass(frozen=True)
class Membrane:
    """v <- keep*v + gain*x + offset, with a spike above `threshold`; all float64.

    Arguments:
        keep: the fraction of v that is left after a step; 1 for no leak.
        gain: factor of the input.
        offset: added in every step; pulls v towards v_leak.
        threshold, reset: infinity and 0 for a neuron that does not spike.
        start: v before the first step.
    """

    keep: Numbers
    gain: Numbers = ONE
    offset: Numbers = ZERO
    threshold: Numbers = NEVER
    reset: Numbers = ZERO
    start: Numbers = ZERO

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
        keep, *scaled = vars(self).values()
        return Membrane(keep, *(value / by for value in scaled))

    def fed(self, gain: Numbers, offset: Numbers) -> Membrane:
        """The neuron whose input x is replaced by gain*x + offset."""
        return replace(self, gain=self.gain * gain, offset=self.offset + self.gain * offset)


@dataclass(frozen=True)
class Synapse:
    """i <- keep*i + jump*x; float64."""

    keep: Numbers
    jump: Numbers


def fed(
    membrane: Membrane, synapse: Synapse | None, gain: Numbers, offset: Numbers
) -> tuple[Membrane, Synapse | None]:
    """The neuron whose input x is replaced by gain*x + offset; a synapse has no offset."""
    if synapse is None:
        return membrane.fed(gain, offset), None
    return membrane, Synapse(synapse.keep, synapse.jump * gain)


def numbers(value: Any) -> Numbers:
    """float64 numbers of a tensor, an array of any library, or a number."""
    return np.array(to_numpy(value), np.float64)


def membrane_of(node: Any, rule: Discretization) -> Membrane:
    """The membrane of an I, IF, LI, LIF, CubaLI or CubaLIF, whose input may be a synaptic current.

    Arguments:
        rule: discretization of the node; `integrator`, `input_gain`, `dt` and `initial_v`
            matter.
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
    return Membrane(1 - a, _gain(tau, rule) * r, a * leak, threshold, reset, start)


def synapse_of(node: Any, rule: Discretization) -> Synapse:
    """The synapse of a CubaLI or CubaLIF; the choices of `synapse_input` differ in the jump."""
    tau, w_in = numbers(node.tau_syn), numbers(node.w_in)
    a = _fraction(tau, rule)
    jump = {"scaled": _gain(tau, rule) * w_in, "jump": w_in, "jump-then-decay": (1 - a) * w_in}
    return Synapse(1 - a, jump[rule.synapse_input])


def neuron_node(
    membrane: Membrane, rule: Discretization, spiking: bool, synapse: Synapse | None = None
) -> Any:
    """The NIR node of a membrane (and a synapse): the inverse of `membrane_of`.

    Arguments:
        membrane: in the coordinates of NIR, v itself.
        rule: discretization of the node; `dt`, `integrator`, `input_gain` and `synapse_input`
            matter.
        spiking: whether the neuron has a threshold.

    Returns: an IF (I) where nothing leaks and there is no synapse, else a LIF or CubaLIF (LI,
    CubaLI); all parameters have one shape.

    **Raises**: `UnsupportedError` for numbers that NIR's equations cannot express.
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
    tau = _time_constant(full["keep"], rule, "membrane")
    scale = _gain(tau, rule) if rule.input_gain == "euler" else a
    leaky = {"r": full["gain"] / scale, "v_leak": full["offset"] / a, **ends}
    if synapse is None:
        return nir.LIF(tau=tau, **leaky) if spiking else nir.LI(tau=tau, **leaky)
    keep = np.broadcast_to(synapse.keep, shape).copy()
    tau_syn = _time_constant(keep, rule, "synapse")
    scale = _gain(tau_syn, rule) if rule.input_gain == "euler" else 1 - keep
    divisor = {"scaled": scale, "jump": np.ones(shape), "jump-then-decay": keep}
    divisor = divisor[rule.synapse_input]
    if not divisor.all():
        raise UnsupportedError("a synapse that keeps nothing of its current has no w_in")
    current = {
        "tau_syn": tau_syn,
        "tau_mem": tau,
        "w_in": np.broadcast_to(synapse.jump, shape) / divisor,
        **leaky,
    }
    return nir.CubaLIF(**current) if spiking else nir.CubaLI(**current)


def _fraction(tau: Numbers, rule: Discretization) -> Numbers:
    return np.asarray(decay_fraction(_OPS, rule.dt, tau, rule.integrator))


def _gain(tau: Numbers, rule: Discretization) -> Numbers:
    gain = input_fraction(_OPS, rule.dt, tau, rule.integrator, rule.input_gain)
    return np.asarray(gain)


def _time_constant(keep: Numbers, rule: Discretization, part: str) -> Numbers:
    """tau of a membrane or synapse that keeps this fraction of its state in a step."""
    if not ((keep < 1).all() and (rule.integrator == "euler" or (keep > 0).all())):
        low, high = float(keep.min()), float(keep.max())
        kept = f"{low:g}" if low == high else f"{low:g} to {high:g}"
        raise UnsupportedError(
            f"a {part} that keeps {kept} of its state in a step has no time constant; NIR's leaky "
            "neurons keep less than 1 (and more than 0)"
        )
    if rule.integrator == "euler":
        return rule.dt / (1 - keep)
    return -rule.dt / np.log(keep)


_OPS = NumpyOps(np.dtype("float64"))
