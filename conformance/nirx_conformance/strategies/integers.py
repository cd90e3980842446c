"""Random cases in integers: the graphs of `cases`, with whole numbers for a random arithmetic.

A decay is drawn as its fraction a, and time constants, gains and leaks follow from it: then what
has to be whole is whole, in every combination of choices.
"""

from __future__ import annotations

import copy
import warnings
from dataclasses import replace
from typing import Any

import nir
import numpy as np
from hypothesis import assume
from hypothesis import strategies as st
from numpy.typing import NDArray

from nirx.dynamics.arithmetic import EXACT_BITS, Arithmetic
from nirx.dynamics.discretization import Discretization
from nirx.errors import GraphError, NirxWarning
from nirx.execution.assemble import assemble
from nirx.graphs.state import map_tree
from nirx_conformance.oracle.inlining import inline, path_text
from nirx_conformance.oracle.node import pair
from nirx_conformance.strategies.cases import Case, draw_case
from nirx_conformance.strategies.draw import Draw, HypothesisDraw, SeededDraw

Path = tuple[str, ...]
Array = NDArray[np.float64]

ARITHMETICS: dict[str, tuple[Any, ...]] = {
    "weight_bits": (8, 6, 12),
    "weight_shift": (0, 0, 1, 3, -1, -4),
    "bias_shift": (0, 1),
    "input_shift": (0, 0, 1),
    "threshold_shift": (0, 0, 1),
    "synapse_bits": (16, 8, 12, 24),
    "membrane_bits": (16, 8, 10, 12, 24),
    "synapse_overflow": ("saturate", "wrap"),
    "membrane_overflow": ("saturate", "wrap"),
    "limits": ("full", "symmetric"),
    "membrane_lowest": (None, None, -20, 0),
    "membrane_change": ("exact", "exact", "saturate"),
    "decay": ("multiply", "shift"),
    "decay_bits": (12, 4, 8),
    "decay_value": ("nearest", "down"),
    "decay_rounding": ("zero", "down", "nearest"),
}

AGAIN = 1_000_003
"""Between the seeds of one case's attempts."""

SCALE = 3
"""Inputs are this often those of `cases`, so that they are more than 0 and 1."""


def draw_integer_case(draw: Draw) -> Case:
    """A case with an arithmetic; some nodes may have one of their own.

    Its sums may be too large to be exact, for which nirx refuses a network: see `fits`.
    """
    case = draw_case(draw)
    discretization = _discretization(draw, case)
    graph = _whole(draw, case.graph, discretization, ())
    inputs = map_tree(lambda x: x if x.dtype == bool else _counts(x), case.inputs)
    return Case(graph, discretization, inputs)


@st.composite
def integer_cases(draw: st.DrawFn) -> Case:
    """Cases in integers."""
    case = draw_integer_case(HypothesisDraw(draw))
    assume(fits(case))
    return case


def random_integer_case(seed: int) -> Case:
    """The case of a seed, drawn without Hypothesis; always the same.

    A graph that does not fit is drawn again.
    """
    for attempt in range(100):
        case = draw_integer_case(SeededDraw(seed + attempt * AGAIN))
        if fits(case):
            return case
    raise AssertionError(f"no graph of seed {seed} fits")


