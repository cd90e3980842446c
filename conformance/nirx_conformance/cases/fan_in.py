"""Fan-in: sums in order of source path, duplicated edges; several Inputs and Outputs."""

from __future__ import annotations

import nir
import numpy as np

import nirx
from nirx_conformance.cases.case import FixedCase, drive, graph, neuron, port_in, port_out, uniform

__all__ = ["CASES"]

D = nirx.Discretization(dt=1e-3)
ENDS = {"input": port_in(3), "output": port_out(3)}
SUMMANDS = (2.0**60, 1.0, -(2.0**60))
ORDERED = "the order of the sum is prescribed, so every backend rounds alike"


def _scale(value: float) -> nir.Scale:
    return nir.Scale(np.full(3, value))


def _of_three(*names: str) -> nir.NIRGraph:
    """The same three summands under different names: the names determine which are added first."""
    scales = {name: _scale(value) for name, value in zip(names, SUMMANDS, strict=True)}
    return graph({**ENDS, **scales}, *(f"input -> {name} -> output" for name in reversed(names)))


def _exact(name: str, network: nir.NIRGraph) -> FixedCase:
    signal = np.floor(uniform(5100, 6, 2, 3, low=1, high=4))
    return FixedCase(name, network, signal, D, level="full", tolerance=0.0, reason=ORDERED)


def _fan(*edges: str, seed: int) -> nir.NIRGraph:
    nodes = {"a": nir.Linear(uniform(seed, 3, 3)), "b": _scale(0.7), "c": neuron(nir.LI, seed, 3)}
    return graph({**ENDS, **nodes}, *edges)


IN_AND_OUT = {
    "x": port_in(3),
    "y": port_in(2),
    "w": nir.Linear(uniform(5110, 3, 2)),
    "lif": neuron(nir.LIF, 5111, 3),
    "u": port_out(3),
    "v": port_out(3),
}
BOTH = {"x": drive(5112, 30, 2, 3), "y": drive(5113, 30, 2, 2)}

CASES = (
    _exact("fan-in where the huge cancel last", _of_three("a", "b", "c")),
    _exact("fan-in where the huge cancel first", _of_three("a", "c", "b")),
    _exact("fan-in by code point, not by number", _of_three("n10", "n9", "n100")),
    _exact("fan-in by code point, not by case", _of_three("b", "a", "C")),
    FixedCase(
        "fan-in of a doubled edge",
        _fan("input -> a -> c -> output", "input -> b -> c", "a -> c", seed=5101),
        drive(5120, 15, 2, 3),
        D,
    ),
    FixedCase(
        "fan-in of a doubled Input",
        graph({**ENDS, "lif": neuron(nir.LIF, 5122, 3)}, "input -> lif -> output", "input -> lif"),
        drive(5123, 30, 2, 3),
        D,
    ),
    FixedCase(
        "fan-in at the Output",
        _fan("input -> a -> output", "input -> b -> output", "input -> c -> output", seed=5103),
        drive(5124, 15, 2, 3),
        D,
    ),
    FixedCase(
        "fan-in of the Input itself at the Output",
        _fan("input -> a -> b -> c -> output", "input -> output", seed=5104),
        drive(5125, 15, 2, 3),
        D,
    ),
    FixedCase(
        "ports of an Input straight to an Output",
        graph(ENDS, "input -> output"),
        drive(5128, 8, 2, 3),
    ),
    FixedCase(
        "ports of two Inputs and two Outputs",
        graph(IN_AND_OUT, "x -> lif -> u", "y -> w -> lif", "w -> v"),
        BOTH,
        D,
    ),
    FixedCase(
        "ports of one node to two Outputs",
        graph(IN_AND_OUT, "x -> lif -> u", "y -> w -> lif", "lif -> v", "x -> v"),
        BOTH,
        D,
    ),
    FixedCase(
        "ports of two Inputs into one neuron",
        graph(
            {
                "x": port_in(3),
                "y": port_in(3),
                "cuba": neuron(nir.CubaLIF, 5131, 3, r=9.0),
                "output": port_out(3),
            },
            "x -> cuba",
            "y -> cuba -> output",
        ),
        {"x": drive(5132, 30, 2, 3), "y": drive(5133, 30, 2, 3)},
        D,
    ),
)
