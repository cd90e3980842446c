"""sinabs: NIR neurons as its layers, and the `BRIDGE`.

One step of its LIF is i = alpha_syn*(i + x), v = alpha_mem*v + i; without a synapse i is x. IAF
does not leak, ExpLeak does not spike. All layers keep their state in buffers.

**Source**: sinabs 3.1.3, sinabs.layers.functional.lif; held to it by tests/libraries.
"""

# The library is not in .venv, where types are checked; nir's annotations are narrower than nir.
# pyright: reportArgumentType=false, reportCallIssue=false, reportMissingImports=false

from __future__ import annotations

import copy
from dataclasses import replace
from functools import partial
from typing import Any

import nir
import numpy as np
import sinabs.layers as sl
import torch
from sinabs.activation import MaxSpike, MembraneReset, MembraneSubtract, MultiSpike, SingleSpike

from nirx.basics.type_map import TypeMap
from nirx.bridging.bridge import Bridge
from nirx.bridging.limits import Limits, require_countable, require_values
from nirx.bridging.membrane import Membrane, Synapse, membrane_of, synapse_of
from nirx.bridging.ranges import decay
from nirx.bridging.threshold import threshold_for
from nirx.dynamics.discretization import Discretization
from nirx.errors import UnsupportedError
from nirx_torch.bridges.exporting import export_with
from nirx_torch.bridges.neuron import LibraryNeuron, numbers, tensor
from nirx_torch.bridges.running import run_whole
from nirx_torch.bridges.sinabs_surrogates import surrogate_grad_fn
from nirx_torch.bridges.sinabs_to_nir import MODULE_MAP, membrane, synapse

__all__ = ["BRIDGE", "MODULE_MAP", "NODE_MAP"]

SPIKING = {"output": ("new",), "reset_when": ("same",)}
SILENT = {"output": ("new",)}
SYNAPSE = {"synapse": ("current-first",)}
LIF = Limits("sinabs.layers.LIF", (SPIKING,))
IAF = Limits("sinabs.layers.IAF", (SPIKING,))
LEAK = Limits("sinabs.layers.ExpLeak", (SILENT,))
CUBA_LIF = Limits("sinabs.layers.LIF", ({**SPIKING, **SYNAPSE},))
CUBA_LI = Limits("sinabs.layers.LIF", ({**SILENT, **SYNAPSE},))


class SinabsNeuron(LibraryNeuron):
    """A layer whose state is (v_mem,), or (i_syn, v_mem)."""

    ties = "ge"
    ranges = (decay("alpha_mem"), decay("alpha_syn"))
    membrane_at = -1

    def advance(self, x: torch.Tensor, state: Any) -> tuple[torch.Tensor, Any]:
        cell, names = self.cell, ("i_syn", "v_mem")[-len(state) :]
        kept = {name: getattr(cell, name) for name in names}
        for name, value in zip(names, state, strict=True):
            setattr(cell, name, value[None])
        y = cell(x[None, None])[0, 0]  # one sample and one step: every axis of x is a feature
        new = tuple(getattr(cell, name)[0] for name in names)
        for (
            name,
            value,
        ) in kept.items():  # here the state is an argument
            setattr(cell, name, value)
        del cell.firing_rate
        if len(state) == 2 and self.shifts_input:
            # The layer has no bias: its current pulls v to v_leak, which is subtracted again.
            new = (new[0] - cell.alpha_syn_calculated * self.offset, new[1])
        return y, new

    def membrane(self) -> Membrane:
        own, current = membrane(self.cell), synapse(self.cell)
        taken = getattr(self.cell.reset_fn, "subtract_value", None)
        if taken and not np.allclose(own.threshold, taken, rtol=1e-6, atol=0):
            raise UnsupportedError(
                f"its layer subtracts {taken} at a threshold that has changed; NIR has one number "
                "for both: set reset_fn=MembraneSubtract(), or restore the threshold"
            )
        if current is None:
            return own
        return replace(own, offset=own.offset + current.jump * numbers(self.offset))

    def synapse(self) -> Synapse | None:
        return synapse(self.cell)


NODE_MAP = TypeMap()
"""NIR's neurons as sinabs' layers.

Not SumPool2d: that of sinabs averages and multiplies, which rounds; nirx's adds.
"""


