"""Random graphs in integers: those of the conformance suite, with whole numbers put in."""

# nir's own annotations are narrower than what it accepts.
# pyright: reportAttributeAccessIssue=false, reportArgumentType=false

from __future__ import annotations

import copy
import random
from dataclasses import replace
from typing import Any

import nir
import numpy as np

import nirx
from nirx_conformance.strategies import random_case

__all__ = ["random_arithmetic", "random_integer_case"]

CHOICES: dict[str, tuple[Any, ...]] = {
    "membrane_bits": (8, 10, 12, 16, 24, 32, 40),
    "synapse_bits": (8, 12, 16, 24, 36),
    "synapse_overflow": ("saturate", "wrap"),
    "membrane_overflow": ("saturate", "wrap"),
    "limits": ("full", "symmetric"),
    "membrane_lowest": (None, None, -20, 0),
    "membrane_change": ("exact", "saturate"),
    "decay": ("multiply", "shift"),
    "decay_bits": (4, 8, 12),
    "decay_rounding": ("zero", "down", "nearest"),
    "decay_value": ("nearest", "down"),
    "weight_shift": (0, 0, 1, 3, -1),
    "bias_shift": (0, 1),
    "input_shift": (0, 1),
}
PER_GRAPH = ("integrator", "input_gain", "synapse_input", "initial_v")
"""Choices that decide which parameters are whole, so that no node has others."""


def random_arithmetic(seed: int) -> nirx.Arithmetic:
    """One with a value of each choice."""
    draw = random.Random(seed)
    return nirx.Arithmetic.of({name: draw.choice(values) for name, values in CHOICES.items()})


def random_integer_case(seed: int) -> tuple[nir.NIRGraph, nirx.Discretization, Any]:
    """A graph, a discretization with arithmetic, and whole inputs."""
    case, rng = random_case(seed), np.random.default_rng(seed)
    base = case.discretization
    overrides = {
        path: {name: value for name, value in own.items() if name not in PER_GRAPH}
        for path, own in base.overrides.items()
    }
    rule = replace(base, arithmetic=random_arithmetic(seed), overrides=overrides)
    return _whole(case.graph, rng, rule), rule, _inputs(case.inputs)


def _inputs(x: Any) -> Any:
    if isinstance(x, dict):
        return {name: _inputs(own) for name, own in x.items()}
    return np.rint(np.asarray(x, float) * 3).astype(int)


def _whole(graph: Any, rng: np.random.Generator, rule: nirx.Discretization) -> Any:
    graph = copy.deepcopy(graph)
    for name, node in graph.nodes.items():
        if isinstance(node, nir.NIRGraph):
            graph.nodes[name] = _whole(node, rng, rule)
        elif isinstance(node, nir.AvgPool2d) and _odd_area(node):
            graph.nodes[name] = nir.SumPool2d(node.kernel_size, node.stride, node.padding)
        else:
            _set_whole(node, rng, rule)
    return graph


def _odd_area(node: Any) -> bool:
    area = int(np.prod(np.broadcast_to(node.kernel_size, 2)))
    return bool(area & (area - 1))


def _set_whole(node: Any, rng: np.random.Generator, rule: nirx.Discretization) -> None:
    own = rule.arithmetic
    assert own is not None

    def whole(name: str, low: int, high: int) -> np.ndarray:
        return rng.integers(low, high, np.shape(getattr(node, name))).astype(float)

    def fraction(tau: Any) -> Any:
        return rule.dt / tau if rule.integrator == "euler" else -np.expm1(-rule.dt / tau)

    def gain(tau: Any) -> Any:
        return rule.dt / tau if rule.input_gain == "euler" else fraction(tau)

    for name in ("weight", "bias", "scale", "threshold"):
        if getattr(node, name, None) is not None:
            setattr(node, name, whole(name, -9, 30))
    lowest = 1 if rule.integrator == "euler" else 0
    for name in ("tau", "tau_mem", "tau_syn"):
        if hasattr(node, name):
            setattr(node, name, rule.dt * 2.0 ** whole(name, lowest, 6))
    tau = getattr(node, "tau", getattr(node, "tau_mem", None))
    if hasattr(node, "r"):
        node.r = whole("r", 1, 3) / (rule.dt if tau is None else gain(tau))
    if hasattr(node, "v_leak"):
        leak = whole("v_leak", -3, 4) * 2.0**own.bias_shift / fraction(tau)
        node.v_leak = leak if rule.initial_v == "zero" else 0.0 * leak
    if hasattr(node, "v_threshold"):
        node.v_threshold = whole("v_threshold", 20, 100)
        node.v_reset = whole("v_reset", -20, 19)
    if hasattr(node, "w_in"):
        scaled = rule.synapse_input == "scaled"
        node.w_in = whole("w_in", 1, 3) / (gain(node.tau_syn) if scaled else 1.0)
