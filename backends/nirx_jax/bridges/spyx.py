"""spyx: its neurons and Sequential as NIR, and its models run as its users run them.

One step of LIF is z = V > threshold, V = beta*V + x - z*threshold: the spikes are those of the
old membrane potential. A model is a Sequential, one layer, or a module with the interface that
`spyx.nn.run` expects: `initial_state(batch_size)` and (x, state) -> (y, state).
All shapes and arrays here are NIR's, [channels, height, width]; spyx has the channels last.

**Source**: spyx 1.0.0, spyx.nn; held to it by tests/libraries.
"""

# The library is not in .venv, where types are checked; nir's annotations are narrower than nir.
# pyright: reportCallIssue=false, reportMissingImports=false

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import nir
import numpy as np
from flax import nnx
from spyx import nn as spyx

from nirx.basics.find_exporter import find_exporter
from nirx.basics.type_map import ABSENT, TypeMap
from nirx.bridging.bridge import Bridge
from nirx.bridging.feedback import feedback_graph
from nirx.bridging.membrane import Membrane, Synapse, neuron_node
from nirx.bridging.surrogates import with_surrogate
from nirx.dynamics.presets import PRESETS
from nirx.errors import InputError, UnsupportedError
from nirx.graphs.rules import with_rule
from nirx_jax.bridges.axes import channels_first
from nirx_jax.bridges.flax_layers import LAYERS
from nirx_jax.bridges.neuron import numbers
from nirx_jax.bridges.probing import is_step
from nirx_jax.bridges.spyx_cells import is_cell, passes_states
from nirx_jax.bridges.spyx_neurons import NODE_MAP
from nirx_jax.bridges.spyx_own import own_graph, run_own
from nirx_jax.bridges.spyx_sequential import layers_of, run_layers, sequential_graph
from nirx_jax.bridges.spyx_surrogates import surrogate_of
from nirx_jax.bridges.tracing import refused
from nirx_jax.module_map import MODULE_MAP as JAX
from nirx_jax.net import Net
from nirx_jax.to_nir import to_nir

__all__ = ["BRIDGE", "MODULE_MAP", "NODE_MAP"]

MODULE_MAP = TypeMap(JAX) | LAYERS
"""flax's layers, and spyx's neurons as NIR nodes that say how they step.

A decay has no unit: tau is in steps, dt=1, as in spyx's own exporter.
"""


@MODULE_MAP.register(spyx.IF)
@MODULE_MAP.register(spyx.LIF)
@MODULE_MAP.register(spyx.PSU_LIF)
@MODULE_MAP.register(spyx.CuBaLIF)
@MODULE_MAP.register(spyx.LI)
def _neuron(cell: Any) -> nir.NIRNode:
    kind = next(k.__name__ for k in type(cell).__mro__ if f"spyx.{k.__name__}" in PRESETS)
    rule = PRESETS[f"spyx.{kind}"]
    spiking = hasattr(cell, "spike")
    if spiking:
        _require_step(cell)
    shape = tuple(np.atleast_1d(cell.hidden_shape if spiking else cell.layer_shape))
    threshold = _shaped(cell.threshold, shape) if spiking else np.full((), np.inf)
    own = Membrane(_decay(cell, "beta", shape), threshold=threshold)
    synapse = None
    if hasattr(cell, "alpha"):
        alpha = _decay(cell, "alpha", shape)
        synapse = Synapse(alpha, np.ones_like(alpha))
    node = with_rule(neuron_node(own, rule, spiking, synapse), rule)
    return with_surrogate(node, *surrogate_of(cell)) if spiking else node


@MODULE_MAP.register(spyx.RIF)
@MODULE_MAP.register(spyx.RLIF)
@MODULE_MAP.register(spyx.RCuBaLIF)
def _recurrent(cell: Any) -> nir.NIRGraph:
    node = _neuron(cell)
    if len(cell.hidden_shape) != 1:
        raise refused(cell, f"hidden_shape={cell.hidden_shape}", "its feedback needs one axis")
    if (node.v_threshold < 0).any():
        raise refused(cell, "a threshold below 0", "it spikes before the first step")
    # The feedback is the output of this step. In NIR a feedback edge is one step late anyway, so
    # the neuron has output="new" there, and only the output of the layer is delayed.
    back = nir.Linear(numbers(cell.recurrent_w[...]).T)
    dt = PRESETS["spyx.RLIF"].dt
    return feedback_graph(node, back, cell.hidden_shape, name="neuron", delay=dt)


