"""NIR neurons as slax's LIF.

**Source**: slax 0.0.1, slax.models.neurons; held to it by tests/libraries.
"""

# The library is not in .venv, where types are checked; nir's annotations are narrower than nir.
# pyright: reportMissingImports=false, reportArgumentType=false, reportCallIssue=false
# pyright: reportAttributeAccessIssue=false, reportOperatorIssue=false, reportOptionalCall=false

from __future__ import annotations

from typing import Any

import jax
import nir
import numpy as np
import slax

from nirx.basics.type_map import TypeMap
from nirx.bridging.limits import Limits, require_values
from nirx.bridging.membrane import Membrane, membrane_of
from nirx.bridging.threshold import threshold_for, threshold_from
from nirx.dynamics.discretization import Discretization
from nirx_jax.bridges.neuron import LibraryNeuron, numbers, require_start, same_step

__all__ = ["NODE_MAP", "SlaxNeuron", "kept"]

SPIKING = {"spikes": ("single",), "output": ("new",), "reset_when": ("same",)}
LIF = Limits("slax.LIF", ({**SPIKING, "reset": ("value", "subtract")},))
SILENT = Limits("slax.LIF", ({"output": ("new",)},))


class SlaxNeuron(LibraryNeuron):
    """LIF with the state (Vmem,)."""

    def advance(self, x: jax.Array, state: Any) -> tuple[jax.Array, Any]:
        own = self.arrays
        cell = slax.LIF(
            init_tau=own["tau"],
            # A threshold that nothing reaches: only a reset to a value multiplies no infinity.
            v_threshold=own.get("v_threshold", np.inf),
            v_reset=own.get("v_reset", 0.0),
            subtraction_reset=self.spiking and self.rule.reset == "subtract",
        )
        carry, spikes = cell.apply({}, {"Vmem": state[0]}, x)
        return (spikes if self.spiking else carry["Vmem"]), (carry["Vmem"],)

    def membrane(self) -> Membrane:
        own = self.arrays
        keep = kept(own["tau"])
        threshold = threshold_from(own.get("v_threshold", np.inf), self.rule, "ge")
        reset, zero = numbers(own.get("v_reset", 0.0)), np.zeros_like(keep)
        return Membrane(keep, zero + 1, zero, threshold, reset, numbers(self.start[0]))


def kept(tau: Any) -> np.ndarray:
    """What a slax neuron keeps of v in a step, float64."""
    with np.errstate(over="ignore"):
        return 1 / (1 + np.exp(-numbers(tau)))


NODE_MAP = TypeMap()
"""NIR's neurons as slax's; LI and I are read at the membrane. It has no synapses."""


@NODE_MAP.register(nir.IF)
@NODE_MAP.register(nir.I)
@NODE_MAP.register(nir.LIF)
@NODE_MAP.register(nir.LI)
def _lif(node: Any, rule: Discretization, dtype: str) -> LibraryNeuron:
    spiking = hasattr(node, "v_threshold")
    (LIF if spiking else SILENT).require(same_step(rule, node))
    if spiking and rule.reset_when != "same":
        require_start("slax.LIF", node, rule)
    own = membrane_of(node, rule)
    text = "keeps a sigmoid of its state, which is not negative: tau >= dt"
    require_values("slax.LIF", node, "tau", own.keep >= 0, rule.dt, text)
    with np.errstate(divide="ignore"):
        arrays = {"tau": np.log(own.keep) - np.log1p(-own.keep)}
    if spiking:
        arrays["v_threshold"] = threshold_for(own.threshold, rule, "ge", dtype)
        arrays["v_reset"] = own.reset
    return SlaxNeuron(node, rule, arrays, [own.start], own.gain, own.offset)
