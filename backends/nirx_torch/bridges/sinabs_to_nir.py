"""sinabs' layers as NIR nodes with their discretization.

Time constants are in steps: dt is 1.

**Source**: sinabs 3.1.3, sinabs.layers and sinabs.activation; held to it by tests/libraries.
"""

# The library is not in .venv, where types are checked; nir's annotations are narrower than nir.
# pyright: reportMissingImports=false

from __future__ import annotations

from dataclasses import replace
from typing import Any

import nir
import numpy as np
import sinabs.layers as sl
import torch
from sinabs.activation import MaxSpike, MembraneReset, MembraneSubtract, MultiSpike, SingleSpike

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
from nirx_torch.bridges.sinabs_surrogates import surrogate_of
from nirx_torch.exporters import Exporters
from nirx_torch.module_map import MODULE_MAP as TORCH

__all__ = ["MODULE_MAP", "membrane", "synapse"]

MODULE_MAP = TypeMap(TORCH)
"""torch's layers (SumPool2d is one of them), and sinabs' neurons."""


def membrane(cell: Any) -> Membrane:
    """The numbers of a layer."""
    keep = _keep(cell, "mem") if not isinstance(cell, IAF) else np.ones(())
    gain = 1 - keep if cell.norm_input else np.ones(())
    threshold = np.inf if cell.spike_fn is None else cell.spike_threshold
    return Membrane(keep, gain, threshold=numbers(threshold))


def synapse(cell: Any) -> Synapse | None:
    """The numbers of its synapse, which decays the new input too."""
    if _tau(cell, "syn") is None:
        return None
    keep = _keep(cell, "syn")
    return Synapse(keep, keep)


def _tau(cell: Any, which: str) -> torch.Tensor | None:
    return getattr(cell, f"{'alpha' if cell.train_alphas else 'tau'}_{which}")


def _keep(cell: Any, which: str) -> np.ndarray:
    own = numbers(_tau(cell, which))
    return own if cell.train_alphas else np.exp(-1 / own)


@MODULE_MAP.register(sl.LIF)
@MODULE_MAP.register(sl.IAF)
@MODULE_MAP.register(sl.ExpLeak)
@MODULE_MAP.register(sl.LIFSqueeze)
@MODULE_MAP.register(sl.IAFSqueeze)
@MODULE_MAP.register(sl.ExpLeakSqueeze)
def _neuron(cell: Any) -> nir.NIRNode:
    rule = _rule(cell)
    node = neuron_node(membrane(cell), rule, cell.spike_fn is not None, synapse(cell))
    if not cell.train_alphas:  # as given, without rounding by way of a decay
        names = {"tau": "mem", "tau_mem": "mem", "tau_syn": "syn"}
        for name in names.keys() & vars(node).keys():
            values = numbers(_tau(cell, names[name]))
            setattr(node, name, np.broadcast_to(values, np.shape(node.r)).copy())
    if cell.spike_fn is not None:
        with_surrogate(node, *surrogate_of(cell))
    return with_rule(node, rule)


def _rule(cell: Any) -> Discretization:
    base = PRESETS["sinabs.LIF"]
    if cell.min_v_mem is not None:
        raise UnsupportedError(
            f"min_v_mem={numbers(cell.min_v_mem).max():g} has no NIR node: NIR's neurons have no "
            "lower bound of v; use min_v_mem=None (the default of from_model is -1)"
        )
    if cell.spike_fn is None:
        return base
    return replace(base, **_spikes(cell.spike_fn), reset=_reset(cell))


def _spikes(function: Any) -> dict[str, Any]:
    if function is MultiSpike:
        return {"spikes": "multi"}
    if function is SingleSpike:
        return {"spikes": "single"}
    if isinstance(function, MaxSpike):
        return {"spikes": "multi", "max_spikes": function.max_num_spikes_per_bin}
    name = getattr(function, "__name__", type(function).__name__)
    raise UnsupportedError(
        f"spike_fn={name} has no NIR node; use MultiSpike, SingleSpike or MaxSpike"
    )


def _reset(cell: Any) -> str:
    how = cell.reset_fn
    if isinstance(how, MembraneReset):
        if np.any(numbers(how.reset_value) != 0):
            raise UnsupportedError(
                f"MembraneReset(reset_value={how.reset_value}) has no NIR node: sinabs adds "
                "reset_value in every step, spike or not; use 0 and move the threshold"
            )
        return "value"
    if isinstance(how, MembraneSubtract):
        taken = how.subtract_value
        if taken is None or np.array_equal(numbers(taken), numbers(cell.spike_threshold)):
            return "subtract"
        if not np.any(numbers(taken)):
            return "none"
        raise UnsupportedError(
            f"MembraneSubtract(subtract_value={taken}) has no NIR node; NIR subtracts the "
            "threshold: leave it at None"
        )
    raise UnsupportedError(
        f"reset_fn={type(how).__name__} has no NIR node; use MembraneSubtract or MembraneReset"
    )


@MODULE_MAP.register(sl.LIFRecurrent)
@MODULE_MAP.register(sl.IAFRecurrent)
def _recurrent(cell: Any) -> nir.NIRGraph:
    node, back = _neuron(cell), _feedback(cell.rec_connect)
    return feedback_graph(node, back, back.weight.shape[:1])


def _feedback(module: torch.nn.Module) -> Any:
    """The Linear or Affine of rec_connect; layers around it that only reshape have no node."""
    found = [part for part in _parts(module) if not isinstance(part, RESHAPES)]
    if len(found) != 1 or not isinstance(found[0], torch.nn.Linear):
        kinds = ", ".join(type(part).__name__ for part in found)
        raise UnsupportedError(f"rec_connect of {kinds} has no NIR node; use one Linear")
    return Exporters(TORCH, None, ()).node_of(found[0], "rec_connect")


def _parts(module: torch.nn.Module) -> list[torch.nn.Module]:
    if isinstance(module, torch.nn.Sequential):
        return [part for child in module for part in _parts(child)]
    return [module]


MODULE_MAP.register(sl.StatefulLayer, no_node("sinabs", "LIF, IAF, ExpLeak or LIFRecurrent"))


@MODULE_MAP.register(sl.Repeat)
def _repeat(module: Any) -> Any:
    """The layer that it repeats over time, which is not an axis in NIR."""
    handler = find_exporter(type(module.module), MODULE_MAP)
    if handler is ABSENT:
        raise UnsupportedError(f"Repeat of a {type(module.module).__name__} has no NIR node")
    return None if handler is None else handler(module.module)


MODULE_MAP.register(sl.FlattenTime, None)
MODULE_MAP.register(sl.UnflattenTime, None)

IAF = (sl.IAF, sl.IAFRecurrent)
RESHAPES = (torch.nn.Flatten, torch.nn.Unflatten, torch.nn.Identity)
