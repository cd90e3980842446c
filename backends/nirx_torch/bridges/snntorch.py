"""snnTorch: Leaky, Synaptic and their recurrent forms as NIR nodes, and NIR neurons as these.

One step of Leaky is mem = beta*mem + x, of Synaptic syn = alpha*syn + x, mem = beta*mem + syn.
A reset sets mem to zero or subtracts the threshold, by default one step after the spike; a
delayed reset to zero is before the decay in Leaky, and after it in Synaptic.

**Source**: snntorch 1.0.0, snntorch._neurons; held to it by tests/libraries.
"""

# The library is not in .venv, where types are checked; nir's annotations are narrower than nir.
# pyright: reportArgumentType=false, reportCallIssue=false, reportMissingImports=false
# pyright: reportOptionalCall=false

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import nir
import numpy as np
import snntorch
import torch

from nirx.basics.type_map import TypeMap
from nirx.bridging.bridge import Bridge
from nirx.bridging.feedback import feedback_graph
from nirx.bridging.limits import Limits, no_node, require_values
from nirx.bridging.membrane import Membrane, Synapse, membrane_of, neuron_node, synapse_of
from nirx.bridging.ranges import decay
from nirx.bridging.surrogates import with_surrogate
from nirx.bridging.threshold import threshold_for
from nirx.dynamics.discretization import Discretization
from nirx.dynamics.presets import PRESETS
from nirx.errors import UnsupportedError, warn_caller
from nirx.graphs.rules import with_rule
from nirx.tracing.membranes import with_names
from nirx_torch.bridges.exporting import export_with
from nirx_torch.bridges.neuron import LibraryNeuron, numbers, tensor
from nirx_torch.bridges.running import run_steps
from nirx_torch.bridges.snntorch_surrogates import spike_grad, surrogate_of
from nirx_torch.exporters import Exporters
from nirx_torch.module_map import MODULE_MAP as TORCH

__all__ = ["BRIDGE", "MODULE_MAP", "NODE_MAP"]

SPIKING = {"spikes": ("single",), "output": ("new",)}
SUBTRACT = {**SPIKING, "reset": ("subtract",), "reset_when": ("next",)}
NONE = {**SPIKING, "reset": ("none",)}
ZERO = {**SPIKING, "reset": ("value",)}
SYNAPSE = {"synapse": ("current-first",)}
LEAKY = Limits("snntorch.Leaky", ({**ZERO, "reset_when": ("same", "next-leaked")}, SUBTRACT, NONE))
SYNAPTIC = Limits(
    "snntorch.Synaptic",
    ({**ZERO, "reset_when": ("same", "next"), **SYNAPSE}, SUBTRACT | SYNAPSE, NONE | SYNAPSE),
)
SILENT_LEAKY = Limits("snntorch.Leaky", ({"output": ("new",)},))
SILENT_SYNAPTIC = Limits("snntorch.Synaptic", ({"output": ("new",), **SYNAPSE},))

MECHANISM = {"value": "zero", "subtract": "subtract", "none": "none"}


class SnnTorchNeuron(LibraryNeuron):
    """Leaky, with the state (mem,), or Synaptic, with (syn, mem)."""

    ties = "gt"
    ranges = (decay("alpha"), decay("beta"))
    membrane_at = -1

    def advance(self, x: torch.Tensor, state: Any) -> tuple[torch.Tensor, Any]:
        spikes, *new = self.cell(x, *state)
        # The cell also stores its last state and reset; here the state is an argument.
        for name in ("syn", "mem")[-len(new) :]:
            setattr(self.cell, name, x.new_zeros(0))
        self.cell.reset = None
        return (spikes if self.spiking else new[-1]), tuple(new)

    def membrane(self) -> Membrane:
        return membrane(self.cell)

    def synapse(self) -> Synapse | None:
        return synapse(self.cell)


NODE_MAP = TypeMap()
"""NIR's neurons as snnTorch's; those that do not spike are read at the membrane."""


@NODE_MAP.register(nir.IF)
@NODE_MAP.register(nir.I)
@NODE_MAP.register(nir.LIF)
@NODE_MAP.register(nir.LI)
def _leaky(node: Any, rule: Discretization, dtype: str) -> LibraryNeuron:
    spiking = hasattr(node, "v_threshold")
    (LEAKY if spiking else SILENT_LEAKY).require(rule)
    _require_decays(node, rule)
    by = _reset(node, rule) if spiking and rule.reset == "value" else 0.0
    own = membrane_of(node, rule).shifted(np.asarray(by))
    cell = snntorch.Leaky(beta=tensor(own.keep, dtype), **_options(node, own, rule, dtype))
    return SnnTorchNeuron(
        cell, node, rule, gain=own.gain, offset=own.offset, start=[own.start], shift=by
    )


