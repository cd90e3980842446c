"""The first cases of structure: delays, fan-in, feedback, nesting, several ports.

New cases go into `delays`, `fan_in`, `feedback` and `nesting`.
"""

from __future__ import annotations

import nir
import numpy as np

import nirx
from nirx_conformance.cases.case import (
    FixedCase,
    chain,
    graph,
    neuron,
    port_in,
    port_out,
    spikes,
    uniform,
)

__all__ = ["CASES"]

D = nirx.Discretization(dt=1e-3)
ENDS = {"input": port_in(4), "output": port_out(4)}


def _square(seed: int) -> nir.Linear:
    return nir.Linear(uniform(seed, 4, 4))


RECURRENT = graph(
    {
        **ENDS,
        "lif": neuron(nir.CubaLIF, 41, 4, r=40.0),
        "back": nir.Affine(uniform(42, 4, 4), uniform(43, 4)),
    },
    "input -> lif -> back -> lif -> output",
    "lif -> lif",
)
TWO_ENTRIES = graph(
    {
        **ENDS,
        "a": neuron(nir.LIF, 44, 4),
        "b": neuron(nir.LI, 45, 4),
        "w": _square(46),
    },
    "input -> a -> w -> b -> a",
    "input -> b -> output",
)
INNER = graph(
    {"in": port_in(4), "lif": neuron(nir.LIF, 47, 4), "w": _square(48), "out": port_out(4)},
    "in -> lif -> w -> lif -> out",
)
PORTS = graph(
    {
        "x": port_in(4),
        "y": port_in(4),
        "sum": neuron(nir.LI, 49, 4),
        "spikes": port_out(4),
        "value": port_out(4),
        "lif": neuron(nir.LIF, 50, 4),
    },
    "x -> sum -> value",
    "y -> sum -> lif -> spikes",
)

CASES = (
    FixedCase(
        "delay per element",
        chain((4,), (4,), nir.Delay(np.array([0.0, 1e-3, 2e-3, 7e-3]))),
        uniform(51, 20, 2, 4),
        D,
    ),
    FixedCase(
        "delay in a ring",
        graph(
            {**ENDS, "lif": neuron(nir.LIF, 52, 4), "d": nir.Delay(np.full(4, 3e-3))},
            "input -> lif -> d -> lif -> output",
        ),
        uniform(53, 40, 2, 4),
        D,
    ),
    FixedCase(
        "fan-in of four and a double edge",
        graph(
            {**ENDS, "a": _square(54), "b": _square(55), "c": neuron(nir.LI, 56, 4)},
            "input -> a -> c -> output",
            "input -> b -> c",
            "input -> c",
            "a -> c",
        ),
        uniform(57, 20, 2, 4),
        D,
    ),
    FixedCase("recurrent affine and self-loop", RECURRENT, spikes(58, 50, 2, 4), D),
    FixedCase(
        "component feedback from zero",
        RECURRENT,
        spikes(58, 50, 2, 4),
        nirx.Discretization(dt=1e-3, feedback="component", feedback_initial="zero"),
    ),
    FixedCase("loop with two entries", TWO_ENTRIES, uniform(59, 40, 2, 4), D),
    FixedCase(
        "nested twice",
        graph({**ENDS, "one": INNER, "two": INNER}, "input -> one -> two -> output", "two -> one"),
        uniform(60, 40, 2, 4, high=2.0),
        D,
    ),
    FixedCase(
        "ports of a subgraph",
        graph(
            {
                "left": port_in(4),
                "right": port_in(4),
                "sub": PORTS,
                "p": port_out(4),
                "q": port_out(4),
            },
            "left -> sub.x",
            "right -> sub.y",
            "sub.spikes -> p",
            "sub.value -> q",
        ),
        {"left": uniform(61, 30, 2, 4, high=3.0), "right": uniform(62, 30, 2, 4)},
        D,
    ),
)
