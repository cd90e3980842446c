"""Tools to write cases of the level `integers`: neurons by their decay and gains, whole inputs.

dt is 1 and the integrator forward Euler, unless a case says otherwise: then a decay by the
fraction a is tau = 1/a, and a gain of g is r = g/a.
"""

from __future__ import annotations

from typing import Any

import nir
import numpy as np

import nirx
from nirx_conformance.cases.case import FixedCase, chain, uniform

__all__ = ["BATCH", "SIZE", "STEPS", "case", "cuba_li", "cuba_lif", "i_f", "li", "lif", "whole"]

STEPS, BATCH, SIZE = 24, 2, 3

Fractions = float | tuple[float, ...]


def case(
    name: str,
    graph: Any,
    inputs: Any,
    arithmetic: dict[str, Any] | None = None,
    warmup: Any = None,
    **choices: Any,
) -> FixedCase:
    """A case.

    Arguments:
        graph: or a node, which then stands between an Input and an Output of its features.
        inputs: [time, batch, *features], whole.
    """
    if not isinstance(graph, nir.NIRGraph):
        features = inputs.shape[2:]
        graph = chain(features, features, graph)
    own = nirx.Arithmetic(**(arithmetic or {}))
    return FixedCase(
        name,
        graph,
        inputs,
        nirx.Discretization(dt=1.0, arithmetic=own, **choices),
        warmup,
        level="integers",
        tolerance=0.0,
        reason="whole numbers",
        source="docs/integers.md",
    )


def whole(seed: int, *shape: int, low: int = -9, high: int = 9) -> np.ndarray:
    """Whole numbers in low..high, as int64."""
    return np.floor(uniform(seed, *shape, low=low, high=high + 1)).astype(np.int64)


def _spread(*values: Fractions) -> list[np.ndarray]:
    shape = np.broadcast_shapes(*(np.shape(v) for v in values)) or (SIZE,)
    return [np.broadcast_to(np.asarray(v, np.float64), shape).copy() for v in values]


def li(a: Fractions = 0.25, gain: Fractions = 1, constant: Fractions = 0) -> nir.LI:
    """v' = decay(v) + gain*x + constant."""
    a_, g, l = _spread(a, gain, constant)  # noqa: E741
    return nir.LI(1 / a_, g / a_, l / a_)


def lif(
    a: Fractions = 0.25,
    gain: Fractions = 1,
    constant: Fractions = 0,
    threshold: Fractions = 20,
    reset: Fractions = 0,
) -> nir.LIF:
    """`li` with spikes; thresholds and resets are mantissas."""
    a_, g, l, t, r = _spread(a, gain, constant, threshold, reset)  # noqa: E741
    return nir.LIF(1 / a_, g / a_, l / a_, t, r)


def i_f(gain: Fractions = 1, threshold: Fractions = 20, reset: Fractions = 0) -> nir.IF:
    """v' = v + gain*x, with spikes."""
    return nir.IF(*_spread(gain, threshold, reset))


def cuba_li(
    a_syn: Fractions = 0.5,
    a: Fractions = 0.25,
    gain_syn: Fractions = 1,
    gain: Fractions = 1,
    jump: bool = False,
) -> nir.CubaLI:
    """A synapse and an `li`. `jump`: the synaptic input is not scaled."""
    s, a_, gs, g = _spread(a_syn, a, gain_syn, gain)
    return nir.CubaLI(1 / s, 1 / a_, g / a_, 0 * a_, gs if jump else gs / s)


def cuba_lif(
    a_syn: Fractions = 0.5,
    a: Fractions = 0.25,
    gain_syn: Fractions = 1,
    gain: Fractions = 1,
    threshold: Fractions = 20,
    reset: Fractions = 0,
    jump: bool = False,
) -> nir.CubaLIF:
    """`cuba_li` with spikes."""
    s, a_, gs, g, t, r = _spread(a_syn, a, gain_syn, gain, threshold, reset)
    w_in = gs if jump else gs / s
    return nir.CubaLIF(1 / s, 1 / a_, g / a_, 0 * a_, t, r, w_in)
