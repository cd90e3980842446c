"""Every neuron type, and every choice of how it integrates, spikes, resets and outputs."""

from __future__ import annotations

import nir

import nirx
from nirx_conformance.cases.case import NEURONS, FixedCase, chain, neuron, spikes, uniform

__all__ = ["CASES"]

D = nirx.Discretization(dt=1e-3)
CHOICES = {
    "exponential": {"integrator": "exponential"},
    "ge": {"threshold": "ge"},
    "subtract": {"reset": "subtract"},
    "no-reset": {"reset": "none"},
    "reset-next": {"reset": "subtract", "reset_when": "next"},
    "reset-next-leaked": {"reset": "subtract", "reset_when": "next-leaked", "output": "old"},
    "multi": {"spikes": "multi", "reset": "subtract", "threshold": "ge"},
    "multi-3": {"spikes": "multi", "max_spikes": 3},
    "voltage-first": {"synapse": "voltage-first"},
    "jump": {"synapse_input": "jump"},
    "jump-then-decay": {"synapse_input": "jump-then-decay", "integrator": "exponential"},
    "from-leak": {"initial_v": "leak"},
}


CASES = (
    *(
        FixedCase(
            f"neuron {kind.__name__}",
            chain((5,), (5,), neuron(kind, 1, 5, r=100.0 if kind in (nir.I, nir.IF) else 6.0)),
            uniform(2, 60, 3, 5),
            D,
        )
        for kind in NEURONS
    ),
    *(
        FixedCase(
            f"choice {name}",
            chain((2, 3), (2, 3), neuron(nir.CubaLIF, 3, 2, 3, r=30.0)),
            4.0 * spikes(4, 60, 2, 2, 3),
            nirx.Discretization(dt=1e-3, **choice),  # type: ignore[arg-type]
        )
        for name, choice in CHOICES.items()
    ),
)
