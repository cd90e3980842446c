"""Xylo's core v2 spike by spike, in plain ints: what XyloSim does also where sums saturate.

Every single spike's weight is added to the synaptic current, and saturates, before the next:
from the inputs in their order, then from the hidden neurons in theirs. A NIR graph adds first
and lets the neuron saturate once, so that the two differ where a sum saturates on its way to
a value within the range.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from nirx_conformance.chips.xylo import Layer, XyloNetwork

LOWEST, HIGHEST = -(2**15), 2**15 - 1
MAX_INPUT, MAX_HIDDEN, MAX_OUTPUT = 15, 31, 1


@dataclass
class Neurons:
    """The states of a layer, and their recordings, [time][n]."""

    layer: Layer
    i: list[int] = field(init=False)
    at_once: list[int] = field(init=False)
    v: list[int] = field(init=False)
    recordings: dict[str, list[list[int]]] = field(init=False)

    def __post_init__(self):
        self.i = [0] * len(self.layer.bias)
        self.v = [0] * len(self.layer.bias)
        self.at_once = list(self.i)
        self.recordings = {"i": [], "v": [], "spikes": []}

    def receive(self, spikes: list[int], weights: list[list[int]], up: int) -> None:
        """Add the weight of every spike."""
        for count, row in zip(spikes, weights, strict=True):
            for target, weight in enumerate(row):
                for _ in range(count):
                    self.i[target] = saturated(self.i[target] + (weight << up))
                self.at_once[target] += count * (weight << up)

    def order_matters(self) -> bool:
        """Whether this step's sum, saturated once, would be another."""
        return self.i != [saturated(total) for total in self.at_once]

    def evolve(self, most: int) -> list[int]:
        """The spikes of this step."""
        layer, spikes = self.layer, []
        for n, threshold in enumerate(layer.threshold):
            self.i[n] -= lost(self.i[n], layer.dash_syn[n])
            change = saturated(self.i[n] - lost(self.v[n], layer.dash_mem[n]))
            change = saturated(change + layer.bias[n])
            self.v[n] = saturated(self.v[n] + change)
            count = 0
            while self.v[n] >= threshold and count < most:
                self.v[n] -= threshold
                count += 1
            spikes.append(count)
        self.at_once = list(self.i)
        for name, values in (("i", self.i), ("v", self.v), ("spikes", spikes)):
            self.recordings[name].append(list(values))
        return spikes


@dataclass(frozen=True)
class Evolved:
    """What a network did.

    Arguments:
        hidden, output: "i", "v" and "spikes" of these neurons, [time][n].
        same_at_once: the number of steps before the first in which a neuron's sum of inputs,
            saturated once, is another.
    """

    hidden: dict[str, list[list[int]]]
    output: dict[str, list[list[int]]]
    same_at_once: int


def evolve(network: XyloNetwork, xs: list[list[int]]) -> Evolved:
    """Run a network from its initial state."""
    hidden, output = Neurons(network.hidden), Neurons(network.output)
    spikes = [0] * len(network.hidden.bias)
    same = len(xs)
    for t, x in enumerate(xs):
        hidden.receive([min(n, MAX_INPUT) for n in x], network.weights_in, network.shifts[0])
        if network.weights_rec is not None:
            hidden.receive(spikes, network.weights_rec, network.shifts[1])
        output.receive(spikes, network.weights_out, network.shifts[2])
        if hidden.order_matters() or output.order_matters():
            same = min(same, t)
        spikes = hidden.evolve(MAX_HIDDEN)
        output.evolve(MAX_OUTPUT)
    return Evolved(hidden.recordings, output.recordings, same)


def lost(value: int, dash: int) -> int:
    """What a state loses in a step: at least 1, towards zero."""
    step = value >> dash
    return step if step or not value else (1 if value > 0 else -1)


def saturated(value: int) -> int:
    """The value within 16 bits."""
    return min(max(value, LOWEST), HIGHEST)