@MODULE_MAP.register(spyx.SumPool)
def _sum_pool(layer: spyx.SumPool) -> nir.NIRNode:
    if layer.padding != "VALID":
        raise refused(layer, f"padding={layer.padding!r}", "use 'VALID'; NIR pads both sides alike")
    if layer.channel_axis not in (-1, 3):
        raise refused(layer, f"channel_axis={layer.channel_axis}", "put the channels last")
    sizes = [np.array(np.broadcast_to(n, 2)) for n in (layer.window_shape, layer.strides)]
    return nir.SumPool2d(*sizes, np.zeros(2, int))


@MODULE_MAP.register(spyx.Flatten)
def _flatten(layer: spyx.Flatten) -> nir.NIRNode:
    unknown: Any = {"input": None}
    return nir.Flatten(unknown, 0, -1)


MODULE_MAP.register(spyx.ActivityRegularization, None)


@MODULE_MAP.register(spyx.Sequential)
@MODULE_MAP.register(nnx.Sequential)
def _sequential(model: nnx.Sequential) -> nir.NIRGraph:
    return sequential_graph(MODULE_MAP, layers_of(model))


def _shaped(value: Any, shape: tuple[int, ...]) -> np.ndarray:
    """A parameter with a value for each neuron, the channels first."""
    return channels_first(np.broadcast_to(numbers(value), shape), len(shape)).copy()


def _decay(cell: Any, name: str, shape: tuple[int, ...]) -> np.ndarray:
    own = getattr(cell, name)[...] if hasattr(cell, name) else 1.0
    return _shaped(np.clip(numbers(own), 0, 1), shape)


def _require_step(cell: Any) -> None:
    """spyx allows any function as activation; NIR's neurons have a step."""
    if not is_step(cell.spike, at_zero=False):
        raise refused(cell, "an activation that is not a step at 0", "use one of spyx.axn")


def _export(model: Any, input_shape: Any = None) -> nir.NIRGraph:
    """A Sequential, one layer of spyx or flax, or a module that passes states; input_shape has the
    channels first."""
    if isinstance(model, Net):
        return to_nir(model, MODULE_MAP)
    if not _is_sequential(model):
        return own_graph(MODULE_MAP, model, input_shape)
    return sequential_graph(MODULE_MAP, layers_of(model), input_shape)


def _run(model: Any, xs: np.ndarray, dtype: str) -> dict[str, np.ndarray]:
    with jax.enable_x64(dtype == "float64"):
        sequential = _is_sequential(model)
        own = nnx.merge(*_cast(nnx.split(model), dtype))
        given = np.array(xs, dtype)
        return run_layers(own, given) if sequential else run_own(MODULE_MAP, own, given)


def _cast(parts: Any, dtype: str) -> Any:
    graph, state = parts

    def convert(leaf: Any) -> Any:
        is_float = hasattr(leaf, "dtype") and jnp.issubdtype(leaf.dtype, jnp.floating)
        return leaf.astype(dtype) if is_float else leaf

    return graph, jax.tree.map(convert, state)


def _is_sequential(model: Any) -> bool:
    """Whether the order of the layers is known without a call of the model."""
    if not isinstance(model, nnx.Module):
        raise InputError(f"the model is a {type(model).__name__}; expected a flax.nnx.Module")
    if find_exporter(type(model), MODULE_MAP) is not ABSENT or is_cell(model, MODULE_MAP):
        return True
    if passes_states(model):
        return False
    raise UnsupportedError(
        f"{type(model).__name__}: only its own code knows the order of its layers; make it a "
        "spyx.nn.Sequential, or give it `initial_state(batch_size)` and a call from (x, state) to "
        "(y, state)"
    )


BRIDGE = Bridge(
    name="spyx",
    library="spyx",
    backend="jax",
    node_map=NODE_MAP,
    module_map=MODULE_MAP,
    export=_export,
    run=_run,
    presets=tuple(name for name in PRESETS if name.startswith("spyx.")),
)
