"""Norse: its cells as NIR nodes, and NIR neurons as its cells.

One step of a box cell is v += dt*tau_inv*(x + v_leak - v). LIFCell and LICell have the current
i + x in the place of x, which then decays. No cell has an input resistance.

**Source**: norse 1.1.0, norse.torch.functional; held to it by tests/libraries.
"""

# The library is not in .venv, where types are checked; nir's annotations are narrower than nir.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportMissingImports=false

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import nir
import norse.torch as norse
import numpy as np
import torch
from norse.torch.functional.reset import reset_subtract, reset_value
from norse.torch.module import snn

from nirx.basics.type_map import TypeMap
from nirx.bridging.bridge import Bridge
from nirx.bridging.feedback import feedback_graph
from nirx.bridging.limits import Limits, no_node
from nirx.bridging.membrane import Membrane, Synapse, membrane_of, synapse_of
from nirx.bridging.ranges import positive
from nirx.bridging.surrogates import with_surrogate
from nirx.bridging.threshold import threshold_for
from nirx.dynamics.discretization import Discretization
from nirx.dynamics.presets import PRESETS
from nirx.errors import UnsupportedError
from nirx.graphs.rules import with_rule
from nirx.tracing.membranes import with_names
from nirx_torch.bridges.exporting import export_with
from nirx_torch.bridges.neuron import LibraryNeuron, numbers
from nirx_torch.bridges.norse_over_time import OVER_TIME, run
from nirx_torch.bridges.norse_surrogates import method_and_alpha, surrogate_of
from nirx_torch.module_map import MODULE_MAP as TORCH
from nirx_torch.module_map import linear_node

__all__ = ["BRIDGE", "MODULE_MAP", "NODE_MAP"]

SPIKING = {"spikes": ("single",), "output": ("new",), "reset_when": ("same",)}
SILENT = {"output": ("new",)}
SYNAPSE = {"synapse": ("current-first",)}
BOX = Limits("norse.LIFBoxCell", ({**SPIKING, "reset": ("value", "subtract")},))
IAF = Limits("norse.IAFCell", ({**SPIKING, "reset": ("value",)},))
CURRENT = Limits("norse.LIFCell", ({**SPIKING, **SYNAPSE, "reset": ("value",)},))
LI_BOX = Limits("norse.LIBoxCell", (SILENT,))
LI = Limits("norse.LICell", ({**SILENT, **SYNAPSE},))


class Parameters(torch.nn.Module):
    """Norse also accepts parameters in a module, where they follow .to() and are saved."""

    def __init__(self, **values: Any):
        super().__init__()
        for name, value in values.items():
            if isinstance(value, np.ndarray):
                self.register_buffer(name, torch.from_numpy(value.copy()))
            else:
                setattr(self, name, value)


class NorseNeuron(LibraryNeuron):
    """A cell whose state is a named tuple of v, or of v and i."""

    ties = "gt"
    ranges = (positive("tau_mem_inv"), positive("tau_syn_inv"))

    def __init__(self, cell: Any, node: Any, rule: Discretization, state: type, **where: Any):
        super().__init__(cell, node, rule, **where)
        self.state = state

    def advance(self, x: torch.Tensor, state: Any) -> tuple[torch.Tensor, Any]:
        y, new = self.cell(x, self.state(*state))
        return y, (new.v, new.i) if len(state) == 2 else (new.v,)

    def library_parameter(self, name: str) -> Any:
        return getattr(self.cell.p, name, None)

    def membrane(self) -> Membrane:
        p = self.cell.p
        ends = {
            "threshold": numbers(getattr(p, "v_th", np.inf)),
            "reset": numbers(getattr(p, "v_reset", 0.0)),
        }
        if not hasattr(p, "tau_mem_inv"):
            return Membrane(np.ones(1), **ends)
        a, leak = self.cell.dt * numbers(p.tau_mem_inv), numbers(p.v_leak)
        return Membrane(1 - a, a, a * leak, start=leak, **ends)

    def synapse(self) -> Synapse | None:
        if not hasattr(self.cell.p, "tau_syn_inv"):
            return None
        keep = 1 - self.cell.dt * numbers(self.cell.p.tau_syn_inv)
        return Synapse(keep, np.ones_like(keep))


NODE_MAP = TypeMap()
"""NIR's spiking and leaky neurons as Norse's cells. Norse has none for I, which nirx runs."""


