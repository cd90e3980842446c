"""Rockpool on JAX: LIFJax, LinearJax, ExpSynJax and their Sequential as NIR, and run by evolve.

**Source**: rockpool 3.1.0, rockpool.nn; held to it by tests/libraries.
"""

# The library is not in .venv, where types are checked; nir's annotations are narrower than nir.
# pyright: reportMissingImports=false

from __future__ import annotations

from dataclasses import replace
from typing import Any

import jax.numpy as jnp
import nir
import numpy as np
from rockpool.nn.combinators.sequential import JaxSequential
from rockpool.nn.modules import ExpSynJax, LIFJax, LIFODEJax, LinearJax
from rockpool.nn.modules.jax.jax_module import JaxModule

from nirx.basics.find_exporter import find_exporter
from nirx.basics.foreign_arrays import to_numpy
from nirx.basics.type_map import TypeMap
from nirx.bridging.bridge import Bridge
from nirx.bridging.feedback import feedback_graph
from nirx.bridging.learning_window import with_window
from nirx.bridging.membrane import Membrane, Synapse, neuron_node
from nirx.bridging.surrogates import with_surrogate
from nirx.dynamics.discretization import Discretization
from nirx.dynamics.presets import PRESETS
from nirx.errors import InputError, UnsupportedError
from nirx.graphs.rules import with_rule
from nirx_jax.bridges.calling import calling
from nirx_jax.bridges.exporting import chain_graph
from nirx_jax.bridges.neuron import numbers
from nirx_jax.bridges.rockpool_neurons import NODE_MAP, WINDOW, kept, quiet
from nirx_jax.bridges.running import OUTPUT
from nirx_jax.bridges.tracing import refused
from nirx_jax.exporters import Exporters
from nirx_jax.module_map import MODULE_MAP as JAX
from nirx_jax.module_map import linear_node
from nirx_jax.net import Net
from nirx_jax.to_nir import to_nir

__all__ = ["BRIDGE", "MODULE_MAP", "NODE_MAP"]

MODULE_MAP = TypeMap(JAX)
"""Rockpool's modules on JAX as NIR nodes that say how they step."""


@MODULE_MAP.register(LinearJax)
def _linear(layer: LinearJax) -> nir.NIRNode:
    bias = to_numpy(layer.bias) if layer._has_bias else None
    return linear_node(to_numpy(layer.weight).T, bias)


@MODULE_MAP.register(LIFJax)
@MODULE_MAP.register(LIFODEJax)
def _lif(cell: LIFJax) -> nir.NIRNode | nir.NIRGraph:
    if cell.n_synapses != 1:
        raise refused("LIFJax", f"{cell.n_synapses} synapses a neuron", "give each one synapse")
    if np.any(numbers(cell.noise_std)):
        raise refused("LIFJax", f"noise_std={cell.noise_std}", "use noise_std=0")
    rule = _rule(cell)
    size = cell.size_out
    tau_mem, tau_syn = (_full(numbers(t).reshape(-1), size) for t in (cell.tau_mem, cell.tau_syn))
    threshold, bias = numbers(cell.threshold), numbers(cell.bias)
    if isinstance(cell, LIFODEJax):  # Euler's step of both equations
        gain, jump = rule.dt / tau_mem, rule.dt / tau_syn
        own = Membrane(1 - gain, gain, gain * bias, threshold)
        synapse = Synapse(1 - jump, jump)
    else:
        own = Membrane(kept(tau_mem, rule.dt), offset=bias, threshold=threshold)
        keep_syn = kept(tau_syn, rule.dt)
        synapse = Synapse(keep_syn, keep_syn)
    node = with_rule(neuron_node(own, rule, True, synapse), rule)
    with_surrogate(node, *with_window(own.threshold, WINDOW))
    if not cell._has_rec:
        return node
    return feedback_graph(node, nir.Linear(to_numpy(cell.w_rec).T), size, name="neuron")


