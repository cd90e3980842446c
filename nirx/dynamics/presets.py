"""Discretizations that reproduce the time step of real libraries' neurons.

**Source**: each library's neuron, compared with a plain reference (norse 1.1.0,
snntorch 1.0.0, sinabs 3.1.3, spikingjelly 2.0.0, rockpool 3.1.0, spyx 1.0.0, slax 0.0.1,
brainpy 2.8.2). A preset sets the order and the rules of a step, never the parameters. Where a
library lacks a parameter (norse has no r) or folds one into its weights (snnTorch's input gain),
the graph's parameters must match.

The presets of chips also have the arithmetic: a graph in whole numbers runs as on the chip's
simulator. docs/chips.md says what was compared; docs/integers.md has the equations.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from nirx.dynamics.arithmetic import Arithmetic
from nirx.dynamics.discretization import Discretization

__all__ = ["PRESETS"]

_JUMP = Discretization(synapse_input="jump")
_NEXT_SUBTRACT = replace(_JUMP, reset="subtract", reset_when="next")
_SPYX = Discretization(dt=1.0, reset="subtract", reset_when="next", output="old")
_SPYX_CUBA = replace(_SPYX, reset_when="next-leaked", synapse_input="jump")
_BRAINPY = Discretization(
    dt=1e-4,
    integrator="exponential",
    threshold="ge",
    reset="subtract",
    reset_when="next-leaked",
    synapse_input="jump",
)
# Before the first step a recurrent connection carries 0, not its bias.
_SINABS = Discretization(
    dt=1.0,
    integrator="exponential",
    threshold="ge",
    reset="subtract",
    spikes="multi",
    synapse_input="jump-then-decay",
    feedback_initial="zero",
)
_SPIKINGJELLY = Discretization(dt=1.0, threshold="ge")
_ROCKPOOL = Discretization(
    dt=1e-3,
    integrator="exponential",
    threshold="ge",
    reset="subtract",
    spikes="multi",
    max_spikes=2**16,
    synapse_input="jump-then-decay",
)
# Weights of both signs lose their lowest bit: 8 bits, shifted left by 1 and by the chip's 6. A
# Dense passes on the sums of the step before, which a graph says with a Delay.
_LOIHI = Arithmetic(
    weight_bits=8,
    weight_shift=7,
    threshold_shift=6,
    synapse_bits=24,
    membrane_bits=24,
    synapse_overflow="wrap",
    limits="symmetric",
)
# Its hidden neurons; its outputs have max_spikes=1, which is an override of their path.
_XYLO = Discretization(
    dt=1.0,
    threshold="ge",
    reset="subtract",
    spikes="multi",
    max_spikes=31,
    synapse_input="jump-then-decay",
    arithmetic=Arithmetic(membrane_change="saturate", decay="shift"),
)
_DYNAPCNN = Discretization(
    dt=1.0, threshold="ge", reset="subtract", spikes="multi", arithmetic=Arithmetic()
)
# The number format is s16.15. The order of a step is that of sPyNNaker's exponential LIF neurons
# as we understand it; it was compared with nothing.
_SPINNAKER = Discretization(
    dt=1.0,
    integrator="exponential",
    threshold="ge",
    synapse_input="jump",
    synapse="voltage-first",
    arithmetic=Arithmetic(weight_bits=16, synapse_bits=32, membrane_bits=32, decay_bits=15),
)

PRESETS: Mapping[str, Discretization] = MappingProxyType(
    {
        "nir": Discretization(),
        "norse.LIFBoxCell": Discretization(dt=1e-3, initial_v="leak"),
        "norse.LIBoxCell": Discretization(dt=1e-3, initial_v="leak"),
        # norse stores i after its decay, nirx before it; both integrate v with the same current.
        "norse.LIFCell": Discretization(dt=1e-3, synapse_input="jump", initial_v="leak"),
        "norse.IAFCell": Discretization(dt=1.0),
        "snntorch.Leaky": _NEXT_SUBTRACT,
        "snntorch.Leaky(reset_mechanism='zero')": replace(_JUMP, reset_when="next-leaked"),
        "snntorch.Leaky(reset_mechanism='zero', reset_delay=False)": _JUMP,
        "snntorch.Synaptic": _NEXT_SUBTRACT,
        "snntorch.Synaptic(reset_mechanism='zero')": replace(_JUMP, reset_when="next"),
        "snntorch.Synaptic(reset_mechanism='zero', reset_delay=False)": _JUMP,
        "sinabs.LIF": _SINABS,
        "sinabs.IAF": _SINABS,
        "sinabs.ExpLeak": _SINABS,
        # Its importer builds this layer, whose input has no gain: dt/tau*r is 1 where r = tau/dt.
        "sinabs.LIF(norm_input=False)": replace(_SINABS, input_gain="euler"),
        "spikingjelly.LIFNode": replace(_SPIKINGJELLY, initial_v="leak"),
        "spikingjelly.IFNode": _SPIKINGJELLY,
        "spikingjelly.CUBALIFNode": replace(_SPIKINGJELLY, synapse_input="jump"),
        "rockpool.LIFTorch": _ROCKPOOL,
        "rockpool.LIFNeuronTorch": _ROCKPOOL,
        "rockpool.ExpSynTorch": _ROCKPOOL,
        # Its exporter writes r = tau*exp(-dt/tau)/dt, which is the gain exp(-dt/tau) of its
        # ExpSynTorch if r is read with Euler's dt/tau.
        "rockpool.to_nir": replace(_ROCKPOOL, input_gain="euler"),
        "spyx.LIF": _SPYX,
        "spyx.IF": _SPYX,
        "spyx.CuBaLIF": _SPYX_CUBA,
        # Their output is one step late too, but their feedback is not: a Delay follows the neuron.
        "spyx.RIF": replace(_SPYX, output="new"),
        "spyx.RLIF": replace(_SPYX, output="new"),
        "spyx.RCuBaLIF": replace(_SPYX_CUBA, output="new"),
        "spyx.PSU_LIF": Discretization(dt=1.0, reset="none"),
        "spyx.LI": Discretization(dt=1.0),
        "slax.LIF": Discretization(dt=1.0, threshold="ge", reset="subtract"),
        "slax.LIF(subtraction_reset=False)": Discretization(dt=1.0, threshold="ge"),
        # The reset happens at the beginning of the next step, before the leak.
        "brainpy.LIF": _BRAINPY,
        "brainpy.LIF(spk_reset='hard')": replace(_BRAINPY, reset="value"),
        "brainpy.IF": _BRAINPY,
        "brainpy.IF(spk_reset='hard')": replace(_BRAINPY, reset="value"),
        "brainpy.CubaLIF": _BRAINPY,
        "brainpy.CubaLIF(spk_reset='hard')": replace(_BRAINPY, reset="value"),
        "brainpy.LeakyRateReadout": _BRAINPY,
        "loihi": replace(_JUMP, dt=1.0, arithmetic=_LOIHI),
        "xylo": _XYLO,
        "dynapcnn": _DYNAPCNN,
        "spinnaker": _SPINNAKER,
        "int8": Discretization(dt=1.0, arithmetic=Arithmetic()),
    }
)