@NODE_MAP.register(nir.LIF)
def _lif(node: nir.LIF, rule: Discretization, dtype: str) -> LibraryNeuron:
    BOX.require(rule)
    own = membrane_of(node, rule)
    reset = reset_value if rule.reset == "value" else reset_subtract
    p = _leaky(node, own, rule, dtype, reset_method=reset)
    cell = _cell(norse.LIFBoxCell, p, rule)
    state = norse.LIFBoxFeedForwardState
    return NorseNeuron(cell, node, rule, state, gain=node.r, start=[own.start])


@NODE_MAP.register(nir.LI)
def _li(node: nir.LI, rule: Discretization, dtype: str) -> LibraryNeuron:
    LI_BOX.require(rule)
    own = membrane_of(node, rule)
    cell = _cell(norse.LIBoxCell, _leaky(node, own, rule, dtype), rule)
    return NorseNeuron(cell, node, rule, norse.LIBoxState, gain=node.r, start=[own.start])


@NODE_MAP.register(nir.IF)
def _if(node: nir.IF, rule: Discretization, dtype: str) -> LibraryNeuron:
    IAF.require(rule)
    own = membrane_of(node, rule)
    cell = _cell(norse.IAFCell, Parameters(**_ends(node, own, rule, dtype)), rule)
    state = norse.IAFFeedForwardState
    return NorseNeuron(cell, node, rule, state, gain=own.gain, start=[own.start])


@NODE_MAP.register(nir.CubaLIF)
@NODE_MAP.register(nir.CubaLI)
def _current_based(node: Any, rule: Discretization, dtype: str) -> LibraryNeuron:
    spiking = isinstance(node, nir.CubaLIF)
    (CURRENT if spiking else LI).require(rule)
    own, synapse = membrane_of(node, rule), synapse_of(node, rule)
    p = _leaky(node, own, rule, dtype, tau_syn_inv=_cast((1 - synapse.keep) / rule.dt, dtype))
    cell = _cell(norse.LIFCell if spiking else norse.LICell, p, rule)
    state = norse.LIFFeedForwardState if spiking else norse.LIState
    gain = synapse.jump * np.asarray(node.r, np.float64)  # i here is r times NIR's
    return NorseNeuron(cell, node, rule, state, gain=gain, start=[own.start, 0.0])


def _cell(kind: Any, p: Parameters, rule: Discretization) -> Any:
    cell = kind(dt=rule.dt)
    cell.p = p  # LIFCell would convert an argument to a tuple, which .to() does not move
    return cell


def _leaky(node: Any, own: Membrane, rule: Discretization, dtype: str, **more: Any) -> Parameters:
    inverse = _cast((1 - own.keep) / rule.dt, dtype)
    spiking = _ends(node, own, rule, dtype) if hasattr(node, "v_threshold") else {}
    return Parameters(tau_mem_inv=inverse, v_leak=_cast(node.v_leak, dtype), **spiking, **more)


def _ends(node: Any, own: Membrane, rule: Discretization, dtype: str) -> dict[str, Any]:
    method, alpha = method_and_alpha(node)
    return {
        "v_th": threshold_for(own.threshold, rule, "gt", dtype),
        "v_reset": _cast(own.reset, dtype),
        "method": method,
        "alpha": torch.tensor(alpha),
    }


def _cast(value: Any, dtype: str) -> np.ndarray:
    return np.asarray(value, dtype)


MODULE_MAP = TypeMap(TORCH)
"""torch's layers, and Norse's cells as NIR nodes with their discretization."""


def _rule(cell: Any, preset: str) -> Discretization:
    """The preset, with the dt and reset of the cell."""
    method = getattr(cell.p, "reset_method", reset_value)
    if method not in (reset_value, reset_subtract):
        name = getattr(method, "__name__", method)
        raise UnsupportedError(f"reset_method={name} has no NIR node; use one of Norse's two")
    reset = "value" if method is reset_value else "subtract"
    return replace(PRESETS[preset], dt=cell.dt, reset=reset)


def _spikes(cell: Any) -> dict[str, np.ndarray]:
    return {"v_threshold": numbers(cell.p.v_th), "v_reset": numbers(cell.p.v_reset)}


def _with_surrogate(node: Any, cell: Any) -> Any:
    return with_surrogate(node, *surrogate_of(cell))


def _box(cell: Any) -> dict[str, np.ndarray]:
    p = cell.p
    return {"tau": 1 / numbers(p.tau_mem_inv), "v_leak": numbers(p.v_leak), "r": np.ones(())}


