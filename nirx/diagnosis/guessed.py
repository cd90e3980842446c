"""Spikes that were not recorded, as far as a recorded v shows where it was reset."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from nirx.diagnosis.observed import Trace
from nirx.diagnosis.trial import Lane
from nirx.dynamics.neuron import Neuron
from nirx.execution.numpy_ops import NumpyOps

__all__ = ["Elements", "guessed_spikes"]

DENSE = 0.1
"""Fraction of the steps that has to be without a reset for these to be seen."""
TINY = 1e-9
OUTLIER = 8.0
"""Tolerances by which v has to miss its prediction to count as reset."""


@dataclass(frozen=True, eq=False)
class Elements:
    """Some neurons of a layer, over batch and features, side by side.

    Arguments:
        shape: batch and features.
        chosen: their numbers.
    """

    shape: tuple[int, ...]
    chosen: np.ndarray

    def series(self, values: np.ndarray) -> np.ndarray:
        """[time, *batch, *features] as [time, elements]."""
        length = len(values)
        return np.broadcast_to(values, (length, *self.shape)).reshape(length, -1)[:, self.chosen]

    def parameter(self, values: np.ndarray) -> np.ndarray:
        """Anything that broadcasts to the features as [elements]."""
        return np.broadcast_to(values, self.shape).reshape(-1)[self.chosen]


def guessed_spikes(
    lanes: Sequence[Lane], shifts: Sequence[int], trace: Trace, elements: Elements, ops: NumpyOps
) -> np.ndarray:
    """Where a recorded v alone shows a reset.

    From each recorded v to the next, a step without reset is linear in the gain of the input.
    The gain that most steps share is not disturbed by those with a reset, which then stand out.

    Returns: [time, lane, shift, elements]: the spikes that the v of that step decides.
    """
    place, seen = lanes[0].cut.members[0], elements.series(trace.values)
    found = np.zeros((len(seen), len(lanes), len(shifts), seen.shape[1]))
    for number, lane in enumerate(lanes):
        dynamics = lane.dynamics(place)
        assert isinstance(dynamics, Neuron), "only neurons are forced"
        if not dynamics.spiking or dynamics.rule.reset == "none":
            continue
        size = (seen.shape[1],)
        dynamics = replace(dynamics, input_shape=size, output_shape=size)
        raw = lane.cut.variant.parameters[place.path]
        flat = {name: elements.parameter(value) for name, value in raw.items()}
        c = dynamics.coefficients(ops, flat)
        state, currents = dynamics.initial_state(ops, flat, ()), []
        before_each = np.concatenate([state["v"][None], seen])
        for x in elements.series(lane.cut.feeds[0]):
            current, synapse = dynamics.drive(ops, c, x, state)
            state = {**state, **synapse}
            currents.append(current)
        late = int(dynamics.rule.reset_when != "same")
        for row, shift in enumerate(shifts):
            # Of a recording that starts early, the v before its first step is not known.
            first, last = (0 if shift >= 0 else 1 - shift), len(seen) - max(shift, 0)
            if first >= last:
                continue
            before = before_each[first + shift : last + shift]
            after = seen[first + shift : last + shift]
            current = np.stack(currents[first:last])
            with np.errstate(all="ignore"):
                none = dynamics.integrate(ops, c, before, 0 * current)
                slope = dynamics.integrate(ops, c, before, current) - none
                free = np.ones_like(after, bool)
                if dynamics.rule.reset == "value":  # from one reset to the next, nothing is seen
                    free = np.abs(after - flat["v_reset"]) > trace.unit
                off = none + _common_ratio(after - none, slope * free) * slope - after
                marked = np.abs(off) > OUTLIER * trace.unit
                count = np.ones_like(off)
                if dynamics.rule.reset == "subtract" and marked.any():
                    # In units of the smallest: the threshold may be scaled too.
                    whole = off / flat["v_threshold"]
                    count = np.maximum(np.rint(whole / np.abs(whole[marked]).min()), 1)
            reset = np.where(marked, count, 0.0)
            start = max(first - late, 0)
            found[start : last - late, number, row] = reset[start - first + late :]
    return found


def _common_ratio(a: np.ndarray, b: np.ndarray) -> float:
    """The a/b that is the densest: all steps without a reset have the same, the others scatter."""
    size = np.abs(b).ravel()
    kept = size > TINY * size.max(initial=0.0)
    if not kept.any():
        return 1.0
    ratios = np.sort(a.ravel()[kept] / b.ravel()[kept])
    width = max(int(DENSE * len(ratios)), 1)
    if width >= len(ratios):
        return float(np.median(ratios))
    start = int(np.argmin(ratios[width:] - ratios[:-width]))
    return float(np.median(ratios[start : start + width + 1]))
