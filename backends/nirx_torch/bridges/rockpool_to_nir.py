"""Rockpool's torch modules as NIR nodes with their discretization.

**Source**: rockpool 3.1.0, rockpool.nn.modules.torch; held to it by tests/libraries.
"""

# The library is not in .venv, where types are checked; nir's annotations are narrower than nir.
# pyright: reportArgumentType=false, reportMissingImports=false

from __future__ import annotations

from dataclasses import replace
from typing import Any

import nir
import numpy as np
from rockpool.nn.combinators.residual import TorchResidual
from rockpool.nn.combinators.sequential import TorchSequential
from rockpool.nn.modules.torch import (
    ExpSynTorch,
    LIFNeuronTorch,
    LIFTorch,
    LinearTorch,
    TimeStepDropout,
)
from rockpool.nn.modules.torch.lif_neuron_torch import StepPWL as NeuronStep
from rockpool.nn.modules.torch.lif_torch import PeriodicExponential, StepPWL
from rockpool.nn.networks.synnet import SynNet

from nirx.basics.find_exporter import find_exporter
from nirx.basics.type_map import ABSENT, TypeMap
from nirx.bridging.feedback import feedback_graph
from nirx.bridging.learning_window import with_window
from nirx.bridging.membrane import Membrane, Synapse, neuron_node
from nirx.bridging.surrogates import with_surrogate
from nirx.dynamics.discretization import Discretization
from nirx.dynamics.presets import PRESETS
from nirx.dynamics.surrogate_formulas import NamedSurrogate
from nirx.errors import UnsupportedError
from nirx.graphs.rules import with_rule
from nirx_torch.bridges.neuron import numbers
from nirx_torch.module_map import MODULE_MAP as TORCH
from nirx_torch.module_map import linear_node

__all__ = ["MODULE_MAP", "membrane", "synapse"]

MODULE_MAP = TypeMap(TORCH)
"""torch's layers, and Rockpool's modules and chains of them."""


def membrane(cell: Any) -> Membrane:
    """The numbers of a module, one for each neuron."""
    if isinstance(cell, ExpSynTorch):  # it returns its current, which decays with its input
        keep = _keep(cell, "tau", "")
        return Membrane(keep, gain=keep)
    keep = np.broadcast_to(_keep(cell, "tau_mem", "alpha"), int(cell.size_out))
    return Membrane(keep, offset=numbers(cell.bias), threshold=numbers(cell.threshold))


def synapse(cell: Any) -> Synapse | None:
    """The numbers of its synapse, which decays the new input too."""
    if not isinstance(cell, LIFTorch):
        return None
    keep = np.broadcast_to(_keep(cell, "tau_syn", "beta").reshape(-1), int(cell.size_out))
    return Synapse(keep, keep)


def _keep(cell: Any, tau: str, decay: str) -> np.ndarray:
    if _by_time_constant(cell):
        return np.exp(-cell.dt / numbers(getattr(cell, tau)))
    return numbers(getattr(cell, decay))


def _by_time_constant(cell: Any) -> bool:
    """And not by decays, which LIFBitshiftTorch (a LIFTorch too) rounds."""
    return not isinstance(cell, LIFTorch) or (type(cell) is LIFTorch and cell.leak_mode == "taus")


@MODULE_MAP.register(LIFTorch)
def _lif(cell: Any) -> Any:
    if cell.n_synapses != 1:
        raise UnsupportedError(
            f"{cell.n_synapses} synapses for a neuron have no NIR node; use one, shape=(n,)"
        )
    node = _with_synapse(cell, True)
    if not cell._has_rec:
        return node
    return feedback_graph(node, linear_node(cell.w_rec.T, None), int(cell.size_out))


def _with_synapse(cell: Any, spiking: bool) -> Any:
    """CubaLIF, or CubaLI where the module is read at the membrane."""
    rule = _rule(cell, (StepPWL, PeriodicExponential))
    node = neuron_node(membrane(cell), rule, spiking, synapse(cell))
    if _by_time_constant(cell):  # as given, without rounding by way of a decay
        size = int(cell.size_out)
        node.tau_mem = np.broadcast_to(numbers(cell.tau_mem), size).copy()
        node.tau_syn = np.broadcast_to(numbers(cell.tau_syn).reshape(-1), size).copy()
    return with_rule(with_surrogate(node, *_surrogate(cell)) if spiking else node, rule)


