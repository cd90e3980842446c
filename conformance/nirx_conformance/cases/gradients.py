"""The cases of the level `gradients`: small fixed cases, and what only gradients show.

They are no cases of the other levels, so no digest and no stored file belongs to them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import nir

import nirx
from nirx_conformance.cases import (
    MODULES,
    extremes,
    feedback,
    names,
    nesting,
    numbers,
    single_precision,
    sizes,
    ties,
)
from nirx_conformance.cases.case import (
    FixedCase,
    chain,
    drive,
    graph,
    neuron,
    port_in,
    port_out,
    uniform,
)
from nirx_conformance.cases.gradient_case import OBJECTS, SURROGATES, GradientCase

__all__ = ["GRADIENT_CASES"]

UNFIT = (numbers, ties, extremes, sizes, names, single_precision)
"""Topics of extraordinary numbers, of ties at a threshold, and of what is no matter of values."""

FIXED = tuple(module for module in MODULES if module not in UNFIT)

RESETS: dict[str, dict[str, Any]] = {
    "value": {},
    "value next": {"reset_when": "next"},
    "value next-leaked": {"reset_when": "next-leaked"},
    "subtract": {"reset": "subtract"},
    "subtract next": {"reset": "subtract", "reset_when": "next"},
    "subtract next-leaked": {"reset": "subtract", "reset_when": "next-leaked"},
    "counts to value": {"spikes": "multi"},
    "counts subtracted": {"spikes": "multi", "reset": "subtract"},
}
EULER = {"integrator": "exponential", "input_gain": "euler"}


def _one(name: str, node: Any, seed: int, **choice: Any) -> FixedCase:
    d = nirx.Discretization(dt=1e-3, **choice)
    return FixedCase(name, chain((3,), (3,), node), drive(seed, 20, 2, 3), d)


def _spiking(seed: int) -> dict[str, Any]:
    return {
        "IF": neuron(nir.IF, seed, 3, r=150.0),
        "LIF": neuron(nir.LIF, seed, 3, r=15.0),
        "CubaLIF": neuron(nir.CubaLIF, seed, 3, r=30.0),
        "Threshold": nir.Threshold(uniform(seed, 3, low=0.3, high=0.8)),
    }


def _shared() -> nir.NIRGraph:
    """One Affine and one LIF, each called twice."""
    weight, bias = uniform(9900, 3, 3), uniform(9901, 3, low=0.1, high=0.6)
    nodes: dict[str, Any] = {"input": port_in(3), "output": port_out(3)}
    for name in ("a", "b"):
        nodes[f"fc_{name}"] = nir.Affine(weight.copy(), bias.copy())
        nodes[f"fc_{name}"].metadata["nirx_module"] = "fc"
        nodes[f"lif_{name}"] = neuron(nir.LIF, 9902, 3, r=15.0)
        nodes[f"lif_{name}"].metadata["nirx_module"] = "lif"
    return graph(nodes, "input -> fc_a -> lif_a -> fc_b -> lif_b -> output", "fc_a -> lif_b")


def _loop(stored: Mapping[str, Any]) -> nir.NIRGraph:
    """A recurrent layer of LIFs, and a Threshold in a subgraph, some with their own surrogate."""
    threshold = nir.Threshold(uniform(9951, 3, low=0.3, high=0.8))
    nodes: dict[str, Any] = {
        "input": port_in(3),
        "fc": nir.Linear(uniform(9952, 3, 3)),
        "first": neuron(nir.LIF, 9953, 3, r=15.0),
        "second": neuron(nir.LIF, 9954, 3, r=15.0),
        "back": nir.Linear(uniform(9955, 3, 3)),
        "block": chain((3,), (3,), neuron(nir.LI, 9956, 3, r=15.0), threshold),
        "output": port_out(3),
    }
    for name, own in stored.items():
        node = nodes["block"].nodes["n1"] if name == "block/n1" else nodes[name]
        node.metadata["nirx_surrogate"] = own.to_json()
    return graph(
        nodes, "input -> fc -> first -> second -> block -> output", "second -> back -> first"
    )


PER_NODE: tuple[tuple[str, dict[str, Any], Any], ...] = (
    (
        "surrogates by pattern",
        {},
        {"first": OBJECTS["sigmoid"], "*/n?": OBJECTS["boxcar"], "*": "arctan"},
    ),
    ("surrogates by pattern, one left out", {}, {"sec*": OBJECTS["exponential"]}),
    (
        "surrogates in metadata",
        {"first": OBJECTS["gaussian"], "block/n1": OBJECTS["fast_sigmoid"]},
        None,
    ),
    (
        "surrogates in metadata and by pattern",
        {"first": OBJECTS["gaussian"], "second": OBJECTS["heaviside"]},
        {"first": OBJECTS["straight_through"]},
    ),
    ("surrogate of all over metadata", {"first": OBJECTS["gaussian"]}, OBJECTS["sigmoid"]),
)
"""Name, what the graph stores, what the caller gives."""

GRADIENT_CASES: tuple[GradientCase, ...] = (
    *(GradientCase(case) for module in FIXED for case in module.CASES if case.level != "full"),
    *(
        GradientCase(_one(f"surrogate {name}: {kind}", node, 9910 + k), own, detach_reset=k == 1)
        for name, own in SURROGATES.items()
        for k, (kind, node) in enumerate(_spiking(9905).items())
    ),
    *(
        GradientCase(_one(f"surrogate {name}: LIF", neuron(nir.LIF, 9907, 3, r=15.0), 9915), own)
        for name, own in OBJECTS.items()
    ),
    *(
        GradientCase(
            FixedCase(name, _loop(stored), drive(9950, 20, 2, 3), nirx.Discretization(dt=1e-3)),
            surrogate,
        )
        for name, stored, surrogate in PER_NODE
    ),
    *(
        GradientCase(
            _one(f"{words} {reset}", neuron(nir.LIF, 9920, 3, r=30.0), 9921, **choice),
            detach_reset=words == "detached",
        )
        for reset, choice in RESETS.items()
        for words in ("attached", "detached")
    ),
    *(
        GradientCase(
            _one(f"gain of Euler {kind.__name__}", neuron(kind, 9930, 3, r=15.0), 9931, **EULER)
        )
        for kind in (nir.LI, nir.LIF, nir.CubaLI, nir.CubaLIF)
    ),
    GradientCase(
        FixedCase(
            "modules called twice",
            _shared(),
            drive(9940, 20, 2, 3),
            nirx.Discretization(dt=1e-3),
        )
    ),
    *(
        GradientCase(
            replace(case, name=f"{case.name}, detached"), surrogate="superspike", detach_reset=True
        )
        for case in (*feedback.CASES, *nesting.CASES)
        if case.name in ("feedback recurrent Affine with bias", "nested three deep with loops")
    ),
)
"""Their names are their own; those of fixed cases stay."""
