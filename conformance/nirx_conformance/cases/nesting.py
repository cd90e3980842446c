"""Nesting: three levels deep, cycles through subgraphs, named ports, one subgraph used twice."""

from __future__ import annotations

import nir
import numpy as np

import nirx
from nirx_conformance.cases.case import FixedCase, drive, graph, neuron, port_in, port_out, uniform

__all__ = ["CASES"]

D = nirx.Discretization(dt=1e-3)
ENDS = {"input": port_in(3), "output": port_out(3)}


def _w(seed: int) -> nir.Linear:
    return nir.Linear(0.7 * uniform(seed, 3, 3))


def _box(*edges: str, **nodes: object) -> nir.NIRGraph:
    return graph({**ENDS, **nodes}, *edges)


CELL = _box("input -> lif -> output", lif=neuron(nir.LIF, 7000, 3))
LOOP = _box("input -> lif -> w -> lif -> output", lif=neuron(nir.LIF, 7001, 3), w=_w(7002))
TWO_DEEP = _box("input -> cell -> w -> output", cell=CELL, w=_w(7003))
TWO_DEEP_LOOP = _box(
    "input -> loop -> d -> loop -> output", loop=LOOP, d=nir.Delay(np.full(3, 2e-3))
)
STATELESS = _box("input -> w -> output", w=nir.Affine(0.5 * uniform(7004, 3, 3), uniform(7005, 3)))
FORK = graph(
    {
        "left": port_in(3),
        "right": port_in(3),
        "a": neuron(nir.LI, 7006, 3),
        "b": neuron(nir.LIF, 7007, 3),
        "sum": port_out(3),
        "spikes": port_out(3),
    },
    "left -> a -> sum",
    "right -> b -> spikes",
    "right -> a",
)
PASS = _box("input -> output")

NETWORKS = {
    "three deep": _box(
        "input -> box -> w -> output", box=_box("input -> box -> output", box=TWO_DEEP), w=_w(7008)
    ),
    "three deep with loops": _box(
        "input -> box -> output", box=_box("input -> box -> output", box=TWO_DEEP_LOOP)
    ),
    "cycle through a subgraph": _box("input -> cell -> w -> cell -> output", cell=CELL, w=_w(7009)),
    "cycle through two subgraphs": _box("input -> a -> b -> a", "b -> output", a=CELL, b=TWO_DEEP),
    "cycle through a subgraph three deep": _box(
        "input -> box -> output", "box -> box", box=_box("input -> box -> output", box=TWO_DEEP)
    ),
    "feedback weights in a subgraph": _box(
        "input -> lif -> back -> lif -> output", lif=neuron(nir.LIF, 7010, 3), back=STATELESS
    ),
    "empty subgraph": _box(
        "input -> a -> lif -> b -> output", a=PASS, b=PASS, lif=neuron(nir.LIF, 7011, 3)
    ),
    "names alike on two levels": _box("input -> lif -> w -> output", lif=LOOP, w=STATELESS),
    "two ports each way": _box(
        "input -> fork.left",
        "input -> w -> fork.right",
        "fork.sum -> output",
        "fork.spikes -> output",
        fork=FORK,
        w=_w(7012),
    ),
    "cycle from one port to another": _box(
        "input -> fork.left",
        "fork.sum -> w -> fork.right",
        "fork.spikes -> fork.left",
        "fork.spikes -> output",
        fork=FORK,
        w=_w(7013),
    ),
}
OVERRIDES = {
    "overrides of a node": {"lif/lif": {"reset": "subtract"}},
    "overrides of a subgraph": {"lif": {"threshold": "ge", "reset": "none"}},
    "overrides, the longest path wins": {
        "lif": {"reset": "none"},
        "lif/lif": {"reset": "value", "spikes": "multi", "max_spikes": 2},
    },
}

CASES = (
    *(
        FixedCase(f"nested {words}", network, 2.0 * drive(7020 + k, 30, 2, 3), D)
        for k, (words, network) in enumerate(NETWORKS.items())
    ),
    *(
        FixedCase(
            f"nested {words}",
            NETWORKS["names alike on two levels"],
            2.0 * drive(7050 + k, 30, 2, 3),
            nirx.Discretization(dt=1e-3, overrides=own),
        )
        for k, (words, own) in enumerate(OVERRIDES.items())
    ),
    FixedCase(
        "nested component feedback",
        NETWORKS["cycle through two subgraphs"],
        2.0 * drive(7060, 30, 2, 3),
        nirx.Discretization(dt=1e-3, feedback="component"),
    ),
)
