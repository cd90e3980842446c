"""SpikingJelly: NIR neurons as its nodes, and the `BRIDGE`.

One step of LIFNode is v += (x - (v - v_reset))/tau, where decay_input=False adds x itself;
IFNode is v += x, CUBALIFNode c = c_decay*c + x, v = v_decay*v + c. Each parameter is one number
for the whole layer; a scale and shift of v for each neuron make up for it in thresholds and resets.

**Source**: spikingjelly 2.0.0, activation_based.functional; held to it by tests/libraries.
"""

# The library is not in .venv, where types are checked; nir's annotations are narrower than nir.
# pyright: reportMissingImports=false

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import replace
from functools import partial
from typing import Any

import nir
import numpy as np
import torch
from spikingjelly.activation_based import functional
from spikingjelly.activation_based.base import MemoryModule
from spikingjelly.activation_based.layer import (
    MultiStepContainer,
    SeqToANNContainer,
    StepModeContainer,
)
from spikingjelly.activation_based.neuron import CUBALIFNode, IFNode, LIFNode
from spikingjelly.activation_based.neuron.base_node import NonSpikingBaseNode

from nirx.basics.type_map import TypeMap
from nirx.bridging.bridge import Bridge
from nirx.bridging.limits import Limits, require_uniform, require_values
from nirx.bridging.membrane import Membrane, Synapse, membrane_of, synapse_of
from nirx.bridging.threshold import threshold_for
from nirx.dynamics.discretization import Discretization
from nirx_torch.bridges.exporting import export_with
from nirx_torch.bridges.neuron import LibraryNeuron, numbers
from nirx_torch.bridges.running import run_steps, run_whole
from nirx_torch.bridges.spikingjelly_surrogates import surrogate_function
from nirx_torch.bridges.spikingjelly_to_nir import MODULE_MAP, membrane, synapse

__all__ = ["BRIDGE", "MODULE_MAP", "NODE_MAP"]

SPIKING = {
    "spikes": ("single",),
    "output": ("new",),
    "reset": ("value", "subtract"),
    "reset_when": ("same",),
}
IF = Limits("spikingjelly.IFNode", (SPIKING,))
LIF = Limits("spikingjelly.LIFNode", (SPIKING,))
CUBA_LIF = Limits("spikingjelly.CUBALIFNode", ({**SPIKING, "synapse": ("current-first",)},))


class SpikingJellyNeuron(LibraryNeuron):
    """A node whose state is (v,), or (c, v)."""

    ties = "ge"
    membrane_at = -1

    def advance(self, x: torch.Tensor, state: Any) -> tuple[torch.Tensor, Any]:
        (y,), new = self.cell.functional_forward((x,), tuple(reversed(state)))  # type: ignore[operator]
        new = tuple(reversed(new))
        if len(new) == 2 and self.shifts_input:
            # The node has no bias: its current pulls v to v_leak, which is subtracted again.
            new = (new[0] - self.offset, new[1])
        return y, new

    def membrane(self) -> Membrane:
        own = membrane(self.cell)
        if not isinstance(self.cell, CUBALIFNode):
            return own
        return replace(own, offset=own.offset + numbers(self.offset))

    def synapse(self) -> Synapse | None:
        return synapse(self.cell)

    def _held(self) -> list[torch.Tensor]:
        """The numbers of a node are plain attributes and not tensors."""
        names = ("tau", "v_threshold", "v_reset", "c_decay", "v_decay")
        own = [getattr(self.cell, name, None) for name in names]
        plain = [torch.tensor(v, dtype=torch.float64) for v in own if v is not None]
        return [*super()._held(), *plain]


NODE_MAP = TypeMap()
"""NIR's spiking neurons as SpikingJelly's. Its others keep no state, so nirx runs them."""


@NODE_MAP.register(nir.IF)
def _if(node: nir.IF, rule: Discretization, dtype: str) -> LibraryNeuron:
    IF.require(rule)
    own, where = _placed("spikingjelly.IFNode", node, rule)
    cell = IFNode(**_ends(node, own, rule, dtype, where))
    return SpikingJellyNeuron(cell, node, rule, gain=own.gain, start=[own.start], **where)


