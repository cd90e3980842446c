"""Discretizations that reproduce the step of real libraries' neurons.

**Source**: each library's neuron, measured against a plain reference (norse 1.1.0,
snntorch 1.0.0, sinabs 3.1.3, spikingjelly 2.0.0, rockpool 3.1.0, spyx 1.0.0, slax 0.0.1,
brainpy 2.8.2). A preset fixes order and rule of a step, never the parameters: where a
library lacks a parameter (norse has no r) or folds one into its weights (snnTorch's
input gain), the graph's parameters have to say the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from nirx.discretization import Discretization

__all__ = ["PRESETS"]

_NEXT_SUBTRACT = Discretization(reset="subtract", reset_when="next", synapse_input="jump")
_SPYX = Discretization(dt=1.0, reset="subtract", reset_when="next", output="old")

PRESETS: Mapping[str, Discretization] = MappingProxyType(
    {
        "nir": Discretization(),
        "norse.LIFBoxCell": Discretization(dt=1e-3, initial_v="leak"),
        "norse.LIBoxCell": Discretization(dt=1e-3),
        # Norse keeps i after its decay, nirx before it; v moves with the same current in both.
        "norse.LIFCell": Discretization(dt=1e-3, synapse_input="jump", initial_v="leak"),
        "norse.IAFCell": Discretization(dt=1.0),
        "snntorch.Leaky": _NEXT_SUBTRACT,
        "snntorch.Leaky(reset_mechanism='zero', reset_delay=False)": Discretization(),
        "snntorch.Synaptic": _NEXT_SUBTRACT,
        "sinabs.LIF": Discretization(
            dt=1.0, integrator="exponential", threshold="ge", reset="subtract", spikes="multi"
        ),
        "sinabs.IAF": Discretization(dt=1.0, threshold="ge", reset="subtract", spikes="multi"),
        "spikingjelly.LIFNode": Discretization(dt=1.0, threshold="ge"),
        "spikingjelly.IFNode": Discretization(dt=1.0, threshold="ge"),
        "rockpool.LIFTorch": Discretization(
            dt=1e-3,
            integrator="exponential",
            threshold="ge",
            reset="subtract",
            spikes="multi",
            synapse_input="jump-then-decay",
        ),
        "spyx.LIF": _SPYX,
        "spyx.IF": _SPYX,
        "spyx.CuBaLIF": Discretization(
            dt=1.0,
            reset="subtract",
            reset_when="next-leaked",
            output="old",
            synapse_input="jump",
        ),
        "slax.LIF": Discretization(dt=1.0, threshold="ge", reset="subtract"),
        "brainpy.LIF": Discretization(
            dt=1e-4, integrator="exponential", threshold="ge", reset_when="next"
        ),
    }
)
