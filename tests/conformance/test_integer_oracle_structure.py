"""Random graphs of whole numbers on which the oracle in float64 is exact: both must agree.

Leaks forget everything in a step (tau = dt), so that nothing is rounded; nesting, shapes,
order, feedback, delays, convolutions, pools, spikes and resets are those of the random graphs.
"""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import nir
import numpy as np
import pytest

from nirx import Discretization
from nirx_conformance import oracle
from nirx_conformance.oracle import integers
from nirx_conformance.oracle.agreement import largest
from nirx_conformance.strategies import random_case

pytestmark = pytest.mark.filterwarnings("ignore::nirx.NirxWarning")
DT = 2.0**-10
WIDE = integers.Arithmetic(synapse_bits=64, membrane_bits=64)
WHOLE = ("weight", "bias", "scale", "threshold", "v_leak", "v_threshold", "v_reset", "w_in")


def in_whole_numbers(graph: nir.NIRGraph, dt: float) -> nir.NIRGraph:
    """The graph with rounded parameters; a Delay keeps its steps."""
    graph = copy.deepcopy(graph)
    for name, node in graph.nodes.items():
        if isinstance(node, nir.NIRGraph):
            graph.nodes[name] = in_whole_numbers(node, dt)
        elif isinstance(node, nir.AvgPool2d):
            graph.nodes[name] = nir.SumPool2d(node.kernel_size, node.stride, node.padding)
        else:
            round_parameters(node, dt)
    return graph


def round_parameters(node: Any, dt: float) -> None:
    for name in WHOLE:
        value = getattr(node, name, None)
        if value is not None:
            low = 1 if name == "v_threshold" else -2
            setattr(node, name, np.clip(np.rint(np.asarray(value, float) * 2), low, 2))
    for name in ("tau", "tau_mem", "tau_syn"):
        if hasattr(node, name):
            setattr(node, name, np.full(np.shape(getattr(node, name)), DT))
    if hasattr(node, "r"):
        r = np.clip(np.rint(np.asarray(node.r, float)), -2, 2)
        node.r = r / DT if isinstance(node, nir.I | nir.IF) else r
    if isinstance(node, nir.Delay):
        node.delay = np.rint(np.asarray(node.delay, float) / dt) * DT


def plain_rule(rule: Discretization) -> Discretization:
    """The same choices with steps of DT, and Euler everywhere."""
    overrides = {
        path: {k: v for k, v in own.items() if k not in ("integrator", "input_gain")}
        for path, own in rule.overrides.items()
    }
    return replace(rule, dt=DT, integrator="euler", input_gain="matched", overrides=overrides)


def rounded(inputs: Any) -> Any:
    if isinstance(inputs, dict):
        return {name: rounded(array) for name, array in inputs.items()}
    return np.rint(np.asarray(inputs, float) * 2)


def fault(seed: int) -> str | None:
    """What differs; "large" where float64 would round."""
    case = random_case(seed)
    graph = in_whole_numbers(case.graph, case.discretization.dt)
    rule, inputs = plain_rule(case.discretization), rounded(case.inputs)
    expected = oracle.run(graph, rule, inputs)
    if not all(largest(value) < 2**50 for value in expected.recordings.values()):
        return "large"
    result = integers.run(graph, rule, inputs, WIDE)
    counts = {k: v for k, v in result.recordings.items() if k.endswith("_overflows")}
    assert not any(np.any(value) for value in counts.values())
    return integers.difference(
        result, {**expected.recordings, **counts}, with_counts(expected.state, result.state)
    )


def with_counts(state: Any, counted: Any) -> Any:
    """The float oracle's state tree with the counts of overflows that it has not."""
    if not isinstance(counted, dict):
        return state
    return {
        name: counted[name] if name.endswith("_overflows") else with_counts(state[name], inner)
        for name, inner in counted.items()
    }


@pytest.mark.slow
def test_random_graphs():
    faults = {seed: fault(seed) for seed in range(40)}
    assert {seed: text for seed, text in faults.items() if text not in (None, "large")} == {}
    assert sum(text == "large" for text in faults.values()) <= 5
