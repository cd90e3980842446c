"""Networks of Xylo (core v2): once for XyloSim, once as a NIR graph of whole numbers."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import nir
import numpy as np

import nirx

__all__ = ["ARITHMETIC", "DISCRETIZATION", "Layer", "XyloNetwork"]

DISCRETIZATION = nirx.Discretization(
    dt=1.0,
    threshold="ge",
    reset="subtract",
    spikes="multi",
    max_spikes=31,
    synapse_input="jump-then-decay",
    overrides={"output": {"max_spikes": 1}},
)
ARITHMETIC = {
    "weight_bits": 16,  # 8, shifted left by each layer's own shift
    "synapse_bits": 16,
    "membrane_bits": 16,
    "membrane_change": "saturate",
    "decay": "shift",
}
"""Fields of an `Arithmetic`."""


@dataclass(frozen=True)
class Layer:
    """Neurons: the shifts of their decays, their thresholds and biases."""

    dash_syn: list[int]
    dash_mem: list[int]
    threshold: list[int]
    bias: list[int]

    def node(self) -> nir.CubaLIF:
        """The neurons as NIR's, where dt is 1."""
        tau = 2.0 ** np.array(self.dash_mem)
        return nir.CubaLIF(
            tau_syn=2.0 ** np.array(self.dash_syn),
            tau_mem=tau,
            r=tau,  # the input's gain is r / tau_mem = 1
            v_leak=tau * np.array(self.bias),  # v_leak / tau_mem is the bias
            v_threshold=np.array(self.threshold, float),
            v_reset=np.zeros(len(self.threshold)),
            w_in=np.ones(len(self.threshold)),
        )


@dataclass(frozen=True)
class XyloNetwork:
    """Input, hidden neurons (with one synapse each), output neurons.

    Arguments:
        weights_in, weights_rec, weights_out: [from][to], 8 bits; no recurrence if None.
        shifts: of the input's, the recurrent and the output's weights, to the left.
    """

    weights_in: list[list[int]]
    weights_rec: list[list[int]] | None
    weights_out: list[list[int]]
    hidden: Layer
    output: Layer
    shifts: tuple[int, int, int] = (0, 0, 0)

    def request(self, xs: list[list[int]]) -> dict[str, Any]:
        """What XyloSim is asked."""
        specification: dict[str, Any] = {
            "weights_in": self.weights_in,
            "weights_out": self.weights_out,
            "dash_syn": self.hidden.dash_syn,
            "dash_mem": self.hidden.dash_mem,
            "threshold": self.hidden.threshold,
            "bias": self.hidden.bias,
            "dash_syn_out": self.output.dash_syn,
            "dash_mem_out": self.output.dash_mem,
            "threshold_out": self.output.threshold,
            "bias_out": self.output.bias,
            "weight_shift_in": self.shifts[0],
            "weight_shift_rec": self.shifts[1],
            "weight_shift_out": self.shifts[2],
        }
        if self.weights_rec is not None:
            specification["weights_rec"] = self.weights_rec
        return {"input": xs, "specification": specification}

    def graph(self) -> nir.NIRGraph:
        """The network as a graph; its neurons are "hidden" and "output".

        A spike reaches the output neurons one step after it was fired, as it does the hidden
        ones.
        """
        size_in, size, size_out = len(self.weights_in), len(self.weights_out), len(self.output.bias)
        nodes: dict[str, nir.NIRNode] = {
            "input": nir.Input({"input": np.array([size_in])}),
            "in": self._linear(self.weights_in, self.shifts[0]),
            "hidden": self.hidden.node(),
            "delay": nir.Delay(np.ones(size)),
            "out": self._linear(self.weights_out, self.shifts[2]),
            "output": self.output.node(),
            "spikes": nir.Output({"output": np.array([size_out])}),
        }
        names = ["input", "in", "hidden", "delay", "out", "output", "spikes"]
        edges = list(pairwise(names))
        if self.weights_rec is not None:
            nodes["rec"] = self._linear(self.weights_rec, self.shifts[1])
            edges += [("hidden", "rec"), ("rec", "hidden")]
        return nir.NIRGraph(nodes, edges)

    @staticmethod
    def _linear(weights: list[list[int]], up: int) -> nir.Linear:
        return nir.Linear(np.array(weights, float).T * 2**up)
