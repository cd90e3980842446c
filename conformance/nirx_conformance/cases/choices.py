"""Every choice of `Discretization` on the neurons that it affects, and combinations of choices."""

from __future__ import annotations

from typing import Any

import nir

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

LATER = {"reset_when": "next", "output": "old"}

CHOICES: dict[str, tuple[tuple[type, ...], dict[str, Any]]] = {
    "exponential": ((nir.LI, nir.LIF), {"integrator": "exponential"}),
    "subtract": ((nir.IF,), {"reset": "subtract"}),
    "no-reset": ((nir.LIF,), {"reset": "none"}),
    "reset-next": ((nir.IF,), {"reset_when": "next"}),
    "reset-next-leaked": ((nir.IF,), {"reset_when": "next-leaked"}),
    "subtract-next-leaked": ((nir.LIF,), {"reset": "subtract", "reset_when": "next-leaked"}),
    "multi": ((nir.IF,), {"spikes": "multi"}),
    "multi-subtract": ((nir.LIF,), {"spikes": "multi", "reset": "subtract"}),
    "multi-at-most-1": ((nir.CubaLIF,), {"spikes": "multi", "max_spikes": 1, "reset": "subtract"}),
    "old": ((nir.I, nir.LI, nir.CubaLI), {"output": "old", "reset": "none"}),
    "old-no-reset": ((nir.IF,), {"output": "old", "reset": "none"}),
    "old-reset-next": ((nir.LIF,), LATER),
    "voltage-first": ((nir.CubaLI,), {"synapse": "voltage-first"}),
    "jump": ((nir.CubaLI,), {"synapse_input": "jump"}),
    "jump-then-decay": ((nir.CubaLI,), {"synapse_input": "jump-then-decay"}),
    "from-leak": ((nir.LI,), {"initial_v": "leak"}),
}
TOGETHER: dict[str, dict[str, Any]] = {
    "exponential-voltage-first-jump": {
        "integrator": "exponential",
        "synapse": "voltage-first",
        "synapse_input": "jump",
    },
    "exponential-from-leak-subtract": {
        "integrator": "exponential",
        "initial_v": "leak",
        "reset": "subtract",
    },
    "multi-2-subtract-next-old": {"spikes": "multi", "max_spikes": 2, "reset": "subtract", **LATER},
    "multi-next-leaked": {"spikes": "multi", "reset_when": "next-leaked", "reset": "subtract"},
    "ge-voltage-first-jump-then-decay": {
        "threshold": "ge",
        "synapse": "voltage-first",
        "synapse_input": "jump-then-decay",
    },
    "everything-at-once": {
        "integrator": "exponential",
        "threshold": "ge",
        "reset": "subtract",
        "reset_when": "next-leaked",
        "spikes": "multi",
        "max_spikes": 4,
        "output": "old",
        "synapse": "voltage-first",
        "synapse_input": "jump-then-decay",
        "initial_v": "leak",
        "feedback": "component",
        "feedback_initial": "zero",
    },
}
TWO_LAYERS = graph(
    {
        "input": port_in(3),
        "one": neuron(nir.CubaLIF, 8500, 3, r=30.0),
        "w": nir.Linear(uniform(8501, 3, 3, low=0.0)),
        "two": neuron(nir.LIF, 8502, 3, r=20.0),
        "output": port_out(3),
    },
    "input -> one -> w -> two -> output",
)
OVERRIDES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "overrides-one": ({}, {"one": {"reset": "subtract", "integrator": "exponential"}}),
    "overrides-both": ({}, {"one": {"synapse": "voltage-first"}, "two": {"initial_v": "leak"}}),
    "overrides-the-rest": ({"reset": "none"}, {"two": {"reset": "value", "spikes": "multi"}}),
    "overrides-max-spikes": (
        {"spikes": "multi", "reset": "subtract"},
        {"one": {"max_spikes": 2}, "two": {"spikes": "single"}},
    ),
}


def _d(dt: float = 1e-3, **choice: Any) -> nirx.Discretization:
    return nirx.Discretization(dt=dt, **choice)


CASES = (
    *(
        FixedCase(
            f"choice {name} {kind.__name__}",
            chain((3,), (3,), neuron(kind, 8000 + 10 * k + j, 3, r=2.5 * GAIN.get(kind, 6.0))),
            drive(8200 + 10 * k + j, 30, 2, 3),
            _d(**choice),
        )
        for k, (name, (kinds, choice)) in enumerate(CHOICES.items())
        for j, kind in enumerate(kinds)
    ),
    *(
        FixedCase(
            f"choice {name}",
            chain((3,), (3,), neuron(nir.CubaLIF, 8400 + k, 3, r=40.0)),
            drive(8410 + k, 40, 2, 3),
            _d(**choice),
        )
        for k, (name, choice) in enumerate(TOGETHER.items())
    ),
    *(
        FixedCase(
            f"choice {name}", TWO_LAYERS, drive(8510 + k, 30, 2, 3), _d(**base, overrides=own)
        )
        for k, (name, (base, own)) in enumerate(OVERRIDES.items())
    ),
    *(
        FixedCase(
            f"choice dt {dt:g}",
            chain(
                (3,), (3,), neuron(nir.CubaLIF, 8520 + k, 3, r=30.0, tau_syn=4 * dt, tau_mem=9 * dt)
            ),
            drive(8530 + k, 30, 2, 3),
            _d(dt, integrator="exponential"),
        )
        for k, dt in enumerate((1e-4, 1.0))
    ),
    FixedCase(
        "choice dt longer than tau",
        chain((3,), (3,), neuron(nir.LIF, 8540, 3, r=0.5)),
        drive(8541, 30, 2, 3),
        _d(3e-2, integrator="exponential"),
    ),
)