@NODE_MAP.register(nir.LIF)
def _lif(node: nir.LIF, rule: Discretization, dtype: str) -> LibraryNeuron:
    LIF.require(rule)
    name = "spikingjelly.LIFNode"
    require_uniform(name, node, "tau")
    own, where = _placed(name, node, rule)
    text = "has a tau of more than one step: tau > dt"
    require_values(name, node, "tau", own.keep > 0, 2 * rule.dt, text)
    leak = 1 - _one(own.keep)
    tau = 1 / leak if leak else math.inf  # a leak that rounds to none
    cell = LIFNode(tau, decay_input=False, **_ends(node, own, rule, dtype, where))
    return SpikingJellyNeuron(
        cell, node, rule, gain=own.gain, offset=own.offset, start=[own.start], **where
    )


@NODE_MAP.register(nir.CubaLIF)
def _current_based(node: nir.CubaLIF, rule: Discretization, dtype: str) -> LibraryNeuron:
    CUBA_LIF.require(rule)
    name = "spikingjelly.CUBALIFNode"
    require_uniform(name, node, "tau_mem")
    require_uniform(name, node, "tau_syn")
    own, where = _placed(name, node, rule)
    current = synapse_of(node, rule)
    decays = _one(current.keep), _one(own.keep)
    cell = CUBALIFNode(*decays, **_ends(node, own, rule, dtype, where))
    gain = current.jump * own.gain
    start = [0.0, own.start]
    return SpikingJellyNeuron(cell, node, rule, gain=gain, offset=own.offset, start=start, **where)


def _placed(name: str, node: Any, rule: Discretization) -> tuple[Membrane, dict[str, Any]]:
    """The membrane in coordinates with one threshold for the layer, and their shift and scale."""
    own = membrane_of(node, rule)
    shift, scale = np.zeros(()), np.ones(())
    if rule.reset == "value":
        shift = numbers(node.v_reset)
    good = own.threshold > shift
    expected = "v_threshold > v_reset" if rule.reset == "value" else "v_threshold > 0"
    text = f"has one threshold for a layer, and others by a positive scale: {expected}"
    require_values(name, node, "v_threshold", good, shift + 1, text)
    own = own.shifted(shift)
    if (own.threshold != _one(own.threshold)).any():
        scale = own.threshold
        own = own.scaled(scale)
    return own, {"shift": shift, "scale": scale}


def _ends(
    node: Any, own: Membrane, rule: Discretization, dtype: str, where: dict[str, Any]
) -> dict[str, Any]:
    threshold = threshold_for(own.threshold, rule, "ge", dtype)
    return {
        "v_threshold": _one(threshold),
        "v_reset": 0.0 if rule.reset == "value" else None,
        **surrogate_function(node, where["scale"]),
    }


def _one(values: np.ndarray) -> float:
    """The number for the whole layer; any number, for a layer without neurons."""
    return float(values.flat[0]) if values.size else 0.5


def _run(model: torch.nn.Module, xs: np.ndarray, dtype: str) -> dict[str, np.ndarray]:
    """Step by step, or the whole sequence [time, batch, ...] in step mode "m"."""
    modes = {getattr(part, "step_mode", "s") for part in model.modules()}
    always = (NonSpikingBaseNode, SeqToANNContainer, MultiStepContainer)
    whole = "m" in modes or any(isinstance(part, always) for part in model.modules())
    if whole:
        return run_whole(model, xs, dtype, reset=_fresh)
    return run_steps(model, xs, dtype, reset=_fresh, neurons=(MemoryModule,))


def _fresh(model: torch.nn.Module) -> None:
    functional.reset_net(model)
    for part in model.modules():
        if isinstance(part, NonSpikingBaseNode):
            part.register_forward_hook(lambda module, given, steps: _stacked(steps))


def _stacked(steps: Any) -> Any:
    """A list of steps as one tensor."""
    return torch.stack(steps) if isinstance(steps, list) else steps


OVER_TIME = (SeqToANNContainer, MultiStepContainer, StepModeContainer)


def _sequential(container: torch.nn.Sequential) -> torch.nn.Module:
    return torch.nn.Sequential(OrderedDict(container.named_children()))


BRIDGE = Bridge(
    name="spikingjelly",
    library="spikingjelly",
    backend="torch",
    node_map=NODE_MAP,
    module_map=MODULE_MAP,
    export=partial(export_with, MODULE_MAP, over_time=dict.fromkeys(OVER_TIME, _sequential)),
    run=_run,
    presets=("spikingjelly.LIFNode", "spikingjelly.IFNode", "spikingjelly.CUBALIFNode"),
)
