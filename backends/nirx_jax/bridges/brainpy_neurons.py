"""NIR neurons as brainpy.state's LIF and CubaLIF.

Its integrator is exact for a constant input, so a step keeps exp(-dt/tau) of v; tau is chosen
so that this is the fraction that the rule's integrator keeps. The reset is at the beginning of
the next step, which shows only in v.

**Source**: brainpy 2.8.2 (brainpy_state 0.1.0), brainpy.state; held to it by tests/libraries.
"""

# The library is not in .venv, where types are checked; nir's annotations are narrower than nir.
# pyright: reportCallIssue=false, reportMissingImports=false

from __future__ import annotations

from typing import Any

import brainpy
import brainstate
import brainunit as u
import jax
import jax.numpy as jnp
import nir
import numpy as np

from nirx.basics.type_map import TypeMap
from nirx.bridging.limits import Limits, require_quiet_start, require_values, reset_at_once
from nirx.bridging.membrane import Membrane, Synapse, membrane_of, synapse_of
from nirx.bridging.ranges import positive
from nirx.bridging.threshold import threshold_for
from nirx.dynamics.discretization import Discretization
from nirx_jax.bridges.brainpy_surrogates import spike_function
from nirx_jax.bridges.neuron import LibraryNeuron, numbers

__all__ = ["NODE_MAP", "BrainPyNeuron"]

SPIKING = {"spikes": ("single",), "output": ("new",), "reset_when": ("same",)}
RESET = {**SPIKING, "reset": ("value", "subtract")}
SYNAPSE = {"synapse": ("current-first",)}
LIF = Limits("brainpy.state.LIF", (RESET,))
CUBA = Limits("brainpy.state.CubaLIF", ({**RESET, **SYNAPSE},))
SILENT = Limits("brainpy.state.LIF", ({"output": ("new",)},))
SILENT_CUBA = Limits("brainpy.state.CubaLIF", ({"output": ("new",), **SYNAPSE},))

NEVER = 1e30
"""A threshold that is never reached; an infinite one would be multiplied by 0."""

NO_LEAK = 1e20
"""Time constants, in steps, of a neuron that does not leak: v is negligible against R*I."""


class BrainPyNeuron(LibraryNeuron):
    """LIF with the state (V,), or CubaLIF with (V, g)."""

    ties = "ge"
    ranges = (positive("tau"), positive("tau_syn"))

    def advance(self, x: jax.Array, state: Any) -> tuple[jax.Array, Any]:
        if not x.ndim:  # brainpy's layers have at least one axis
            y, new = self.advance(x[None], tuple(part[None] for part in state))
            return y[0], tuple(part[0] for part in new)
        with brainstate.environ.context(dt=self.rule.dt * u.second):
            cell = self.cell(x.shape[-1:])
            cell.V = brainstate.HiddenState(state[0] * u.mV)
            if len(state) == 1:
                spikes = cell.update(x * u.mA)
                new = (cell.V.value.to_decimal(u.mV),)
            else:
                cell.g = brainstate.HiddenState(state[1] * u.mA)
                cell.add_delta_input("nirx", x * u.mA)
                spikes = cell.update()
                new = (cell.V.value.to_decimal(u.mV), cell.g.value.to_decimal(u.mA))
        return (spikes if self.spiking else new[0]), new

    def cell(self, shape: tuple[int, ...]) -> Any:
        """The neuron of brainpy."""
        own = self.arrays
        threshold = own.get("V_th", jnp.asarray(NEVER))
        soft = self.spiking and self.rule.reset == "subtract"
        reset = own.get("V_reset", 0.0)
        if soft and self.rule.threshold == "gt":
            # brainpy subtracts V_th - V_reset: make it the threshold, not the number above it.
            reset = jax.lax.stop_gradient(threshold - jnp.nextafter(threshold, -jnp.inf))
        synapse = {"tau_syn": own["tau_syn"] * u.second} if "tau_syn" in own else {}
        return getattr(brainpy.state, self.kind)(
            shape,
            R=own["R"] * u.ohm,
            tau=own["tau"] * u.second,
            V_th=threshold * u.mV,
            V_reset=reset * u.mV,
            V_rest=own["V_rest"] * u.mV,
            spk_reset="soft" if soft else "hard",
            **synapse,
            **(spike_function(self.node, self.height) if self.spiking else {}),
        )

    @property
    def height(self) -> np.ndarray:
        """What brainpy divides u by; the node's own, so that no traced number is looked at."""
        low = numbers(self.node.v_reset) if self.rule.reset == "value" else 0.0
        return numbers(self.node.v_threshold) - low

    def membrane(self) -> Membrane:
        own = self.arrays
        keep, a = kept(own["tau"], self.rule.dt)
        return Membrane(
            keep=keep,
            gain=a * numbers(own["R"]),
            offset=a * numbers(own["V_rest"]),
            threshold=numbers(own.get("V_th", np.inf)),
            reset=numbers(own.get("V_reset", 0.0)),
            start=self.start[0],
        )

    def synapse(self) -> Synapse | None:
        if "tau_syn" not in self.arrays:
            return None
        keep, _ = kept(self.arrays["tau_syn"], self.rule.dt)
        return Synapse(keep, np.ones_like(keep))


