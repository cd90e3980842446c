"""NIR neurons as slax's LIF.

**Source**: slax 0.0.1, slax.models.neurons; held to it by tests/libraries.
"""

# The library is not in .venv, where types are checked; nir's annotations are narrower than nir.
# pyright: reportCallIssue=false, reportMissingImports=false

from __future__ import annotations

from typing import Any

import jax
import nir
import numpy as np
import slax

from nirx.basics.type_map import TypeMap
from nirx.bridging.limits import Limits, require_quiet_start, require_values, reset_at_once
from nirx.bridging.membrane import Membrane, membrane_of
from nirx.bridging.ranges import Range
from nirx.bridging.threshold import threshold_for
from nirx.dynamics.discretization import Discretization
from nirx_jax.bridges.neuron import LibraryNeuron, numbers
from nirx_jax.bridges.slax_surrogates import spike_fn

__all__ = ["NODE_MAP", "SlaxNeuron", "kept"]

SPIKING = {"spikes": ("single",), "output": ("new",), "reset_when": ("same",)}
LIF = Limits("slax.LIF", ({**SPIKING, "reset": ("value", "subtract")},))
SILENT = Limits("slax.LIF", ({"output": ("new",)},))

MOST = 36.0
"""Beyond it, the sigmoid of tau, which a step keeps of v, rounds to 1."""


class SlaxNeuron(LibraryNeuron):
    """LIF with the state (Vmem,)."""

    ties = "ge"
    ranges = (Range("tau", -MOST, MOST),)

    def advance(self, x: jax.Array, state: Any) -> tuple[jax.Array, Any]:
        own = self.arrays
        cell = slax.LIF(
            init_tau=own["tau"],
            # An infinite threshold must not be subtracted: it would be multiplied by 0.
            v_threshold=own.get("v_threshold", np.inf),
            v_reset=own.get("v_reset", 0.0),
            subtraction_reset=self.spiking and self.rule.reset == "subtract",
            **(spike_fn(self.node) if self.spiking else {}),
        )
        carry, spikes = cell.apply({}, {"Vmem": state[0]}, x)
        return (spikes if self.spiking else carry["Vmem"]), (carry["Vmem"],)

    def membrane(self) -> Membrane:
        own = self.arrays
        return Membrane(
            keep=kept(own["tau"]),
            threshold=numbers(own.get("v_threshold", np.inf)),
            reset=numbers(own.get("v_reset", 0.0)),
            start=self.start[0],
        )


def kept(tau: Any) -> np.ndarray:
    """The fraction of v that a slax neuron keeps in a step, float64."""
    with np.errstate(over="ignore"):
        return 1 / (1 + np.exp(-numbers(tau)))


NODE_MAP = TypeMap()
"""NIR's neurons as slax's LIF; LI and I are read at the membrane. slax has no synapses."""


@NODE_MAP.register(nir.IF)
@NODE_MAP.register(nir.I)
@NODE_MAP.register(nir.LIF)
@NODE_MAP.register(nir.LI)
def _lif(node: Any, rule: Discretization, dtype: str) -> LibraryNeuron:
    spiking = hasattr(node, "v_threshold")
    (LIF if spiking else SILENT).require(reset_at_once(rule, node))
    if spiking and rule.reset_when != "same":
        require_quiet_start("slax.LIF", node, rule)
    own = membrane_of(node, rule)
    text = "keeps a sigmoid of its state, which is not negative: tau >= dt"
    require_values("slax.LIF", node, "tau", own.keep >= 0, rule.dt, text)
    with np.errstate(divide="ignore"):
        arrays = {"tau": np.log(own.keep) - np.log1p(-own.keep)}
    if spiking:
        arrays["v_threshold"] = threshold_for(own.threshold, rule, "ge", dtype)
        arrays["v_reset"] = own.reset
    return SlaxNeuron(node, rule, arrays, [own.start], gain=own.gain, offset=own.offset)
