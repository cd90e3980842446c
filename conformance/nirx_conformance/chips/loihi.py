"""Networks of Loihi: once for Lava, once as a NIR graph of whole numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import nir
import numpy as np

import nirx

__all__ = ["DISCRETIZATION", "Connection", "LoihiNetwork", "Population"]

UNITY = 4096
SYNAPSE_SHIFT = 6  # of all synaptic input, on top of the weight exponent
NO_LEAK = 1e9  # time constant in steps where dv is 0

DISCRETIZATION = nirx.Discretization(dt=1.0, synapse_input="jump")
ARITHMETIC = {
    "threshold_shift": 6,
    "synapse_bits": 24,
    "membrane_bits": 24,
    "synapse_overflow": "wrap",
    "limits": "symmetric",
}
"""Fields of an `Arithmetic`; the shift of the weights depends on their exponent."""


@dataclass(frozen=True)
class Population:
    """Neurons with one du, dv and vth, and a bias each."""

    du: int
    dv: int
    vth: int
    bias_mant: list[int]
    bias_exp: list[int]

    def node(self, w_in: int) -> nir.CubaLIF:
        """The neurons as NIR's; u is i, and dt is 1."""
        ones = np.ones(len(self.bias_mant))
        tau = UNITY / self.dv if self.dv else NO_LEAK
        bias = [m << e for m, e in zip(self.bias_mant, self.bias_exp, strict=True)]
        return nir.CubaLIF(
            tau_syn=UNITY / (self.du + 1) * ones,
            tau_mem=tau * ones,
            r=tau * ones,  # the input's gain is r / tau_mem = 1
            v_leak=tau * np.array(bias, float),  # v_leak / tau_mem is the bias
            v_threshold=self.vth * ones,
            v_reset=0 * ones,
            w_in=w_in * ones,
        )


@dataclass(frozen=True)
class Connection:
    """A Dense; its weights are even where their signs are mixed (else Lava makes them so)."""

    source: int | None
    target: int
    weights: list[list[int]]


@dataclass(frozen=True)
class LoihiNetwork:
    """Populations and connections with one weight exponent.

    Arguments:
        weight_exp: -8 to 7; a negative one drops bits of the sum.
    """

    populations: list[Population]
    connections: list[Connection]
    weight_exp: int = 0

    @property
    def arithmetic(self) -> dict[str, Any]:
        """Fields of the arithmetic."""
        drops = self.weight_exp < 0
        up = self.weight_exp if drops else self.weight_exp + SYNAPSE_SHIFT
        return {**ARITHMETIC, "weight_bits": 9, "weight_shift": up}

    def request(self, xs: list[list[int]]) -> dict[str, Any]:
        """What Lava is asked."""
        return {
            "steps": len(xs),
            "input": xs,
            "populations": [vars(own) for own in self.populations],
            "connections": [{**vars(c), "weight_exp": self.weight_exp} for c in self.connections],
        }

    def graph(self) -> nir.NIRGraph:
        """The network as a graph; its neurons are "0", "1", ...

        A Dense passes on what it computed in the step before. Where it leads back to its own
        population, the feedback edge is late by that step; elsewhere a Delay is.
        """
        # Where the exponent drops bits, the fixed shift must follow the sum: as w_in.
        w_in = 1 << SYNAPSE_SHIFT if self.weight_exp < 0 else 1
        nodes: dict[str, nir.NIRNode] = {}
        edges: list[tuple[str, str]] = []
        for k, population in enumerate(self.populations):
            size = np.array([len(population.bias_mant)])
            nodes[str(k)] = population.node(w_in)
            nodes[f"out{k}"] = nir.Output({"output": size})
            edges.append((str(k), f"out{k}"))
        for k, own in enumerate(self.connections):
            source = "input" if own.source is None else str(own.source)
            into = len(own.weights[0])
            if own.source is None:
                nodes["input"] = nir.Input({"input": np.array([into])})
            nodes[f"w{k}"] = nir.Linear(np.array(own.weights, float))
            edges.append((f"w{k}", str(own.target)))
            if own.source == own.target:
                edges.append((source, f"w{k}"))
            else:
                nodes[f"delay{k}"] = nir.Delay(np.ones(into))
                edges += [(source, f"delay{k}"), (f"delay{k}", f"w{k}")]
        return nir.NIRGraph(nodes, edges)
