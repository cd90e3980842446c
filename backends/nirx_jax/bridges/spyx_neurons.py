"""NIR neurons as spyx's: its classes, called with parameters that are array leaves.

**Source**: spyx 1.0.0, spyx.nn; held to it by tests/libraries.
"""

# The library is not in .venv, where types are checked; nir's annotations are narrower than nir.
# pyright: reportCallIssue=false, reportMissingImports=false

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import nir
import numpy as np
from flax import nnx
from spyx import nn as spyx

from nirx.basics.type_map import TypeMap
from nirx.bridging.limits import Limits, require_values
from nirx.bridging.membrane import Membrane, Synapse, membrane_of, synapse_of
from nirx.bridging.ranges import decay
from nirx.bridging.threshold import threshold_for
from nirx.dynamics.discretization import Discretization
from nirx_jax.bridges.neuron import LibraryNeuron, numbers
from nirx_jax.bridges.spyx_surrogates import activation

__all__ = ["NODE_MAP", "SpyxNeuron"]

SINGLE = {"spikes": ("single",)}
LATE = {**SINGLE, "reset": ("subtract",), "output": ("old",)}
LIF = Limits("spyx.LIF", ({**LATE, "reset_when": ("next",)},))
IF = Limits("spyx.IF", ({**LATE, "reset_when": ("next", "next-leaked")},))
CUBA = Limits(
    "spyx.CuBaLIF", ({**LATE, "reset_when": ("next-leaked",), "synapse": ("current-first",)},)
)
# A neuron without reset is another class, and never the nearest to one with: separate limits.
PSU = Limits("spyx.PSU_LIF", ({**SINGLE, "reset": ("none",), "output": ("new",)},))
LI = Limits("spyx.LI", ({"output": ("new",)},))


class SpyxNeuron(LibraryNeuron):
    """IF, LIF, PSU_LIF or LI with the state (V,), or CuBaLIF with (V, I).

    CuBaLIF has no bias, so its synaptic current has to pull v to v_leak: it is NIR's current
    plus a constant `lift`, which a constant input maintains.
    """

    ties = "gt"
    ranges = (decay("alpha"), decay("beta"))

    def advance(self, x: jax.Array, state: Any) -> tuple[jax.Array, Any]:
        cell, own = self.cell(x.shape[-1:]), self.arrays
        if len(state) == 1:
            y, new = cell(x, *state)
            return y, (new,)
        lifted = self.constant("lift")
        lift = (1 - jnp.clip(own["alpha"], 0, 1)) * lifted
        v, i = state
        packed = jnp.concatenate([v, i + lifted], axis=-1)
        y, packed = cell(x + lift, packed)
        v, i = jnp.split(packed, 2, -1)
        return y, (v, i - lifted)

    def cell(self, shape: tuple[int, ...]) -> Any:
        """The neuron of spyx."""
        own = self.arrays
        if self.kind == "IF":
            return spyx.IF(shape, own["threshold"], activation(self.node))
        ends: dict[str, Any] = {}
        if "threshold" in own:
            ends = {"threshold": own["threshold"], "activation": activation(self.node)}
        given = {"alpha": 0.0} if self.kind == "CuBaLIF" else {}
        cell = getattr(spyx, self.kind)(shape, beta=0.0, **given, **ends, rngs=None)
        for name in ("alpha", "beta"):
            if name in own:
                setattr(cell, name, nnx.Param(own[name]))  # its constructor takes one number
        return cell

    def membrane(self) -> Membrane:
        own = self.arrays
        return Membrane(
            keep=np.clip(numbers(own.get("beta", 1.0)), 0, 1),
            offset=self.constants.values.get("lift", np.zeros(())),
            threshold=numbers(own.get("threshold", np.inf)),
            start=self.start[0],
        )

    def synapse(self) -> Synapse | None:
        if "alpha" not in self.arrays:
            return None
        keep = np.clip(numbers(self.arrays["alpha"]), 0, 1)
        return Synapse(keep, np.ones_like(keep))


NODE_MAP = TypeMap()
"""NIR's neurons as spyx's. It has none for CubaLI, which nirx runs."""


@NODE_MAP.register(nir.IF)
@NODE_MAP.register(nir.LIF)
def _spiking(node: Any, rule: Discretization, dtype: str) -> LibraryNeuron:
    own = membrane_of(node, rule)
    leaks = isinstance(node, nir.LIF)
    kind = "PSU_LIF" if rule.reset == "none" else "LIF" if leaks else "IF"
    {"IF": IF, "LIF": LIF, "PSU_LIF": PSU}[kind].require(rule)
    arrays = {"threshold": threshold_for(own.threshold, rule, "gt", dtype)}
    if kind != "IF":
        _require_decay(kind, node, "tau", own.keep, rule)
        arrays["beta"] = own.keep
    return SpyxNeuron(node, rule, arrays, [own.start], own.gain, own.offset, kind)


@NODE_MAP.register(nir.I)
@NODE_MAP.register(nir.LI)
def _silent(node: Any, rule: Discretization) -> LibraryNeuron:
    LI.require(rule)
    own = membrane_of(node, rule)
    _require_decay("LI", node, "tau", own.keep, rule)
    return SpyxNeuron(node, rule, {"beta": own.keep}, [own.start], own.gain, own.offset, "LI")


@NODE_MAP.register(nir.CubaLIF)
def _current_based(node: nir.CubaLIF, rule: Discretization, dtype: str) -> LibraryNeuron:
    CUBA.require(rule)
    own, synapse = membrane_of(node, rule), synapse_of(node, rule)
    _require_decay("CuBaLIF", node, "tau_mem", own.keep, rule)
    _require_decay("CuBaLIF", node, "tau_syn", synapse.keep, rule)
    arrays = {
        "threshold": threshold_for(own.threshold, rule, "gt", dtype),
        "alpha": synapse.keep,
        "beta": own.keep,
    }
    gain = synapse.jump * own.gain  # I here is what flows into V: a*r*i
    start = [own.start, 0.0 * own.start]
    return SpyxNeuron(node, rule, arrays, start, gain, kind="CuBaLIF", lift=own.offset)


def _require_decay(kind: str, node: Any, name: str, keep: np.ndarray, rule: Discretization) -> None:
    """spyx clips its decays to 0..1; forward Euler with tau < dt has a negative one."""
    text = f"keeps between 0 and 1 of its state in a step: {name} >= dt"
    require_values(f"spyx.{kind}", node, name, (keep >= 0) & (keep <= 1), rule.dt, text)