def _current(cell: Any) -> dict[str, np.ndarray]:
    p = cell.p
    return {
        "tau_mem": 1 / numbers(p.tau_mem_inv),
        "tau_syn": 1 / numbers(p.tau_syn_inv),
        "v_leak": numbers(p.v_leak),
        "w_in": np.ones(()),
        "r": np.ones(()),
    }


STATE = {"1.v": "v", "1.i": ""}
"""Norse keeps the current after its decay, NIR before it."""


@MODULE_MAP.register(norse.LIFBoxCell)
def _lif_box_cell(cell: Any) -> nir.NIRNode:
    node = _with_surrogate(nir.LIF(**_alike(_box(cell) | _spikes(cell))), cell)
    return with_names(with_rule(node, _rule(cell, "norse.LIFBoxCell")), {"1.v": "v"})


@MODULE_MAP.register(norse.LIBoxCell)
def _li_box_cell(cell: Any) -> nir.NIRNode:
    node = nir.LI(**_alike(_box(cell)))
    return with_names(with_rule(node, _rule(cell, "norse.LIBoxCell")), {"1.v": "v"})


@MODULE_MAP.register(norse.LIFCell)
@MODULE_MAP.register(norse.LIF)
def _lif_cell(cell: Any) -> nir.NIRNode:
    node = _with_surrogate(nir.CubaLIF(**_alike(_current(cell) | _spikes(cell))), cell)
    return with_names(with_rule(node, _rule(cell, "norse.LIFCell")), STATE)


@MODULE_MAP.register(norse.LICell)
@MODULE_MAP.register(norse.LI)
def _li_cell(cell: Any) -> nir.NIRNode:
    node = nir.CubaLI(**_alike(_current(cell)))
    return with_names(with_rule(node, _rule(cell, "norse.LIFCell")), STATE)


@MODULE_MAP.register(norse.IAFCell)
@MODULE_MAP.register(norse.IAF)
def _iaf_cell(cell: Any) -> nir.NIRNode:
    p = cell.p
    if numbers(p.v_reset).any():
        raise UnsupportedError(
            f"an IAF with v_reset={p.v_reset} starts at v_reset, and NIR's IF at 0; use v_reset=0"
        )
    # Norse adds the input as it is, whatever dt is: r*dt has to be 1.
    node = nir.IF(**_alike({"r": np.full_like(numbers(p.v_th), 1 / cell.dt), **_spikes(cell)}))
    _with_surrogate(node, cell)
    return with_names(with_rule(node, _rule(cell, "norse.IAFCell")), {"1.v": "v"})


@MODULE_MAP.register(norse.LIFRecurrentCell)
@MODULE_MAP.register(norse.LIFRecurrent)
def _lif_recurrent_cell(cell: Any) -> nir.NIRGraph:
    weights, back = (linear_node(w, None) for w in (cell.input_weights, cell.recurrent_weights))
    size = (int(cell.hidden_size),)
    neuron = _with_surrogate(nir.CubaLIF(**_alike(_current(cell) | _spikes(cell), size)), cell)
    graph = feedback_graph(with_rule(neuron, _rule(cell, "norse.LIFCell")), back, size, weights)
    return with_names(graph, {**dict.fromkeys(STATE, ""), "1.v": "lif.v", "1.z": ""})


for _kind in (
    *(snn.SNNCell, snn.SNNRecurrentCell, snn.SNN, snn.SNNRecurrent),
    *(norse.LIFMCRecurrentCell, norse.LIFMCRefracRecurrentCell),
):
    MODULE_MAP.register(
        _kind,
        no_node("norse", "LIFBoxCell, LIFCell, LIFRecurrentCell, IAFCell, LIBoxCell or LICell"),
    )


def _alike(
    values: dict[str, np.ndarray], size: tuple[int, ...] | None = None
) -> dict[str, np.ndarray]:
    """Parameters of one shape, as nir requires."""
    shape = np.broadcast_shapes(*(v.shape for v in values.values()), size or ())
    return {name: np.broadcast_to(v, shape).copy() for name, v in values.items()}


BRIDGE = Bridge(
    name="norse",
    library="norse",
    backend="torch",
    node_map=NODE_MAP,
    module_map=MODULE_MAP,
    export=partial(export_with, MODULE_MAP, over_time=OVER_TIME),
    run=run,
    presets=("norse.LIFBoxCell", "norse.LIBoxCell", "norse.LIFCell", "norse.IAFCell"),
)
