"""Feedback of every shape: self-loops, two nodes, recurrent weights, several entries, islands."""

from __future__ import annotations

import nir
import numpy as np

import nirx
from nirx_conformance.cases.case import (
    GAIN,
    NEURONS,
    FixedCase,
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
CHOICES = {
    "component": {"feedback": "component"},
    "zero": {"feedback_initial": "zero"},
    "component, zero": {"feedback": "component", "feedback_initial": "zero"},
}


def _w(seed: int, size: float = 0.6) -> nir.Linear:
    return nir.Linear(size * uniform(seed, 3, 3))


def _affine(seed: int) -> nir.Affine:
    return nir.Affine(0.6 * uniform(seed, 3, 3), uniform(seed + 1, 3, low=0.1, high=0.6))


def _net(nodes: dict[str, object], *edges: str) -> nir.NIRGraph:
    return graph({**ENDS, **nodes}, *edges)


LIF, LI, CUBA = (neuron(k, 6000, 3, r=12.0) for k in (nir.LIF, nir.LI, nir.CubaLIF))
ISLAND = neuron(nir.LIF, 6001, 3, tau=0.01, r=1.0, v_leak=1.5)
NETWORKS = {
    "recurrent Linear": _net({"lif": LIF, "w": _w(6010)}, "input -> lif -> w -> lif -> output"),
    "recurrent Affine with bias": _net(
        {"lif": CUBA, "w": _affine(6011)}, "input -> lif -> w -> lif", "lif -> output"
    ),
    "two neurons": _net(
        {"a": LIF, "b": CUBA, "ab": _w(6013), "ba": _w(6014)},
        "input -> a -> ab -> b -> ba -> a",
        "b -> output",
    ),
    "two neurons and nothing between": _net(
        {"a": LIF, "b": LI}, "input -> a -> b -> a", "b -> output"
    ),
    "three in a ring, all fed": _net(
        {"a": LIF, "b": LI, "c": CUBA},
        "input -> a -> b -> c -> a",
        "input -> b -> output",
        "input -> c",
    ),
    "a ring in a ring": _net(
        {"a": LIF, "b": LI, "w": _affine(6015)},
        "input -> a -> b -> w -> a",
        "b -> a",
        "a -> a",
        "b -> output",
    ),
    "no Input reaches it": _net(
        {"island": ISLAND, "w": _affine(6022), "lif": LIF},
        "island -> w -> island",
        "w -> lif -> output",
        "input -> lif",
    ),
    "a Delay beside a recurrent weight": _net(
        {"lif": LIF, "w": _w(6024), "d": nir.Delay(np.array([1e-3, 2e-3, 4e-3]))},
        "input -> lif -> w -> lif -> d -> lif -> output",
    ),
    "through a Threshold": _net(
        {"li": LI, "t": nir.Threshold(np.full(3, 0.8)), "s": nir.Scale(np.full(3, -2.0))},
        "input -> li -> t -> s -> li",
        "t -> output",
    ),
}

CASES = (
    *(
        FixedCase(
            f"feedback self-loop of {kind.__name__}",
            _net(
                {"n": neuron(kind, 6030 + k, 3, r=GAIN.get(kind, 4.0) * 0.4)},
                "input -> n -> n -> output",
            ),
            drive(6040 + k, 30, 2, 3),
            D,
        )
        for k, kind in enumerate(NEURONS)
        if kind is not nir.CubaLI
    ),
    *(
        FixedCase(f"feedback {words}", network, drive(6050 + k, 35, 2, 3), D)
        for k, (words, network) in enumerate(NETWORKS.items())
    ),
    *(
        FixedCase(
            f"feedback {words}: {choice}",
            NETWORKS[words],
            drive(6080 + 10 * k + j, 30, 2, 3),
            nirx.Discretization(dt=1e-3, **values),  # type: ignore[arg-type]
        )
        for k, words in enumerate(
            ("recurrent Affine with bias", "two neurons", "no Input reaches it")
        )
        for j, (choice, values) in enumerate(CHOICES.items())
        if k == 0 or choice == "component"
    ),
    FixedCase(
        "feedback of a doubled edge",
        _net(
            {"lif": LIF, "w": _w(6130)},
            "input -> lif -> w -> lif -> output",
            "w -> lif",
            "lif -> lif",
            "lif -> lif",
        ),
        drive(6131, 30, 2, 3),
        D,
    ),
    FixedCase(
        "feedback from v_leak",
        NETWORKS["recurrent Affine with bias"],
        drive(6132, 30, 2, 3),
        nirx.Discretization(dt=1e-3, initial_v="leak"),
    ),
    FixedCase(
        "feedback with the spikes of the step before",
        NETWORKS["recurrent Linear"],
        drive(6133, 30, 2, 3),
        nirx.Discretization(dt=1e-3, reset_when="next", output="old"),
    ),
)
