"""slax: linen models with its neurons as NIR, and run as its users run them.

One step of LIF is Vmem = sigmoid(tau)*Vmem + x and a spike at v_threshold, which subtracts the
threshold or sets Vmem to v_reset. A model is a linen module bound to its variables
(`module.bind(variables)`), or the pair of both: `slax.connect`, `slax.RNN` or any module of yours
around slax's neurons.

**Source**: slax 0.0.1, slax.models; held to it by tests/libraries.
"""

# The library is not in .venv, where types are checked; nir's annotations are narrower than nir.
# pyright: reportMissingImports=false

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import nir
import numpy as np
import slax

from nirx.basics.foreign_arrays import to_numpy
from nirx.basics.type_map import TypeMap
from nirx.bridging.bridge import Bridge
from nirx.bridging.membrane import Membrane, neuron_node
from nirx.bridging.surrogates import with_surrogate
from nirx.dynamics.presets import PRESETS
from nirx.errors import InputError, UnsupportedError
from nirx.graphs.rules import with_rule
from nirx_jax.bridges.exporting import as_shape
from nirx_jax.bridges.linen import Model, model_of, run_model, trace_model, warn_of_carry
from nirx_jax.bridges.neuron import numbers
from nirx_jax.bridges.probing import is_step
from nirx_jax.bridges.slax_neurons import NODE_MAP, kept
from nirx_jax.bridges.slax_surrogates import surrogate_of
from nirx_jax.bridges.tracing import refused
from nirx_jax.module_map import MODULE_MAP as JAX
from nirx_jax.module_map import linear_node
from nirx_jax.net import Net
from nirx_jax.to_nir import to_nir

__all__ = ["BRIDGE", "MODULE_MAP", "NODE_MAP"]

MODULE_MAP = TypeMap(JAX)
"""linen's Dense and slax's LIF, bound to their parameters, as NIR nodes.

A decay has no unit: tau is in steps, dt=1.
"""


@MODULE_MAP.register(nn.Dense)
def _dense(layer: nn.Dense) -> nir.NIRNode:
    own = layer.variables["params"]
    return linear_node(to_numpy(own["kernel"]).T, own.get("bias"))


@MODULE_MAP.register(nn.Conv)
def _conv(layer: nn.Conv) -> nir.NIRNode:
    raise UnsupportedError(
        "linen's Conv has its channels last and NIR has them first; slax models with "
        "convolutions are not exported: move their weights by hand, or build them in Equinox"
    )


@MODULE_MAP.register(nn.BatchNorm)
def _batch_norm(layer: nn.BatchNorm) -> nir.NIRNode:
    """With running statistics: a gain and an offset per feature, the last axis."""
    if not layer.use_running_average:
        raise refused("BatchNorm", "the statistics of its batch", "use use_running_average=True")
    if layer.axis not in (-1, (-1,)):
        raise refused("BatchNorm", f"axis={layer.axis}", "put the features last")
    learnt, kept_statistics = layer.variables.get("params", {}), layer.variables["batch_stats"]
    gain = numbers(learnt.get("scale", 1.0)) / np.sqrt(
        numbers(kept_statistics["var"]) + layer.epsilon
    )
    offset = numbers(learnt.get("bias", 0.0)) - gain * numbers(kept_statistics["mean"])
    return linear_node(np.diag(gain), offset)


@MODULE_MAP.register(slax.LIF)
def _lif(cell: slax.LIF) -> nir.NIRNode:
    rule = PRESETS["slax.LIF" if cell.subtraction_reset else "slax.LIF(subtraction_reset=False)"]
    if not is_step(cell.spike_fn, at_zero=True):
        raise refused("LIF", "a spike_fn that is not a step at 0", "use one of slax's surrogates")
    with jax.ensure_compile_time_eval():  # an export may happen while a model is traced
        start = np.asarray(cell.carry_init(jax.random.PRNGKey(0), (8,), jnp.float32))
    if start.any():
        raise refused("LIF", "a carry_init that is not zero", "NIR's neurons start at 0")
    keep = kept(cell.variables.get("params", {}).get("tau", cell.init_tau))
    threshold, reset = numbers(cell.v_threshold), numbers(cell.v_reset)
    if cell.subtraction_reset:
        reset = np.zeros_like(reset)  # unused
    own = Membrane(keep, threshold=threshold, reset=reset)
    node = with_rule(neuron_node(own, rule, True), rule)
    return with_surrogate(node, *surrogate_of(cell))


@MODULE_MAP.register(slax.LTC)
def _ltc(cell: slax.LTC) -> nir.NIRNode:
    raise UnsupportedError(
        "LTC adapts its threshold and its time constants, which no NIR node does; the nearest is "
        "a LIF"
    )


@MODULE_MAP.register(slax.LeakyIntegrator)
def _leaky(cell: slax.LeakyIntegrator) -> nir.NIRNode:
    raise UnsupportedError(
        "LeakyIntegrator never keeps its state in slax 0.0.1, so it does not integrate; the "
        "nearest is a LIF whose v_threshold is never reached"
    )


def _export(model: Any, input_shape: Any = None) -> nir.NIRGraph:
    """A bound linen module, or (module, variables); input_shape is that of one sample."""
    if isinstance(model, Net):
        return to_nir(model, MODULE_MAP)
    warn_of_carry(model)
    own = model_of(model)
    shape = _input_shape(own) if input_shape is None else as_shape(input_shape)
    return trace_model(MODULE_MAP, own, shape)


def _input_shape(model: Model) -> tuple[int, ...]:
    """What the first Dense reads, by the kernel of the first layer in a chain."""
    own = model.params
    while isinstance(own, dict):
        for name in ("chain_0", "Dense_0", "mdl", *own):
            if name in own:
                break
        else:
            break
        if "kernel" in own and np.ndim(own["kernel"]) == 2:
            return (int(own["kernel"].shape[0]),)
        own = own[name]
    raise InputError("nothing tells the shape of the input; pass input_shape=")


def _run(model: Any, xs: np.ndarray, dtype: str) -> dict[str, np.ndarray]:
    return run_model(MODULE_MAP, model_of(model), xs, dtype)


BRIDGE = Bridge(
    name="slax",
    library="slax",
    backend="jax",
    node_map=NODE_MAP,
    module_map=MODULE_MAP,
    export=_export,
    run=_run,
    presets=tuple(name for name in PRESETS if name.startswith("slax.")),
)
