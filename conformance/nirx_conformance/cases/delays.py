"""Delays: zero, fractional, per element, longer than the run, in a row, around neurons."""

from __future__ import annotations

import nir
import numpy as np

import nirx
from nirx_conformance.cases.case import FixedCase, chain, drive, graph, neuron, port_in, port_out

__all__ = ["CASES"]

D = nirx.Discretization(dt=1e-3)
ENDS = {"input": port_in(3), "output": port_out(3)}
ROUNDED = "docs/semantics.md: rounded to whole steps, with a warning"


def _steps(*steps: float) -> nir.Delay:
    return nir.Delay(np.array(steps) * 1e-3)


DELAYS = {
    "of zero": ((0.0, 0.0, 0.0), D),
    "of one step": ((1.0, 1.0, 1.0), D),
    "of a fraction": ((0.4, 1.6, 2.2), D),
    "of half a step": ((0.5, 1.5, 2.5), D),
    "too short for a step": ((0.3, 1e-6, 2.0), D),
    "longer than the run": ((40.0, 3.0, 15.0), D),
    "in coarse steps": ((4.0, 8.0, 12.0), nirx.Discretization(dt=4e-3)),
}

CASES = (
    *(
        FixedCase(
            f"delay {words}",
            chain((3,), (3,), _steps(*steps)),
            drive(5000 + k, 15, 2, 3),
            d,
            source=ROUNDED,
        )
        for k, (words, (steps, d)) in enumerate(DELAYS.items())
    ),
    FixedCase(
        "delay matrix",
        chain((2, 3), (2, 3), nir.Delay(np.arange(6.0).reshape(2, 3) * 1e-3)),
        drive(5020, 12, 2, 2, 3),
        D,
    ),
    FixedCase(
        "delay before and after a neuron",
        chain((3,), (3,), _steps(2, 0, 1), neuron(nir.LIF, 5023, 3), _steps(3, 1, 0)),
        drive(5024, 30, 2, 3),
        D,
    ),
    FixedCase(
        "delay as a comb",
        graph(
            {**ENDS, "one": _steps(1, 1, 1), "two": _steps(2, 2, 2), "four": _steps(4, 4, 4)},
            "input -> one -> output",
            "input -> two -> output",
            "input -> four -> output",
        ),
        drive(5027, 15, 2, 3),
        D,
    ),
    FixedCase(
        "delay of a self-loop",
        graph(
            {**ENDS, "lif": neuron(nir.LIF, 5028, 3), "d": _steps(1, 2, 5)},
            "input -> lif -> d -> lif -> output",
        ),
        drive(5029, 40, 2, 3),
        D,
    ),
    FixedCase(
        "delay alone in a ring",
        graph(
            {**ENDS, "d": _steps(2, 2, 2), "half": nir.Scale(np.full(3, -0.5))},
            "input -> d -> half -> d -> output",
        ),
        drive(5030, 25, 2, 3),
        D,
    ),
    FixedCase(
        "delay of no step in a ring",
        graph(
            {**ENDS, "lif": neuron(nir.LIF, 5031, 3), "d": _steps(0, 1, 2)},
            "input -> lif -> d -> lif",
            "d -> output",
        ),
        drive(5032, 40, 2, 3),
        D,
    ),
    FixedCase(
        "delay of 500 steps",
        chain((2,), (2,), _steps(500, 3)),
        drive(5033, 600, 1, 2),
        D,
        level="full",
    ),
)
