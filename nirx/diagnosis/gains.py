"""A gain of a layer's input or threshold: what an importer that scales them did to the graph."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import nir
import numpy as np

from nirx.basics.paths import Path

__all__ = ["AS_IS", "Gain", "scaled_graph", "scaled_parameters", "shortest_between"]

MOST_DIGITS = 17
ROUND = 2
"""A number of so few digits was probably meant."""
INPUT = ("w_in", "r")
"""Parameters that scale a neuron's input; the first that it has."""
THRESHOLD = ("v_threshold", "threshold")


@dataclass(frozen=True)
class Gain:
    """Factors of a layer's input and threshold; 1 for what is as in the graph.

    Arguments:
        input: x is multiplied by it before the node.
        threshold: v_threshold is multiplied by it.
        low, high: the range of that of the threshold, or of the input if the threshold is as it
            was, where only spikes tell it; NaN where v or i does.
    """

    input: float = 1.0
    threshold: float = 1.0
    low: float = field(default=math.nan, compare=False)
    high: float = field(default=math.nan, compare=False)

    @property
    def steps_away(self) -> int:
        """What it adds to the number of changes: an odd number is less likely than a round one."""
        return sum(_steps_away(own) for own in (self.input, self.threshold))

    def text(self) -> str:
        """`"the input scaled by 0.1"`."""
        parts = [("the input", self.input), ("the threshold", self.threshold)]
        return " and ".join(f"{what} scaled by {own:.6g}" for what, own in parts if own != 1.0)

    def range_text(self) -> str:
        """`"any factor of the input from 0.098 to 0.104"`; empty where v or i tells it."""
        if math.isnan(self.low):
            return ""
        what = "threshold" if self.threshold != 1.0 else "input"
        if math.isinf(self.high):
            return f"any factor of the {what} above {self.low:.6g}"
        return f"any factor of the {what} from {self.low:.6g} to {self.high:.6g}"

    def to_dict(self) -> dict[str, Any] | None:
        """The factors as plain data, for JSON; None where both are 1."""
        if self == AS_IS:
            return None
        return {name: own if math.isfinite(own) else None for name, own in asdict(self).items()} | {
            "text": f"fits with {self.text()}"
        }


AS_IS = Gain()


def _steps_away(factor: float) -> int:
    if factor == 1.0:
        return 0
    return 1 if factor == float(f"{factor:.{ROUND}g}") else 3


def scaled_parameters(parameters: Mapping[str, np.ndarray], gain: Gain) -> Mapping[str, np.ndarray]:
    """A node's arrays with the gain of its input and threshold."""
    if gain == AS_IS:
        return parameters
    scaled = dict(parameters)
    for name, factor in _factors(parameters, gain).items():
        own = parameters[name]
        scaled[name] = own * own.dtype.type(factor)
    return scaled


def scaled_graph(graph: nir.NIRGraph, gains: Mapping[Path, Gain]) -> nir.NIRGraph:
    """The graph with the gains of some nodes; the caller's own is not changed."""
    for path, gain in gains.items():
        if gain != AS_IS:
            graph = _with_gain(graph, path, gain)
    return graph


def _with_gain(node: Any, path: Path, gain: Gain) -> Any:
    node = copy.copy(node)
    if path:
        node.nodes = {**node.nodes, path[0]: _with_gain(node.nodes[path[0]], path[1:], gain)}
        return node
    for name, factor in _factors(vars(node), gain).items():
        setattr(node, name, np.asarray(getattr(node, name), np.float64) * factor)
    return node


def _factors(parameters: Mapping[str, Any], gain: Gain) -> dict[str, float]:
    wanted = ((INPUT, gain.input), (THRESHOLD, gain.threshold))
    found = {}
    for names, factor in wanted:
        own = [name for name in names if name in parameters]
        if factor != 1.0 and own:
            found[own[0]] = factor
    return found


def shortest_between(low: float, high: float) -> float | None:
    """The number with the fewest digits between two positive ones, near their middle."""
    low = max(low, 0.0)
    if not low < high:
        return None
    if math.isinf(high):
        high = 2 * low if low else 2.0
    middle = math.sqrt(low * high) if low else high / 2
    for digits in range(1, MOST_DIGITS + 1):
        near = float(f"{middle:.{digits}g}")
        if low < near < high:
            return near
    return None