@MODULE_MAP.register(ExpSynJax)
def _synapse(cell: ExpSynJax) -> nir.NIRNode:
    if np.any(numbers(cell.noise_std)):
        raise refused("ExpSynJax", f"noise_std={cell.noise_std}", "use noise_std=0")
    rule = replace(PRESETS["rockpool.LIFTorch"], dt=float(cell.dt))
    keep = _full(kept(cell.tau, rule.dt), cell.size_out)
    node = neuron_node(Membrane(keep, gain=keep), rule, False)  # the input decays at once
    return with_rule(node, rule)


@MODULE_MAP.register(JaxSequential)
def _sequential(model: JaxSequential) -> nir.NIRGraph:
    return _graph(model)


@MODULE_MAP.register(JaxModule)
def _other(cell: JaxModule) -> nir.NIRNode:
    raise UnsupportedError(
        f"{type(cell).__name__} has no NIR node; LIFJax, LinearJax, ExpSynJax and Sequential have"
    )


def _rule(cell: LIFJax) -> Discretization:
    rule = replace(PRESETS["rockpool.LIFTorch"], dt=float(cell.dt))
    most = float(cell.max_spikes_per_dt)
    if most == 1:
        return replace(rule, spikes="single", max_spikes=None)
    return replace(rule, max_spikes=int(most) if np.isfinite(most) else None)


def _full(values: np.ndarray, size: int) -> np.ndarray:
    return np.broadcast_to(values, (size,)).copy()


def _is_chain(model: Any) -> bool:
    """Whether it calls its parts one after another, as its subclass Residual does not."""
    return find_exporter(type(model), MODULE_MAP) is _sequential


def _layers(model: Any, prefix: str = "") -> list[tuple[str, Any]]:
    """The layers by their names in Rockpool, joined by dots; or the type of a lone layer."""
    if not _is_chain(model):
        return [(prefix or type(model).__name__.lower(), model)]
    start = f"{prefix}." if prefix else ""
    return [pair for name, m in model.modules().items() for pair in _layers(m, f"{start}{name}")]


def _graph(model: Any, input_shape: Any = None) -> nir.NIRGraph:
    exporters = Exporters(MODULE_MAP, None)
    nodes = [(name, exporters.node_of(layer, name)) for name, layer in _layers(model)]
    return chain_graph(nodes, model.size_in if input_shape is None else input_shape)


def _export(model: Any, input_shape: Any = None) -> nir.NIRGraph:
    """A Sequential or one module of Rockpool on JAX."""
    if isinstance(model, Net):
        return to_nir(model, MODULE_MAP)
    if not isinstance(model, JaxModule):
        raise InputError(f"the model is a {type(model).__name__}; expected a Rockpool JaxModule")
    return _graph(model, input_shape)


def _run(model: Any, xs: np.ndarray, dtype: str) -> dict[str, np.ndarray]:
    """One call of evolve with all steps and recording; Rockpool has the batch first."""
    given = jnp.asarray(np.array(xs, dtype)).swapaxes(0, 1)
    with (
        quiet(),
        calling(model, given.shape),
    ):  # not under jit, where LinearJax 3.1.0 loses its bias; evolve compiles its loop
        y, _, record = model.reset_state().evolve(given, record=True)
    rows = {name: _output(record, name.split(".")) for name, _ in _layers(model)}
    if not _is_chain(model):
        rows = dict.fromkeys(rows, y)
    found = {**{_node_name(name, m): rows[name] for name, m in _layers(model)}, OUTPUT: y}
    return {name: to_numpy(row.swapaxes(0, 1)) for name, row in found.items()}


def _output(record: Any, path: list[str]) -> Any:
    *above, name = path
    for part in above:
        record = record[part]
    return record.get(f"{name}_output")


def _node_name(name: str, layer: Any) -> str:
    feeds_back = isinstance(layer, LIFJax) and layer._has_rec
    return f"{name}/neuron" if feeds_back else name


BRIDGE = Bridge(
    name="rockpool-jax",
    library="rockpool",
    backend="jax",
    node_map=NODE_MAP,
    module_map=MODULE_MAP,
    export=_export,
    run=_run,
    dtypes=("float32",),  # LIFJax itself turns its input into float32
    presets=("rockpool.LIFTorch",),
)
