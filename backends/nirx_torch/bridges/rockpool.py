"""Rockpool's torch side: NIR neurons as its modules, and the `BRIDGE`.

One step of LIFTorch is i = beta*(i + x), v = alpha*v + i + bias, of LIFNeuronTorch
v = alpha*v + x + bias. Spikes are counted, and as many thresholds subtracted.

**Source**: rockpool 3.1.0, rockpool.nn.modules.torch; held to it by tests/libraries.
"""

# The library is not in .venv, where types are checked; nir's annotations are narrower than nir.
# pyright: reportArgumentType=false, reportCallIssue=false, reportMissingImports=false

from __future__ import annotations

import copy
from typing import Any

import nir
import numpy as np
import torch
from rockpool.nn.modules.torch import LIFNeuronTorch, LIFTorch, TorchModule
from rockpool.nn.networks.synnet import SynNet

from nirx.basics.find_exporter import find_exporter
from nirx.basics.type_map import ABSENT, TypeMap
from nirx.bridging.bridge import Bridge
from nirx.bridging.learning_window import window_of
from nirx.bridging.limits import Limits, require_countable, require_values
from nirx.bridging.membrane import Membrane, Synapse, membrane_of, synapse_of
from nirx.bridging.ranges import positive
from nirx.bridging.surrogates import library_surrogate
from nirx.bridging.threshold import threshold_for
from nirx.dynamics.discretization import Discretization
from nirx.execution.refusal import NotRepresentable
from nirx_torch.bridges.exporting import export_with
from nirx_torch.bridges.neuron import LibraryNeuron
from nirx_torch.bridges.rockpool_to_nir import MODULE_MAP, membrane, synapse
from nirx_torch.bridges.running import run_whole

__all__ = ["BRIDGE", "MODULE_MAP", "NODE_MAP"]

SPIKING = {"output": ("new",), "reset": ("subtract",), "reset_when": ("same",)}
LIF = Limits("rockpool.LIFNeuronTorch", (SPIKING,))
CUBA_LIF = Limits("rockpool.LIFTorch", ({**SPIKING, "synapse": ("current-first",)},))

UNLIMITED = 2.0**24
"""The most spikes that float32 can count one by one."""


class RockpoolNeuron(LibraryNeuron):
    """A module whose state is (vmem,), or (isyn, vmem)."""

    ties = "ge"
    ranges = (positive("tau_mem"), positive("tau_syn"))
    membrane_at = -1

    def advance(self, x: torch.Tensor, state: Any) -> tuple[torch.Tensor, Any]:
        cell, size = self.cell, int(self.cell.size_out)
        if not x.numel():
            return x, state  # reshape cannot tell how many rows an empty tensor has
        names = ("isyn", "vmem")[-len(state) :]
        kept = dict(cell._buffers)
        for name, value in zip(names, state, strict=True):
            rows = value.reshape(-1, size)
            # Not by the module's own assignment, which expects the state of one sample.
            cell._buffers[name] = rows[..., None] if name == "isyn" else rows
        with torch.random.fork_rng(devices=[]):  # it draws noise and multiplies it by 0
            y, _, record = cell.evolve(x.reshape(-1, 1, size), record=True)
        cell._buffers.update(kept)  # the module would continue from its first sample
        new = tuple(record[name][:, 0].reshape(x.shape) for name in names)
        return y.reshape(x.shape), new

    def membrane(self) -> Membrane:
        return membrane(self.cell)

    def synapse(self) -> Synapse | None:
        return synapse(self.cell)


NODE_MAP = TypeMap()
"""NIR's spiking neurons as Rockpool's. nirx runs LI, as ExpSynTorch has no state for a batch."""


@NODE_MAP.register(nir.IF)
@NODE_MAP.register(nir.LIF)
def _lif(node: Any, rule: Discretization, dtype: str) -> LibraryNeuron:
    name = "rockpool.LIFNeuronTorch"
    LIF.require(rule)
    own = _membrane(name, node, rule, dtype)
    cell = LIFNeuronTorch(
        (own.threshold.size,),
        tau_mem=_flat(_time_constant(own.keep, rule)),
        bias=_flat(own.offset),
        dt=rule.dt,
        **_ends(node, own, rule, dtype),
    )
    return RockpoolNeuron(cell, node, rule, gain=own.gain, start=[own.start])


