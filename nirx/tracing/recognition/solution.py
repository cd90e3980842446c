"""`solutions`: the membrane of a step, and when it spikes and is reset."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nirx.dynamics.program import OUTPUT, STATE
from nirx.tracing.recognition.forms import NONE, Affine, Form, close, same, threshold_of
from nirx.tracing.recognition.spike_states import single_indicator
from nirx.tracing.recognition.step_forms import StepForms

__all__ = ["Solution", "solutions"]


@dataclass(frozen=True, eq=False)
class Solution:
    """What a step does, in NIR's words.

    Arguments:
        v, i: names of the states that are the membrane potential and the synaptic current.
        membrane: the new v without spikes, as an affine function of x and the old states.
        synapse: the new i, likewise; None without a synapse.
        threshold: None for a neuron without spikes.
        reset_to: v after a spike, where it is reset to a value.
        choices: of a `Discretization`, that spikes and resets need.
    """

    v: str
    i: str | None
    membrane: Affine
    synapse: Affine | None
    threshold: np.ndarray | None = None
    reset_to: np.ndarray | None = None
    choices: dict[str, Any] = field(default_factory=dict)


def solutions(step: StepForms) -> Iterator[Solution]:
    """What a step may be: with two states, either may be the membrane potential."""
    if len(step.states) == 1:
        pairs: list[tuple[str, str | None]] = [(step.states[0], None)]
    elif len(step.states) == 2:
        one, two = step.states
        pairs = [(one, two), (two, one)]
    else:
        return
    for v, i in pairs:
        current = None if i is None else step.results[STATE + i]
        if current is not None and (current.indicators or STATE + v in current.base):
            continue  # no NIR neuron resets its current, or lets v act on it
        found = _solved(step, v, i, None if current is None else current.base)
        if found is not None:
            yield found


def _solved(step: StepForms, v: str, i: str | None, synapse: Affine | None) -> Solution | None:
    old, new, y = _atom(v), step.results[STATE + v], step.results[OUTPUT]
    membrane = new.base
    if not y.indicators:  # no spikes
        late = same(y, old)
        if new.indicators or not (late or same(y, new)):
            return None
        # Late output is legal only where nothing is reset.
        choices = {"output": "old", "reset": "none"} if late else {}
        return Solution(v, i, membrane, synapse, choices=choices)
    number = single_indicator(y)
    spikes = None if number is None else step.indicators[number]
    if number is None or spikes is None or spikes.above is None:
        return None
    choices: dict[str, Any] = {"threshold": "ge"} if spikes.at_zero else {}
    resets = sorted(new.indicators)
    if not resets or (resets == [number] and threshold_of(spikes.above, old) is None):
        integrated = Form({NONE: membrane})
        threshold, late = threshold_of(spikes.above, integrated), False
        if threshold is None and not resets:
            threshold, late = threshold_of(spikes.above, old), True
        if threshold is None:
            return None
        choices |= {"output": "old"} if late else {}
        if not resets:
            return Solution(
                v, i, membrane, synapse, threshold, choices={**choices, "reset": "none"}
            )
        return _with_reset(
            Solution(v, i, membrane, synapse, threshold, choices=choices), new, number, ("same",)
        )
    if len(resets) != 1:
        return None
    before = step.indicators[resets[0]]
    if before.above is None or before.at_zero is not spikes.at_zero:
        return None
    due = threshold_of(before.above, old)
    if due is None:
        return None
    if resets == [number]:
        threshold, choices = due, {**choices, "output": "old"}
    else:
        threshold = threshold_of(spikes.above, new)
        if threshold is None or not close(threshold, due):
            return None
    own = Solution(v, i, membrane, synapse, due, choices=choices)
    return _with_reset(own, new, resets[0], ("next", "next-leaked"))


def _with_reset(own: Solution, new: Form, number: int, times: tuple[str, ...]) -> Solution | None:
    """The solution with its reset, if it is one of NIR's.

    Arguments:
        new: v after the step.
        number: of the indicator by which it is reset.
        times: what `reset_when` may be.
    """
    assert own.threshold is not None
    product = frozenset({number})
    if set(new.terms) - {NONE, product}:
        return None
    change = Form({NONE: new.terms[product]})
    leak = own.membrane.get(STATE + own.v, np.zeros(()))
    for when in times:
        leaked = when == "next-leaked"
        kept = leak if leaked else np.ones(())
        choices = {**own.choices, **({} if when == "same" else {"reset_when": when})}
        drop = change.number
        if drop is not None:
            if close(drop, -kept * own.threshold):
                return _changed(own, None, {**choices, "reset": "subtract"})
            continue
        # v_reset takes the place of what v would be: of all of it, or of the old v in it.
        replaced = Form({NONE: {STATE + own.v: leak} if leaked else own.membrane})
        left = (change + replaced).number
        if left is not None and (kept != 0).all():
            return _changed(own, left / kept, choices)
    return None


def _changed(own: Solution, reset_to: np.ndarray | None, choices: dict[str, Any]) -> Solution:
    return Solution(own.v, own.i, own.membrane, own.synapse, own.threshold, reset_to, choices)


def _atom(name: str) -> Form:
    return Form({NONE: {STATE + name: np.ones(())}})