@NODE_MAP.register(nir.IF)
@NODE_MAP.register(nir.I)
def _iaf(node: Any, rule: Discretization, dtype: str) -> LibraryNeuron:
    spiking = isinstance(node, nir.IF)
    (IAF if spiking else LEAK).require(rule)
    own, where = _placed(node, rule)
    cell = sl.IAF(**_options(own, rule, spiking))
    _set_numbers(cell, node, own, rule, dtype, where)
    return SinabsNeuron(cell, node, rule, gain=own.gain, start=[own.start], **where)


@NODE_MAP.register(nir.LIF)
@NODE_MAP.register(nir.LI)
def _lif(node: Any, rule: Discretization, dtype: str) -> LibraryNeuron:
    spiking = isinstance(node, nir.LIF)
    (LIF if spiking else LEAK).require(rule)
    own, where = _placed(node, rule)
    if spiking:
        options = _options(own, rule, spiking)
        cell = sl.LIF(1.0, train_alphas=True, norm_input=False, **options)
    else:
        cell = sl.ExpLeak(1.0, train_alphas=True, norm_input=False)
    _set_numbers(cell, node, own, rule, dtype, where)
    return SinabsNeuron(
        cell, node, rule, gain=own.gain, offset=own.offset, start=[own.start], **where
    )


@NODE_MAP.register(nir.CubaLIF)
@NODE_MAP.register(nir.CubaLI)
def _current_based(node: Any, rule: Discretization, dtype: str) -> LibraryNeuron:
    spiking = isinstance(node, nir.CubaLIF)
    (CUBA_LIF if spiking else CUBA_LI).require(rule)
    current = synapse_of(node, rule)
    good = current.keep != 0
    text = "decays its input too, so nothing may decay in one step: tau_syn is not dt"
    require_values("sinabs.layers.LIF", node, "tau_syn", good, 2 * rule.dt, text)
    own, where = _placed(node, rule)
    options = _options(own, rule, spiking)
    cell = sl.LIF(1.0, tau_syn=1.0, train_alphas=True, norm_input=False, **options)
    _set_numbers(cell, node, own, rule, dtype, where)
    cell.alpha_syn = torch.nn.Parameter(tensor(current.keep, dtype))
    return SinabsNeuron(
        cell,
        node,
        rule,
        gain=current.jump * own.gain / current.keep,
        offset=own.offset / current.keep,
        start=[0.0, own.start],
        **where,
    )


def _placed(node: Any, rule: Discretization) -> tuple[Membrane, dict[str, Any]]:
    """The membrane in coordinates that sinabs can reset, and their shift and scale."""
    own = membrane_of(node, rule)
    if not hasattr(node, "v_threshold"):
        return own, {}
    if rule.spikes == "multi":
        require_countable("sinabs", node)
        if rule.reset != "value":
            return own, {}
    if rule.reset == "value":
        by = numbers(node.v_reset)
        if rule.spikes == "multi":
            good = np.equal(by, 0)
            text = "resets to 0, and counts multiples of a threshold above 0: v_reset is 0"
            require_values("sinabs", node, "v_reset", good, 0.0, text)
        return own.shifted(by), {"shift": by}
    if _apart(rule):
        # The subtracted threshold is then 1, which is exact in the spikes' float32.
        good = np.greater(node.v_threshold, 0)
        text = "subtracts the threshold: v_threshold > 0"
        require_values("sinabs", node, "v_threshold", good, 1.0, text)
        by = numbers(node.v_threshold)
        return own.scaled(by), {"scale": by}
    return own, {}


def _apart(rule: Discretization) -> bool:
    """Whether the threshold that is compared differs from the one that is subtracted."""
    return (rule.reset, rule.spikes, rule.threshold) == ("subtract", "single", "gt")


def _options(own: Membrane, rule: Discretization, spiking: bool) -> dict[str, Any]:
    if not spiking:
        return {"spike_fn": None, "spike_threshold": None}
    spikes = MultiSpike if rule.max_spikes is None else MaxSpike(rule.max_spikes)
    subtract = {"none": 0.0, "subtract": 1.0 if _apart(rule) else None}
    reset = rule.reset
    return {
        "spike_fn": SingleSpike if rule.spikes == "single" else spikes,
        "reset_fn": MembraneReset() if reset == "value" else MembraneSubtract(subtract[reset]),
    }