@NODE_MAP.register(nir.CubaLIF)
@NODE_MAP.register(nir.CubaLI)
def _synaptic(node: Any, rule: Discretization, dtype: str) -> LibraryNeuron:
    spiking = isinstance(node, nir.CubaLIF)
    (SYNAPTIC if spiking else SILENT_SYNAPTIC).require(rule)
    _require_decays(node, rule)
    if spiking and rule.reset == "value":
        _reset(node, rule)
        good = np.equal(node.v_reset, node.v_leak)
        text = "resets to where it rests: v_reset is v_leak"
        require_values("snntorch.Synaptic", node, "v_reset", good, node.v_leak, text)
    if spiking and rule.reset == "subtract":
        text = "rests at 0 where it subtracts the threshold: v_leak is 0"
        require_values("snntorch.Synaptic", node, "v_leak", np.equal(node.v_leak, 0), 0.0, text)
    leak = numbers(node.v_leak)
    own, synapse = membrane_of(node, rule).shifted(leak), synapse_of(node, rule)
    cell = snntorch.Synaptic(
        alpha=tensor(synapse.keep, dtype),
        beta=tensor(own.keep, dtype),
        **_options(node, own, rule, dtype),
    )
    gain = synapse.jump * own.gain  # syn is what is added to mem: a*r*i
    return SnnTorchNeuron(cell, node, rule, gain=gain, start=[0.0, own.start], shift=leak)


def _require_decays(node: Any, rule: Discretization) -> None:
    """snnTorch clamps beta and alpha to 0 and above."""
    for name in ("tau", "tau_mem", "tau_syn"):
        if hasattr(node, name) and rule.integrator == "euler":
            good = numbers(getattr(node, name)) >= rule.dt
            text = "has decays of 0 or more: a time constant is dt or more"
            require_values("snntorch", node, name, good, rule.dt, text)


def _reset(node: Any, rule: Discretization) -> np.ndarray:
    """v_reset, which is zero in snnTorch's coordinates.

    snnTorch takes a membrane potential above the threshold at the beginning of a step for a spike
    of the step before, so neither the reset nor the start may be above.
    """
    reset = numbers(node.v_reset)
    highest = np.maximum(reset, membrane_of(node, rule).start)
    threshold = numbers(node.v_threshold)
    good = threshold > highest if rule.threshold == "ge" else threshold >= highest
    text = "takes a start or a reset above the threshold for a spike: v_threshold is above both"
    require_values("snntorch", node, "v_threshold", good, np.nextafter(highest, np.inf), text)
    return reset


def _options(node: Any, own: Membrane, rule: Discretization, dtype: str) -> dict[str, Any]:
    if not hasattr(node, "v_threshold"):
        return {"reset_mechanism": "none"}
    return {
        "threshold": torch.from_numpy(threshold_for(own.threshold, rule, "gt", dtype)),
        "reset_mechanism": MECHANISM[rule.reset],
        "reset_delay": rule.reset_when != "same",
        "spike_grad": spike_grad(node),
    }


MODULE_MAP = TypeMap(TORCH)
"""torch's layers, and snnTorch's neurons as NIR nodes with their discretization.

A decay has no unit: tau is in units in which a step is the dt of the presets (1e-4, as in
snnTorch's own exporter).
"""


def membrane(cell: Any) -> Membrane:
    """The numbers of a neuron of snnTorch."""
    return Membrane(np.clip(numbers(cell.beta), 0, 1), threshold=numbers(cell.threshold))


def synapse(cell: Any) -> Synapse | None:
    """The numbers of its synapse."""
    if not hasattr(cell, "alpha"):
        return None
    keep = np.clip(numbers(cell.alpha), 0, 1)
    return Synapse(keep, np.ones_like(keep))


