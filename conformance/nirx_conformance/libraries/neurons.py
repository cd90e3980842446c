"""Random neurons of each NIR type, and small networks around them."""

# nir's annotations are narrower than what it accepts.
# pyright: reportArgumentType=false

from __future__ import annotations

from typing import Any

import nir
import numpy as np

__all__ = ["alone", "NEURONS", "around", "drive", "neuron"]

NEURONS = ("I", "IF", "LI", "LIF", "CubaLI", "CubaLIF")

SIZE, INPUTS = 30, 5


def neuron(kind: str, seed: int = 0, uniform: bool = False, rest: float | None = None) -> Any:
    """A neuron layer of random parameters; time constants are 2 to 20 ms, for a dt of 1 ms.

    Arguments:
        kind: name of the NIR type.
        uniform: one value for all neurons of the layer.
        rest: value of v_leak and v_reset, for libraries without these parameters.
    """
    generator = np.random.default_rng(seed)

    def draw(low: float, high: float) -> np.ndarray:
        if uniform:
            return np.full(SIZE, generator.uniform(low, high))
        return generator.uniform(low, high, SIZE)

    tau = {"tau": draw(2e-3, 2e-2)} if kind in ("LI", "LIF") else {}
    if kind in ("CubaLI", "CubaLIF"):
        tau = {k: draw(2e-3, 2e-2) for k in ("tau_mem", "tau_syn")} | {"w_in": draw(0.5, 2)}
    values = {**tau, "r": draw(0.5, 2) if tau else draw(100, 300)}
    if tau:
        values["v_leak"] = draw(-0.2, 0.3) if rest is None else np.full(SIZE, rest)
    if kind.endswith("IF"):
        values["v_threshold"] = draw(0.5, 1.5)
        values["v_reset"] = draw(-0.3, 0.2) if rest is None else np.full(SIZE, rest)
    return getattr(nir, kind)(**values)


def around(node: Any, seed: int = 0) -> nir.NIRGraph:
    """input -> Affine -> the node -> output."""
    generator = np.random.default_rng((seed, 1))
    size = len(node.r)
    weight = generator.normal(0.4, 1, (size, INPUTS))
    return nir.NIRGraph(
        {
            "input": nir.Input(np.array([INPUTS])),
            "fc": nir.Affine(weight, generator.normal(0, 0.3, size)),
            "neuron": node,
            "output": nir.Output(np.array([size])),
        },
        [("input", "fc"), ("fc", "neuron"), ("neuron", "output")],
    )


def drive(steps: int = 1000, batch: int = 4, features: int = INPUTS, seed: int = 0) -> np.ndarray:
    """Random input [time, batch, features], float64."""
    return 3 * np.random.default_rng((seed, 2)).random((steps, batch, features))


def alone(shape: tuple[int, ...], tau: float = 5e-3) -> tuple[nir.NIRGraph, np.ndarray]:
    """A graph with one LIF of this shape, and an input."""
    size = np.array(shape, int)
    values = [np.full(shape, value) for value in (tau, 3.0, 0.1, 0.7)]
    ends = nir.Input(size), nir.LIF(*values), nir.Output(size)
    nodes = dict(zip(("input", "neuron", "output"), ends, strict=True))
    edges = [("input", "neuron"), ("neuron", "output")]
    xs = np.random.default_rng(0).normal(0.4, 1, (60, 4, *shape))
    return nir.NIRGraph(nodes, edges, type_check=False), xs
