"""A graph in integer units in floating point: its shifts are in its numbers, nothing is rounded."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import nir
import numpy as np

from nirx.dynamics.arithmetic import Arithmetic
from nirx.dynamics.discretization import Discretization
from nirx.graphs.origin import rebuild_graph
from nirx.graphs.schedule import Schedule
from nirx.quantizing.decays import represented
from nirx.quantizing.gains import fraction, time_constant
from nirx.quantizing.weights import weight_of

__all__ = ["as_floats", "without_arithmetic"]


def without_arithmetic(target: Discretization) -> Discretization:
    """The same choices in floating point."""
    overrides = {
        path: {name: value for name, value in own.items() if name != "arithmetic"}
        for path, own in target.overrides.items()
    }
    return replace(target, arithmetic=None, overrides=overrides)


def as_floats(
    graph: nir.NIRGraph, schedule: Schedule, target: Discretization, *, decays: bool
) -> nir.NIRGraph:
    """The graph whose numbers are those of the integers, for `without_arithmetic(target)`.

    Arguments:
        graph: in integer units; not changed.
        schedule: its schedule.
        decays: whether states decay as the integers do, before rounding.
    """
    new = {}
    for place in schedule.nodes:
        node: Any = graph
        for name in place.path:
            node = node.nodes[name]
        rule = target.at(place.path)
        assert rule.arithmetic is not None, "a target has one"
        found = _node(node, place.path, rule, rule.arithmetic, decays)
        if found is not None:
            new[place.path] = found
    return rebuild_graph(graph, new)


def _node(
    node: Any, path: tuple[str, ...], rule: Discretization, own: Arithmetic, decays: bool
) -> Any:
    new = copy.deepcopy(node)
    if hasattr(node, "weight"):
        new.weight = weight_of(node) * 2.0**own.weight_shift
        if getattr(node, "bias", None) is not None:
            new.bias = np.asarray(node.bias, np.float64) * 2.0**own.bias_shift
        return new
    if hasattr(node, "v_threshold"):
        for name in ("v_threshold", "v_reset"):
            value = np.asarray(getattr(node, name), np.float64) * 2.0**own.threshold_shift
            setattr(new, name, value)
    elif not hasattr(node, "tau") and not hasattr(node, "tau_mem"):
        return None
    if not decays:
        return new
    for name, gain in (("tau", "r"), ("tau_mem", "r"), ("tau_syn", "w_in")):
        if not hasattr(node, name):
            continue
        before = np.asarray(getattr(node, name), np.float64)
        bits = own.synapse_bits if name == "tau_syn" else own.membrane_bits
        tau = time_constant(path, represented(own, fraction(rule, before), bits), rule)
        setattr(new, name, tau)
        if name == "tau_syn" and rule.synapse_input != "scaled":
            continue
        was, now = (fraction(rule, t, of_input=True) for t in (before, tau))
        setattr(new, gain, np.asarray(getattr(node, gain), np.float64) * was / now)
        if name != "tau_syn":
            leak = np.asarray(node.v_leak, np.float64) * fraction(rule, before)
            new.v_leak = leak / fraction(rule, tau)
    return new
