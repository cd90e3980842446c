"""Initial states: each case starts where a warm-up ended; every kind of state occurs."""

from __future__ import annotations

from typing import Any

import nir
import numpy as np

import nirx
from nirx_conformance.cases.case import (
    GAIN,
    FixedCase,
    chain,
    drive,
    graph,
    neuron,
    port_in,
    port_out,
    uniform,
)

__all__ = ["CASES"]

D = nirx.Discretization(dt=1e-3)
ENDS = {"input": port_in(3), "output": port_out(3)}
DELAY = nir.Delay(np.array([0.0, 2e-3, 5e-3]))


def _case(name: str, network: nir.NIRGraph, seed: int, **choice: Any) -> FixedCase:
    signal = drive(seed, 32, 2, 3)
    d = nirx.Discretization(dt=1e-3, **choice)
    return FixedCase(f"state {name}", network, signal[12:], d, warmup=signal[:12])


LOOP = graph(
    {
        **ENDS,
        "lif": neuron(nir.CubaLIF, 9700, 3, r=12.0),
        "w": nir.Affine(uniform(9701, 3, 3), uniform(9702, 3)),
    },
    "input -> lif -> w -> lif -> output",
)
RING = graph(
    {**ENDS, "lif": neuron(nir.LIF, 9703, 3), "d": nir.Delay(np.array([1e-3, 2e-3, 5e-3]))},
    "input -> lif -> d -> lif -> output",
)
NESTED = graph({**ENDS, "one": LOOP, "two": RING}, "input -> one -> two -> output", "two -> one")

CASES = (
    *(
        _case(
            f"of {kind.__name__}",
            chain((3,), (3,), neuron(kind, 9710 + k, 3, r=GAIN.get(kind, 6.0))),
            9720 + k,
        )
        for k, kind in enumerate((nir.IF, nir.LI, nir.CubaLIF))
    ),
    _case("of a Delay", chain((3,), (3,), DELAY), 9730),
    _case("of a feedback edge", LOOP, 9731),
    _case("of a Delay in a ring", RING, 9732),
    _case("of a nested graph", NESTED, 9733),
    _case(
        "of a spike that is yet to reset",
        chain((3,), (3,), neuron(nir.LIF, 9734, 3)),
        9735,
        reset_when="next",
        output="old",
    ),
    _case(
        "of a membrane that began at its leak",
        chain((3,), (3,), neuron(nir.LI, 9736, 3)),
        9737,
        initial_v="leak",
    ),
    FixedCase(
        "state after a single step",
        LOOP,
        drive(9740, 1, 2, 3),
        D,
        warmup=drive(9741, 1, 2, 3),
    ),
    FixedCase(
        "state of two Inputs",
        graph(
            {
                "x": port_in(3),
                "y": port_in(3),
                "cuba": neuron(nir.CubaLI, 9742, 3),
                "output": port_out(3),
            },
            "x -> cuba",
            "y -> cuba -> output",
        ),
        {"x": drive(9743, 15, 2, 3), "y": drive(9744, 15, 2, 3)},
        D,
        warmup={"x": drive(9745, 6, 2, 3), "y": drive(9746, 6, 2, 3)},
    ),
)
