"""brainstate's layers and brainpy.state's neurons as NIR nodes.

**Source**: brainpy 2.8.2 (brainpy_state 0.1.0), brainstate 0.5.4; held to it by tests/libraries.
"""

# The library is not in .venv, where types are checked; nir's annotations are narrower than nir.
# pyright: reportArgumentType=false, reportMissingImports=false

from __future__ import annotations

from dataclasses import replace
from typing import Any

import brainpy
import brainstate
import braintools
import nir
import numpy as np

from nirx.basics.type_map import TypeMap
from nirx.bridging.membrane import Membrane, Synapse, neuron_node
from nirx.bridging.surrogates import with_surrogate
from nirx.dynamics.discretization import Discretization
from nirx.dynamics.presets import PRESETS
from nirx.errors import InputError, UnsupportedError
from nirx.graphs.rules import with_rule
from nirx_jax.bridges.brainpy_neurons import kept
from nirx_jax.bridges.brainpy_surrogates import surrogate_of
from nirx_jax.bridges.brainpy_units import plain_numbers
from nirx_jax.bridges.probing import is_step
from nirx_jax.bridges.tracing import refused
from nirx_jax.module_map import MODULE_MAP as JAX
from nirx_jax.module_map import linear_node

__all__ = ["MODULE_MAP"]

MODULE_MAP = TypeMap(JAX)
"""Layers as NIR nodes; times are in seconds, voltages in millivolts, currents in milliamperes."""

bp = brainpy.state


@MODULE_MAP.register(brainstate.nn.Linear)
def _linear(layer: Any) -> nir.NIRNode:
    own = layer.weight.value
    weight = plain_numbers(own["weight"])
    if layer.w_mask is not None:
        weight = weight * plain_numbers(layer.w_mask)
    return linear_node(weight.T, plain_numbers(own["bias"]) if "bias" in own else None)


@MODULE_MAP.register(brainstate.nn.Conv1d)
@MODULE_MAP.register(brainstate.nn.Conv2d)
def _conv(layer: Any) -> nir.NIRNode:
    raise UnsupportedError(
        f"brainstate's {type(layer).__name__} has its channels last and NIR has them first; models "
        "with convolutions are not exported: build them in Equinox"
    )


@MODULE_MAP.register(bp.IF)
@MODULE_MAP.register(bp.LIF)
@MODULE_MAP.register(bp.CubaLIF)
def _neuron(cell: Any) -> nir.NIRNode:
    rule = _rule(cell)
    keep, a = kept(_spread(cell.tau, cell), rule.dt)
    rest = _spread(getattr(cell, "V_rest", 0.0), cell)
    threshold = _spread(cell.V_th, cell)
    reset = _spread(getattr(cell, "V_reset", 0.0), cell)
    if (threshold <= reset).any():
        raise refused(cell, "V_th <= V_reset", "it would spike below the threshold")
    start = _start(cell)
    own = Membrane(keep, a * _spread(cell.R, cell), a * rest, threshold, reset, start)
    if rule.reset == "subtract":
        own = own.shifted(reset)  # V_th - V_reset is subtracted: the threshold of V - V_reset
    synapse = None
    if isinstance(cell, bp.CubaLIF):
        keep_syn, _ = kept(_spread(cell.tau_syn, cell), rule.dt)
        synapse = Synapse(keep_syn, np.ones_like(keep_syn))
    node = neuron_node(own, rule, True, synapse)
    if own.start.any():
        if not np.allclose(own.start, node.v_leak, rtol=1e-6, atol=0):
            raise refused(
                cell,
                f"a V_initializer of {float(start.reshape(-1)[0]):g}",
                "NIR's neurons start at 0 or at v_leak: use V_rest or 0",
            )
        rule = replace(rule, initial_v="leak")
    return with_surrogate(with_rule(node, rule), *surrogate_of(cell, threshold - reset))


@MODULE_MAP.register(bp.LeakyRateReadout)
def _readout(cell: Any) -> nir.NIRGraph:
    rule = replace(PRESETS["brainpy.LeakyRateReadout"], dt=_dt())
    own = Membrane(np.broadcast_to(plain_numbers(cell.decay), cell.out_size).copy())
    weight = plain_numbers(cell.weight.value).T
    return nir.NIRGraph(
        {
            "input": nir.Input(np.array(weight.shape[1:])),
            "linear": linear_node(weight, None),
            "li": with_rule(neuron_node(own, rule, False), rule),
            "output": nir.Output(np.array(weight.shape[:1])),
        },
        [("input", "linear"), ("linear", "li"), ("li", "output")],
        type_check=False,
    )


@MODULE_MAP.register(bp.Neuron)
def _other(cell: Any) -> nir.NIRNode:
    kind = type(cell).__name__
    why = "a refractory period" if kind.endswith("Ref") else "dynamics"
    raise UnsupportedError(f"{kind} has {why} that no NIR node has; the nearest is a LIF")


@MODULE_MAP.register(bp.Expon)
def _expon(cell: Any) -> nir.NIRNode:
    """It decays, and then adds its whole input."""
    rule = replace(PRESETS["brainpy.LeakyRateReadout"], dt=_dt())
    keep, _ = kept(_spread(cell.tau, cell), rule.dt)
    start = _spread(braintools.init.param(cell.g_initializer, cell.varshape), cell)
    if start.any():
        raise refused("Expon", "a g_initializer that is not 0", "NIR's LI starts at 0")
    return with_rule(neuron_node(Membrane(keep), rule, False), rule)


@MODULE_MAP.register(bp.Synapse)
def _synapse(cell: Any) -> nir.NIRNode:
    raise UnsupportedError(
        f"{type(cell).__name__} by itself has no NIR node; Expon has one, and a CubaLIF has an "
        "exponential synapse"
    )


def _rule(cell: Any) -> Discretization:
    """The preset, with the dt of the environment."""
    kind = next(k.__name__ for k in type(cell).__mro__ if f"brainpy.{k.__name__}" in PRESETS)
    hard = "(spk_reset='hard')" if cell.spk_reset == "hard" else ""
    if not is_step(cell.spk_fun, at_zero=True):
        raise refused(kind, "an spk_fun that is not a step at 0", "use one of braintools.surrogate")
    return replace(PRESETS[f"brainpy.{kind}{hard}"], dt=_dt())


def _dt() -> float:
    try:
        dt = brainstate.environ.get_dt()
    except KeyError as error:
        raise InputError(
            "brainpy's dt is not set; use brainstate.environ.set(dt=...) or its context"
        ) from error
    return float(plain_numbers(dt))


def _spread(value: Any, cell: Any) -> np.ndarray:
    own = value.value if isinstance(value, brainstate.State) else value
    return np.broadcast_to(plain_numbers(own), cell.varshape).copy()


def _start(cell: Any) -> np.ndarray:
    return _spread(cell.V_initializer(cell.varshape), cell)