def fits(case: Case) -> bool:
    """Whether nirx takes the case: every sum stays below 2**53."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NirxWarning)
        try:
            assemble(case.graph, case.discretization, None, "float64")
        except GraphError as error:
            if f"sums below 2**{EXACT_BITS}" not in str(error):
                raise
            return False
    return True


def _counts(x: NDArray) -> NDArray[np.int64]:
    return np.rint(np.multiply(SCALE, x)).astype(np.int64)


def _discretization(draw: Draw, case: Case) -> Discretization:
    arithmetic = Arithmetic(**{name: draw.choice(own) for name, own in ARITHMETICS.items()})
    overrides: dict[str, Any] = dict(case.discretization.overrides)
    if draw.chance(0.4):
        leaves = sorted(inline(case.graph)[0])
        for _ in range(draw.integer(1, 3)):
            path = path_text(draw.choice(leaves))
            name = draw.choice(sorted(ARITHMETICS))
            own = {"arithmetic": {name: draw.choice(ARITHMETICS[name])}}
            overrides[path] = {**overrides.get(path, {}), **own}
    return replace(case.discretization, arithmetic=arithmetic, overrides=overrides)


def _whole(draw: Draw, graph: nir.NIRGraph, d: Discretization, above: Path) -> nir.NIRGraph:
    """A copy of a graph with whole parameters."""
    graph = copy.deepcopy(graph)
    for name, node in graph.nodes.items():
        path = (*above, name)
        if isinstance(node, nir.NIRGraph):
            graph.nodes[name] = _whole(draw, node, d, path)
        elif isinstance(node, nir.AvgPool2d) and not _is_power_of_two(node):
            pool = nir.SumPool2d(node.kernel_size, node.stride, node.padding)
            graph.nodes[name] = pool
        else:
            _make_whole(draw, node, d.at(path))
    return graph


def _is_power_of_two(node: nir.AvgPool2d) -> bool:
    tall, wide = pair(node.kernel_size)
    return (tall * wide) & (tall * wide - 1) == 0


def _numbers(draw: Draw, like: Any, low: int, high: int) -> Array:
    """Whole numbers in low..high, in the shape of a parameter."""
    return np.asarray(np.floor(draw.uniform(np.shape(like), low, high + 1)))


def _make_whole(draw: Draw, node: Any, rule: Discretization) -> None:
    own = rule.arithmetic
    assert own is not None
    for name in ("weight", "bias", "scale", "threshold"):
        if getattr(node, name, None) is not None:
            setattr(node, name, _numbers(draw, getattr(node, name), -9, 29))
    high = own.range_of("membrane")[1] >> own.threshold_shift
    if hasattr(node, "v_threshold"):
        node.v_threshold = _numbers(draw, node.v_threshold, 20, min(100, high))
        node.v_reset = _numbers(draw, node.v_reset, -20, 19)
    if hasattr(node, "tau_syn"):
        a, node.tau_syn = _decay(draw, node.tau_syn, rule)
        b = {"scaled": _input_fraction(rule, a, node.tau_syn)}.get(rule.synapse_input, 1.0)
        node.w_in = np.asarray(_numbers(draw, node.w_in, 1, 2) / b)
    name = next((name for name in ("tau", "tau_mem") if hasattr(node, name)), None)
    if name is not None:
        a, tau = _decay(draw, getattr(node, name), rule)
        setattr(node, name, tau)
        node.r = np.asarray(_numbers(draw, node.r, 1, 2) / _input_fraction(rule, a, tau))
        node.v_leak = _leak(draw, node.v_leak, rule, a)
    elif hasattr(node, "r"):
        node.r = np.asarray(_numbers(draw, node.r, 1, 2) / rule.dt)


def _decay(draw: Draw, like: Any, rule: Discretization) -> tuple[Array, Array]:
    """Fractions a, and the time constants that have them."""
    euler = rule.integrator == "euler"
    a = 2.0 ** -_numbers(draw, like, 0 if euler else 1, 5)
    if draw.chance(0.3):
        a = draw.uniform(np.shape(like), 0.02, 0.9)
    return a, np.asarray(rule.dt / a if euler else -rule.dt / np.log1p(-a))


def _input_fraction(rule: Discretization, a: Array, tau: Array) -> Array:
    return np.asarray(rule.dt / tau) if rule.input_gain == "euler" else a


def _leak(draw: Draw, like: Any, rule: Discretization, a: Array) -> Array:
    """v_leak, of which v_leak * a is whole; and itself, where v starts there."""
    own = rule.arithmetic
    assert own is not None
    leak = np.asarray(_numbers(draw, like, -3, 3) * 2.0**own.bias_shift / a)
    low, high = own.range_of("membrane")
    starts = rule.initial_v == "leak"
    bad = ((leak != np.rint(leak)) | (leak < low) | (leak > high)) & starts
    return np.where(bad, 0.0, leak)
