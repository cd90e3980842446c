"""SpikingJelly's nodes as NIR nodes with their discretization.

Time constants are in steps: dt is 1. Its layers (Linear, Conv2d, ...) are torch's in both step
modes.

**Source**: spikingjelly 2.0.0, activation_based.neuron; held to it by tests/libraries.
"""

# The library is not in .venv, where types are checked; nir's annotations are narrower than nir.
# pyright: reportMissingImports=false

from __future__ import annotations

from dataclasses import replace
from typing import Any

import nir
import numpy as np
import torch
from spikingjelly.activation_based import layer, neuron
from spikingjelly.activation_based.layer import Dropout, Dropout2d, LinearRecurrentContainer
from spikingjelly.activation_based.neuron import (
    BaseNode,
    CUBALIFNode,
    IFNode,
    LIFNode,
    NonSpikingIFNode,
    NonSpikingLIFNode,
    ParametricLIFNode,
)

from nirx.basics.find_exporter import find_exporter
from nirx.basics.type_map import ABSENT, TypeMap
from nirx.bridging.feedback import feedback_graph
from nirx.bridging.limits import no_node
from nirx.bridging.membrane import Membrane, Synapse, neuron_node
from nirx.bridging.surrogates import with_surrogate
from nirx.dynamics.discretization import Discretization
from nirx.dynamics.presets import PRESETS
from nirx.errors import UnsupportedError
from nirx.graphs.rules import with_rule
from nirx_torch.bridges.neuron import numbers
from nirx_torch.bridges.spikingjelly_surrogates import surrogate_of
from nirx_torch.module_map import MODULE_MAP as TORCH
from nirx_torch.module_map import linear_node

__all__ = ["MODULE_MAP", "membrane", "synapse"]

MODULE_MAP = TypeMap(TORCH)
"""torch's layers, SpikingJelly's layers of the same names, and its nodes."""

for _name in (
    "Conv1d",
    "Conv2d",
    "AvgPool2d",
    "MaxPool2d",
    "BatchNorm1d",
    "BatchNorm2d",
    "Flatten",
):
    MODULE_MAP.register(getattr(layer, _name), TORCH[getattr(torch.nn, _name)])


def membrane(cell: Any) -> Membrane:
    """The numbers of a node."""
    reset = numbers(0.0 if cell.v_reset is None else cell.v_reset)
    ends = {"threshold": numbers(cell.v_threshold), "reset": reset, "start": reset}
    if isinstance(cell, CUBALIFNode):
        return Membrane(numbers(cell.v_decay), **ends)
    if isinstance(cell, IFNode):
        return Membrane(np.ones(()), **ends)
    a = 1 / tau(cell)
    return Membrane(1 - a, a if cell.decay_input else np.ones(()), a * reset, **ends)


def synapse(cell: Any) -> Synapse | None:
    """The numbers of the synapse of a CUBALIFNode."""
    if not isinstance(cell, CUBALIFNode):
        return None
    keep = numbers(cell.c_decay)
    return Synapse(keep, np.ones_like(keep))


def tau(cell: Any) -> np.ndarray:
    """The time constant of a LIFNode, or the present one of a ParametricLIFNode."""
    if isinstance(cell, ParametricLIFNode):
        return 1 + np.exp(-numbers(cell.w))
    return numbers(cell.tau)


@MODULE_MAP.register(LIFNode)
@MODULE_MAP.register(ParametricLIFNode)
def _lif(cell: Any) -> nir.NIRNode:
    rule = _rule(cell, LIFNode if isinstance(cell, LIFNode) else ParametricLIFNode, "LIFNode")
    own = membrane(cell)
    values = {
        "tau": tau(cell),
        "r": np.ones(()) if cell.decay_input else tau(cell),
        "v_leak": own.reset,
        "v_threshold": own.threshold,
        "v_reset": own.reset,
    }
    return with_surrogate(with_rule(nir.LIF(**values), rule), *surrogate_of(cell))