def _rule(cell: Any) -> Discretization:
    kind = "Synaptic" if hasattr(cell, "alpha") else "Leaky"
    base = PRESETS[f"snntorch.{kind}"]
    for name, plain in (("inhibition", False), ("state_quant", False), ("graded_spikes_factor", 1)):
        value = getattr(cell, name, plain)  # Lapicque has fewer options
        if callable(value) or bool(np.any(numbers(value) != plain)):
            raise UnsupportedError(f"{name} has no NIR node; leave it at {plain}")
    if cell.reset_mechanism == "none":
        return replace(base, reset="none", reset_when="same")
    if cell.reset_mechanism == "subtract":
        if getattr(cell, "reset_delay", True):
            return base
        warn_caller(
            "snntorch subtracts the threshold of a spike at once only from a membrane potential "
            "below twice the threshold; above, its next step subtracts once more than NIR's"
        )
        return replace(base, reset_when="same")
    late = "next-leaked" if type(cell) is snntorch.Leaky else "next"
    return replace(base, reset="value", reset_when=late if cell.reset_delay else "same")


@MODULE_MAP.register(snntorch.Leaky)
@MODULE_MAP.register(snntorch.Synaptic)
def _neuron(cell: Any) -> nir.NIRNode:
    rule = _rule(cell)
    node = with_rule(neuron_node(membrane(cell), rule, True, synapse(cell)), rule)
    with_surrogate(node, *surrogate_of(cell))
    return with_names(node, {"1": "i", "2": "v"} if hasattr(cell, "alpha") else {"1": "v"})


@MODULE_MAP.register(snntorch.Lapicque)
def _lapicque(cell: Any) -> nir.NIRNode:
    """mem = (1 - time_step/(R*C))*mem + time_step/C*x."""
    if cell.reset_mechanism == "zero":
        raise UnsupportedError(
            "a Lapicque that resets to zero also drops the input of the next step, which NIR does "
            'not; use reset_mechanism="subtract", or snntorch.Leaky'
        )
    step, r, c = (numbers(getattr(cell, name)) for name in ("time_step", "R", "C"))
    own = Membrane(1 - step / (r * c), gain=step / c, threshold=numbers(cell.threshold))
    rule = _rule(cell)
    node = with_surrogate(neuron_node(own, rule, True), *surrogate_of(cell))
    return with_names(with_rule(node, rule), {"1": "v"})


MODULE_MAP.register(
    snntorch.SpikingNeuron, no_node("snntorch", "Leaky, Lapicque, Synaptic, RLeaky or RSynaptic")
)
if hasattr(snntorch, "DeltaLeaky"):  # a Leaky that spikes where its membrane potential changes
    MODULE_MAP.register(snntorch.DeltaLeaky, no_node("snntorch", "Leaky"))


@MODULE_MAP.register(snntorch.RLeaky)
@MODULE_MAP.register(snntorch.RSynaptic)
def _recurrent(cell: Any) -> nir.NIRGraph:
    if isinstance(cell, snntorch.RSynaptic) and not cell.reset_delay:
        raise UnsupportedError("an RSynaptic with reset_delay=False cannot run in snntorch itself")
    node = _neuron(cell)
    back = _feedback(cell)
    size = None  # of a convolution, or of one number for all: the layer before tells it
    if isinstance(back, nir.Affine | nir.Linear):
        size = back.weight.shape[:1]
    elif isinstance(back, nir.Scale) and back.scale.size > 1:
        size = back.scale.shape
    names = {"1": "lif.i", "2": "lif.v"} if hasattr(cell, "alpha") else {"1": "lif.v"}
    return with_names(feedback_graph(node, back, size), names)


def _feedback(cell: Any) -> Any:
    if isinstance(cell.recurrent, torch.nn.Linear | torch.nn.Conv2d):
        return Exporters(TORCH, None, ()).node_of(cell.recurrent, "its recurrent layer")
    return nir.Scale(np.atleast_1d(numbers(cell.recurrent.V)))


def _fresh(model: torch.nn.Module) -> None:
    for part in model.modules():
        if isinstance(part, snntorch.SpikingNeuron):
            part.reset_mem()  # type: ignore[operator]


def _gives_membrane(module: torch.nn.Module) -> bool:
    """Whether a neuron returns its membrane potential too, and not the spikes alone."""
    neuron = isinstance(module, snntorch.SpikingNeuron)
    return neuron and bool(module.output or not module.init_hidden)


BRIDGE = Bridge(
    name="snntorch",
    library="snntorch",
    backend="torch",
    node_map=NODE_MAP,
    module_map=MODULE_MAP,
    export=partial(export_with, MODULE_MAP, stateful=(_gives_membrane,)),
    run=partial(run_steps, reset=_fresh, neurons=(snntorch.SpikingNeuron,)),
    presets=tuple(name for name in PRESETS if name.startswith("snntorch.")),
)