def kept(tau: Any, dt: float) -> tuple[np.ndarray, np.ndarray]:
    """The fraction of v that exponential Euler keeps in a step, and 1 minus that."""
    exponent = -dt / numbers(tau)
    return np.exp(exponent), -np.expm1(exponent)


NODE_MAP = TypeMap()
"""NIR's neurons as brainpy's; those that do not spike are read at the membrane."""


@NODE_MAP.register(nir.IF)
@NODE_MAP.register(nir.I)
@NODE_MAP.register(nir.LIF)
@NODE_MAP.register(nir.LI)
def _lif(node: Any, rule: Discretization, dtype: str) -> LibraryNeuron:
    spiking = hasattr(node, "v_threshold")
    (LIF if spiking else SILENT).require(reset_at_once(rule, node))
    own = membrane_of(node, rule)
    leaks = hasattr(node, "tau")
    if leaks:
        arrays = _leaky("LIF", node, "tau", own, rule)
    else:
        tau = np.full_like(own.keep, NO_LEAK * rule.dt)
        arrays = {"tau": tau, "R": own.gain * NO_LEAK, "V_rest": np.zeros_like(tau)}
    if spiking:
        arrays |= _ends("LIF", node, own, rule, dtype)
    return BrainPyNeuron(node, rule, arrays, [own.start], kind="LIF")


@NODE_MAP.register(nir.CubaLIF)
@NODE_MAP.register(nir.CubaLI)
def _current_based(node: Any, rule: Discretization, dtype: str) -> LibraryNeuron:
    spiking = isinstance(node, nir.CubaLIF)
    (CUBA if spiking else SILENT_CUBA).require(reset_at_once(rule, node))
    own, synapse = membrane_of(node, rule), synapse_of(node, rule)
    arrays = _leaky("CubaLIF", node, "tau_mem", own, rule)
    arrays["tau_syn"] = _time_constant("CubaLIF", node, "tau_syn", synapse.keep, rule)
    if spiking:
        arrays |= _ends("CubaLIF", node, own, rule, dtype)
    start = [own.start, np.zeros_like(own.start)]
    return BrainPyNeuron(node, rule, arrays, start, synapse.jump, kind="CubaLIF")


def _leaky(kind: str, node: Any, name: str, own: Membrane, rule: Discretization) -> dict[str, Any]:
    tau = _time_constant(kind, node, name, own.keep, rule)
    return {"tau": tau, "R": numbers(node.r), "V_rest": numbers(node.v_leak)}


def _time_constant(
    kind: str, node: Any, name: str, keep: np.ndarray, rule: Discretization
) -> np.ndarray:
    text = f"keeps part of its state in every step: {name} > dt"
    nearest = np.nextafter(rule.dt, np.inf)
    require_values(f"brainpy.state.{kind}", node, name, keep > 0, nearest, text)
    tau = numbers(getattr(node, name))  # keep would round time constants that are long
    return tau if rule.integrator == "exponential" else -rule.dt / np.log1p(-rule.dt / tau)


def _ends(
    kind: str, node: Any, own: Membrane, rule: Discretization, dtype: str
) -> dict[str, np.ndarray]:
    if rule.reset_when == "same":
        require_quiet_start(f"brainpy.state.{kind}", node, rule)
    low = own.reset if rule.reset == "value" else np.zeros_like(own.reset)
    text = "divides by the height of a reset, which has to be above 0"
    nearest = np.nextafter(low, np.inf)
    good = own.threshold > low
    require_values(f"brainpy.state.{kind}", node, "v_threshold", good, nearest, text)
    ends = {"V_th": threshold_for(own.threshold, rule, "ge", dtype)}
    return ends | ({"V_reset": own.reset} if rule.reset == "value" else {})