@NODE_MAP.register(nir.CubaLIF)
def _current_based(node: nir.CubaLIF, rule: Discretization, dtype: str) -> LibraryNeuron:
    name = "rockpool.LIFTorch"
    CUBA_LIF.require(rule)
    own, current = _membrane(name, node, rule, dtype), synapse_of(node, rule)
    text = "decays its input too, so nothing may decay in one step: tau_syn > dt"
    require_values(name, node, "tau_syn", current.keep > 0, 2 * rule.dt, text)
    cell = LIFTorch(
        (own.threshold.size,),
        tau_mem=_flat(_time_constant(own.keep, rule)),
        tau_syn=_flat(_time_constant(current.keep, rule))[:, None],
        bias=_flat(own.offset),
        dt=rule.dt,
        **_ends(node, own, rule, dtype),
    )
    gain = current.jump * own.gain / current.keep
    return RockpoolNeuron(cell, node, rule, gain=gain, start=[0.0, own.start])


def _membrane(name: str, node: Any, rule: Discretization, dtype: str) -> Membrane:
    if dtype != "float32":
        found = f"dtype={dtype!r}"
        raise NotRepresentable(found, f"{name} computes in float32; the nearest is float32")
    own = membrane_of(node, rule)
    if not isinstance(node, nir.IF):
        tau = "tau_mem" if hasattr(node, "tau_mem") else "tau"
        text = f"decays by an exponential, which is never 0: {tau} > dt"
        require_values(name, node, tau, own.keep > 0, 2 * rule.dt, text)
    require_countable(name, node)
    return own


def _ends(node: Any, own: Membrane, rule: Discretization, dtype: str) -> dict[str, Any]:
    count = rule.spikes == "multi"  # counts define ties
    threshold = own.threshold if count else threshold_for(own.threshold, rule, "ge", dtype)
    most = float(rule.max_spikes or UNLIMITED) if count else 1.0
    ends = {"threshold": _flat(threshold), "max_spikes_per_dt": torch.tensor(most)}
    window = library_surrogate(node, "rockpool", lambda s: window_of(s, own.threshold))
    return ends if window is None else {**ends, "learning_window": window}


def _time_constant(keep: np.ndarray, rule: Discretization) -> np.ndarray:
    """tau of the exponential that keeps this fraction; infinite where nothing leaks."""
    with np.errstate(divide="ignore"):
        return -rule.dt / np.log(keep)


def _flat(values: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.array(values, np.float32).reshape(-1))


def _export(model: Any, input_shape: Any = None) -> nir.NIRGraph:
    """The tracer needs torch's `modules()`, which Rockpool replaces: it gets a converted copy."""
    if isinstance(model, TorchModule) and find_exporter(type(model), MODULE_MAP) is ABSENT:
        model = copy.deepcopy(model).to_torch()
    return export_with(MODULE_MAP, model, input_shape)


def _run(model: torch.nn.Module, xs: np.ndarray, dtype: str) -> dict[str, np.ndarray]:
    """[batch, time, ...]; the modules draw random numbers, but torch's random state is restored."""
    with torch.random.fork_rng(devices=[]):
        rows = run_whole(model, xs, dtype, reset=_fresh, time_axis=1)
    if not isinstance(model, SynNet):
        return rows
    if model.output == "vmem":  # the last neurons' spikes are not what the graph reads
        rows.pop(f"seq.{model.label_last_LIF}", None)
    return {name.removeprefix("seq."): row for name, row in rows.items() if name != "seq"}


def _fresh(model: torch.nn.Module) -> None:
    if isinstance(model, TorchModule):
        model.reset_state()
        return
    for child in model.children():
        _fresh(child)


BRIDGE = Bridge(
    name="rockpool",
    library="rockpool",
    backend="torch",
    node_map=NODE_MAP,
    module_map=MODULE_MAP,
    export=_export,
    run=_run,
    dtypes=("float32",),  # it creates its outputs and records by torch.zeros(...)
    presets=("rockpool.LIFTorch", "rockpool.LIFNeuronTorch", "rockpool.ExpSynTorch"),
)