@MODULE_MAP.register(IFNode)
@MODULE_MAP.register(CUBALIFNode)
def _starts_at_reset(cell: Any) -> nir.NIRNode:
    """These start at v_reset and NIR's at 0, so v is measured from v_reset."""
    kind = IFNode if isinstance(cell, IFNode) else CUBALIFNode
    rule = _rule(cell, kind, kind.__name__)
    own = membrane(cell)
    node = neuron_node(own.shifted(own.reset), rule, True, synapse(cell))
    return with_surrogate(with_rule(node, rule), *surrogate_of(cell))


def _rule(cell: Any, kind: Any, preset: str) -> Discretization:
    own, step = type(cell), "single_step_functional_forward"
    if getattr(own, step) is not getattr(kind, step):  # LIAFNode and others
        raise UnsupportedError(f"{own.__name__} is a {kind.__name__} with a step that nirx lacks")
    if not getattr(cell.surrogate_function, "spiking", True):
        raise UnsupportedError("a surrogate function with spiking=False returns no spikes")
    reset = "subtract" if cell.v_reset is None else "value"
    return replace(PRESETS[f"spikingjelly.{preset}"], reset=reset)


@MODULE_MAP.register(NonSpikingLIFNode)
@MODULE_MAP.register(NonSpikingIFNode)
def _silent(cell: Any) -> nir.NIRNode:
    if cell.decode is not None:
        raise UnsupportedError(f"decode={cell.decode!r} needs all steps at once; use decode=None")
    if isinstance(cell, NonSpikingIFNode):
        return with_rule(nir.I(r=np.ones(())), PRESETS["spikingjelly.IFNode"])
    values = {"tau": numbers(cell.tau), "r": np.ones(()), "v_leak": np.zeros(())}
    return with_rule(nir.LI(**values), PRESETS["spikingjelly.LIFNode"])


_refuse = no_node("spikingjelly", "LIFNode, ParametricLIFNode, IFNode or CUBALIFNode")
for _kind in (BaseNode, *vars(neuron).values()):
    _own = isinstance(_kind, type) and _kind.__module__.startswith(neuron.__name__)
    if _own and issubclass(_kind, torch.nn.Module) and find_exporter(_kind, MODULE_MAP) is ABSENT:
        MODULE_MAP.register(_kind, _refuse)


def _mixes_steps(cell: Any) -> None:
    raise UnsupportedError(
        f"{type(cell).__name__} computes each spike from the inputs of several steps at once, by a "
        "matrix over time; it has no state and no step, so neither NIR nor nirx.Neuron has it"
    )


for _name in ("PSN", "MaskedPSN", "SlidingPSN"):
    if hasattr(neuron, _name):
        MODULE_MAP.override(getattr(neuron, _name), _mixes_steps)


def _changes_with_time(cell: Any) -> None:
    raise UnsupportedError(
        f"{type(cell).__name__} has other parameters in every step (conduct, {cell.T} of them) and "
        "runs over time itself, so it has no step that stays the same"
    )


if hasattr(neuron, "GatedLIFNode"):
    MODULE_MAP.override(neuron.GatedLIFNode, _changes_with_time)


@MODULE_MAP.register(LinearRecurrentContainer)
def _recurrent(cell: Any) -> nir.NIRGraph:
    """Its Linear reads the input and the output of the step before, concatenated."""
    handler = find_exporter(type(cell.sub_module), MODULE_MAP)
    inner = None if handler is ABSENT or handler is None else handler(cell.sub_module)
    if inner is None or not hasattr(inner, "v_threshold"):
        kind = type(cell.sub_module).__name__
        raise UnsupportedError(f"a recurrent {kind} has no NIR node; use IFNode, LIFNode, ...")
    takes = int(cell.rc.in_features) - cell.sub_module_out_features
    weights = linear_node(cell.rc.weight[:, :takes], cell.rc.bias)
    back = linear_node(cell.rc.weight[:, takes:], None)
    return feedback_graph(inner, back, int(cell.rc.out_features), weights)


@MODULE_MAP.register(Dropout)
@MODULE_MAP.register(Dropout2d)
def _dropout(module: Any) -> None:
    if module.training and module.p > 0:
        raise UnsupportedError("Dropout in training mode is random; call eval() before the export")