@MODULE_MAP.register(LIFNeuronTorch)
def _lif_neuron(cell: Any) -> nir.NIRNode:
    rule = _rule(cell, (NeuronStep, StepPWL, PeriodicExponential))
    node = neuron_node(membrane(cell), rule, True)
    if hasattr(node, "tau"):
        node.tau = np.broadcast_to(numbers(cell.tau_mem), int(cell.size_out)).copy()
    return with_rule(with_surrogate(node, *_surrogate(cell)), rule)


def _surrogate(cell: Any) -> tuple[NamedSurrogate | None, str]:
    kind = getattr(cell.spike_generation_fn, "__self__", None)
    if kind not in (NeuronStep, StepPWL):
        return None, getattr(kind, "__name__", "of its spike_generation_fn")
    return with_window(numbers(cell.threshold), numbers(cell.learning_window))


@MODULE_MAP.register(ExpSynTorch)
def _exp_syn(cell: Any) -> nir.NIRNode:
    _require_quiet(cell)
    rule = replace(PRESETS["rockpool.ExpSynTorch"], dt=float(cell.dt))
    node = neuron_node(membrane(cell), rule, False)
    node.tau = numbers(cell.tau)
    return with_rule(node, rule)


def _rule(cell: Any, known: tuple[type, ...]) -> Discretization:
    _require_quiet(cell)
    spikes = getattr(cell.spike_generation_fn, "__self__", None)
    if spikes not in known:
        raise UnsupportedError("this spike_generation_fn has no NIR node; use StepPWL")
    rule = replace(PRESETS["rockpool.LIFTorch"], dt=float(cell.dt))
    most = float(cell.max_spikes_per_dt)
    if most == 1:
        return replace(rule, spikes="single", max_spikes=None)
    if most < 1 or most != int(most):
        raise UnsupportedError(f"max_spikes_per_dt={most:g} has no NIR node; use a whole number")
    return replace(rule, max_spikes=int(most))


def _require_quiet(cell: Any) -> None:
    if float(cell.noise_std) != 0:
        raise UnsupportedError(f"noise_std={float(cell.noise_std):g} is random; set it to 0")


@MODULE_MAP.register(LinearTorch)
def _linear(module: Any) -> nir.NIRNode:
    bias = None if module.bias is None else module.bias.expand(module.weight.shape[1])
    return linear_node(module.weight.T, bias)


@MODULE_MAP.register(TimeStepDropout)
def _dropout(module: Any) -> None:
    if module.training and float(module.p) > 0:
        raise UnsupportedError(
            "TimeStepDropout in training mode is random; call eval() before the export"
        )


@MODULE_MAP.register(SynNet)
def _syn_net(net: SynNet) -> nir.NIRGraph:
    """Its chain. With output="vmem" the last neurons are read at the membrane, and their threshold
    of 32767 is never reached."""
    chain = _chain(net.seq)
    if net.output == "vmem":
        name = net.label_last_LIF
        cell = getattr(net.seq, name)
        if cell._has_rec:
            raise UnsupportedError(
                f"{name}: a recurrent readout that is read at its membrane has no NIR node"
            )
        chain.nodes[name] = _with_synapse(cell, False)
    return chain


@MODULE_MAP.register(TorchSequential)
@MODULE_MAP.register(TorchResidual)
def _chain(module: Any) -> nir.NIRGraph:
    takes, gives = np.array([int(module.size_in)]), np.array([int(module.size_out)])
    nodes: dict[str, Any] = {"input": nir.Input(takes)}
    for name in module._submodulenames:
        node = _inside(name, getattr(module, name))
        if node is not None:
            nodes[name] = node
    nodes["output"] = nir.Output(gives)
    edges = list(zip(nodes, [*nodes][1:], strict=False))
    if isinstance(module, TorchResidual):
        edges.append(("input", "output"))
    return nir.NIRGraph(nodes, edges, type_check=False)


def _inside(name: str, module: Any) -> Any:
    handler = find_exporter(type(module), MODULE_MAP)
    if handler is ABSENT:
        raise UnsupportedError(f"{name}: a {type(module).__name__} has no NIR node")
    try:
        return None if handler is None else handler(module)
    except UnsupportedError as error:
        raise UnsupportedError(f"{name}: {error}") from error
