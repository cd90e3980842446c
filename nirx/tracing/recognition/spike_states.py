"""States that no NIR neuron has, but that say nothing new: the last spikes, and what nobody reads.

A neuron that keeps its spikes, and resets by them in the next step, decides on the old membrane
potential: the kept spikes are 1 where that is above the threshold.
"""

from __future__ import annotations

import numpy as np

from nirx.dynamics.neuron_node import Neuron
from nirx.dynamics.program import OUTPUT, STATE
from nirx.tracing.recognition.forms import NONE, Form, NoForm, constant, threshold_of
from nirx.tracing.recognition.step_forms import StepForms

__all__ = ["drop_unread", "replace_kept_spikes", "single_indicator"]


def drop_unread(step: StepForms) -> None:
    """Remove the states that neither the output nor another state depends on."""
    live: list[str] = []
    waiting = [OUTPUT]
    while waiting:
        for name in _states_of(step, step.results[waiting.pop()]):
            if name not in live:
                live.append(name)
                waiting.append(STATE + name)
    step.results = {
        k: form for k, form in step.results.items() if k == OUTPUT or k[len(STATE) :] in live
    }
    step.states = [name for name in step.states if name in live]


def replace_kept_spikes(node: Neuron, step: StepForms) -> None:
    """Let every kept spike be computed from the old state that it was decided on.

    **Raises**: `NoForm` for a state of 0 and 1 that is none.
    """
    for number, own in enumerate(list(step.indicators)):
        if own.above is None and own.state in step.states:
            new = _decided(node, step, own.state)
            step.replace(number, new)
            step.states.remove(own.state)
            del step.results[STATE + own.state]


def _decided(node: Neuron, step: StepForms, flag: str) -> Form:
    """A kept spike as a condition on old states."""
    number = single_indicator(step.results[STATE + flag])
    decided = None if number is None else step.indicators[number]
    if decided is not None and decided.above is not None:
        for name in step.states:
            value = step.results[STATE + name]
            if name == flag or not value.base:
                continue
            threshold = threshold_of(decided.above, value)
            if threshold is None:
                continue
            start = np.asarray(node.initial[name], np.float64)
            fires = start >= threshold if decided.at_zero else start > threshold
            if (np.asarray(node.initial[flag]) == fires).all():
                old = Form({NONE: {STATE + name: np.ones(())}}) - constant(threshold)
                return step.indicator(old, decided.at_zero)
    raise NoForm(f"its state {flag} is not whether another state spiked")


def single_indicator(form: Form) -> int | None:
    """The number of the indicator that a form is, or None."""
    if len(form.terms) != 1 or not form.is_indicator:
        return None
    (product,) = form.terms
    return next(iter(product)) if len(product) == 1 else None


def _states_of(step: StepForms, form: Form) -> list[str]:
    """Names of the states that a form depends on."""
    names = [a[len(STATE) :] for terms in form.terms.values() for a in terms if a.startswith(STATE)]
    for number in sorted(form.indicators):
        own = step.indicators[number]
        names += [own.state] if own.above is None else _states_of(step, own.above)
    return names