def _set_numbers(
    cell: Any,
    node: Any,
    own: Membrane,
    rule: Discretization,
    dtype: str,
    where: dict[str, Any],
) -> None:
    """Give a layer its numbers in the dtype of the run (its constructor rounds to float32), and the
    surrogate that its node asks for."""
    if hasattr(cell, "alpha_mem"):
        cell.alpha_mem = torch.nn.Parameter(tensor(own.keep, dtype))
    if not hasattr(node, "v_threshold"):
        return
    count = rule.spikes == "multi"  # counts define ties
    threshold = own.threshold if count else threshold_for(own.threshold, rule, "ge", dtype)
    # With an axis: the product of the spikes with a scalar would stay in their float32.
    values = tensor(np.atleast_1d(threshold), dtype)
    cell.spike_threshold = torch.nn.Parameter(values, requires_grad=False)
    found = surrogate_grad_fn(node, threshold, where.get("scale", 1.0))
    if found is not None:
        cell.surrogate_grad_fn = found


def _run(model: torch.nn.Module, xs: np.ndarray, dtype: str) -> dict[str, np.ndarray]:
    """[batch, time, ...], or both in one axis for a model of Squeeze layers."""
    own: Any = _Copied(model)
    return run_whole(own, xs, dtype, reset=partial(_fresh, batch=xs.shape[1]), time_axis=1)


class _Copied:
    """A model whose deep copy works: sinabs' own fails for recurrent layers."""

    def __init__(self, model: torch.nn.Module):
        self.model = model

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        for part in self.model.modules():
            if isinstance(part, sl.LIFRecurrent):
                memo[id(part)] = new = part.__class__.__new__(part.__class__)
                held = {
                    k: v for k, v in vars(part).items() if k not in ("firing_rate", "recordings")
                }
                held["_buffers"] = {name: torch.zeros(0) for name in part._buffers}
                vars(new).update(copy.deepcopy(held, memo))
        return copy.deepcopy(self.model, memo)


def _fresh(model: torch.nn.Module, batch: int) -> None:
    folded = False
    for part in model.modules():
        if isinstance(part, sl.StatefulLayer):
            part.reset_states()
        if isinstance(part, SQUEEZE):
            part.batch_size, part.num_timesteps, folded = batch, -1, True
        elif isinstance(part, sl.UnflattenTime):
            part.batch_size = batch
        elif isinstance(getattr(part, "weight", None), torch.Tensor):
            part.register_forward_pre_hook(_in_own_dtype)
    if folded and not any(isinstance(part, sl.FlattenTime) for part in model.modules()):
        model.register_forward_pre_hook(lambda module, given: (given[0].flatten(0, 1),))


def _in_own_dtype(module: Any, given: Any) -> Any:
    """sinabs' spikes are float32, in whatever dtype its layers compute."""
    return (given[0].to(module.weight.dtype), *given[1:])


SQUEEZE = (sl.IAFSqueeze, sl.LIFSqueeze, sl.ExpLeakSqueeze)


class ALIF(torch.nn.Module):
    """One time step of a sinabs ALIF, which NIR does not have: its step is traced."""

    def __init__(self, layer: sl.ALIF):
        super().__init__()
        self.layer = layer

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x.unsqueeze(1)).squeeze(1)


def _step_of(layer: sl.ALIF) -> torch.nn.Module:
    return ALIF(layer) if type(layer) is sl.ALIF else layer


def _export(model: Any, input_shape: Any = None) -> nir.NIRGraph:
    """A Network of from_model knows the shape of its input."""
    own = getattr(model, "input_shape", None) if input_shape is None else input_shape
    return export_with(MODULE_MAP, model, own, over_time={sl.ALIF: _step_of})


BRIDGE = Bridge(
    name="sinabs",
    library="sinabs",
    backend="torch",
    node_map=NODE_MAP,
    module_map=MODULE_MAP,
    export=_export,
    run=_run,
    presets=("sinabs.LIF", "sinabs.IAF", "sinabs.ExpLeak"),
)
