"""What `nirx.quantize` returns: the graph, its discretization, and a report by node."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import nir

from nirx.basics.shown import Shown
from nirx.dynamics.discretization import Discretization

__all__ = ["SCALES_KEY", "NodeReport", "Quantization"]

SCALES_KEY = "nirx_scales"
"""`graph.metadata[SCALES_KEY]` is JSON: for each node by path how many units of the integer graph
are 1 of the float graph, of its `output`, its `membrane` and its `synapse`; one number, or one for
each neuron or channel."""


@dataclass(frozen=True)
class NodeReport:
    """What quantizing did to a node; None where it does not apply.

    Arguments:
        path, type: of the node in the integer graph.
        weight_scale: the largest factor from its weights to whole numbers.
        weight_bits: of its largest weight, with the sign.
        rounding: the largest error of a weight or bias, in units of the float graph.
        rounding_percent: the same, relative to the largest weight.
        zeros: how many weights that were not 0 are 0 now.
        saturated: how many weights did not fit.
        weights: how many there are.
        threshold: the lowest and the highest threshold, in units of the membrane.
        decay_percent: the largest error of a decay.
        lost: time constants that the arithmetic does not have, in words.
        largest_v: the largest membrane potential on the input.
        v_overflows, i_overflows: how often a state left its bits on the input.
        notes: what to change, where bits are wasted or missing.
    """

    path: str
    type: str
    weight_scale: float | None = None
    weight_bits: int | None = None
    rounding: float | None = None
    rounding_percent: float | None = None
    zeros: int | None = None
    saturated: int | None = None
    weights: int | None = None
    threshold: tuple[int, int] | None = None
    decay_percent: float | None = None
    lost: tuple[str, ...] = ()
    largest_v: int | None = None
    v_overflows: int | None = None
    i_overflows: int | None = None
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Quantization(Shown):
    """A graph in integer units; prints as a table.

    Arguments:
        graph: its numbers are whole; its metadata hold discretization and scales.
        discretization: with the arithmetic.
        report: of the nodes with weights and the neurons, in the order of execution.
        outputs: by Output, how many units are 1 of the float graph: divide by them.
        taken: whether the graph held whole numbers already and was taken as it is.
    """

    graph: nir.NIRGraph
    discretization: Discretization
    report: tuple[NodeReport, ...]
    outputs: Mapping[str, Any]
    taken: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON, without the graph."""
        return {
            "taken_as_it_is": self.taken,
            "discretization": self.discretization.to_json(),
            "outputs": dict(self.outputs),
            "nodes": [node.to_dict() for node in self.report],
        }

    def __repr__(self) -> str:
        saturated = sum(node.saturated or 0 for node in self.report)
        return f"Quantization({len(self.report)} nodes, {saturated} saturated weights)"

    def _parts(self) -> list[Any]:
        from nirx.quantizing.table import quantization_table, remarks

        return [quantization_table(self), *remarks(self)]
