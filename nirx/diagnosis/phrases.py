"""What each choice of a discretization means, as the end of a sentence: "lif1 is never reset"."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["PHRASES", "RESETS", "choices_text", "phrase", "time_text"]

PHRASES: Mapping[tuple[str, Any], str] = {
    ("integrator", "euler"): "integrates with forward Euler",
    ("integrator", "exponential"): "integrates exponentially",
    ("threshold", "gt"): "spikes only above the threshold",
    ("threshold", "ge"): "spikes at the threshold too",
    ("spikes", "single"): "spikes at most once per step",
    ("spikes", "multi"): "may spike several times per step",
    ("output", "new"): "computes its output from the new membrane potential",
    ("output", "old"): "computes its output from the membrane potential before the step",
    ("synapse", "current-first"): "updates its membrane with the new synaptic current",
    ("synapse", "voltage-first"): "updates its membrane with the synaptic current before the step",
    ("synapse_input", "scaled"): "scales its input by the synaptic decay",
    ("synapse_input", "jump"): "adds its input to the synaptic current after the decay",
    ("synapse_input", "jump-then-decay"): "adds its input to the synaptic current before the decay",
    ("initial_v", "zero"): "starts at 0",
    ("initial_v", "leak"): "starts at v_leak",
    ("feedback", "back-edges"): "receives loop feedback one step late",
    ("feedback", "component"): "receives the output of every neuron in its loop one step late",
    ("feedback_initial", "silent"): "receives a silent network's feedback in the first step",
    ("feedback_initial", "zero"): "receives no feedback in the first step",
}
RESETS: Mapping[tuple[str | None, str | None], str] = {
    ("value", "same"): "is reset to v_reset in the step of the spike",
    ("value", "next"): "is reset to v_reset one step late",
    ("value", "next-leaked"): "is reset to v_reset one step late, before the leak",
    ("subtract", "same"): "subtracts the threshold in the step of the spike",
    ("subtract", "next"): "subtracts the threshold one step late",
    ("subtract", "next-leaked"): "subtracts the threshold one step late, before the leak",
    ("none", "same"): "is never reset",
    ("value", None): "is reset to v_reset",
    ("subtract", None): "subtracts the threshold",
    ("none", None): "is never reset",
    (None, "same"): "is reset in the step of the spike",
    (None, "next"): "is reset one step late",
    (None, "next-leaked"): "is reset one step late, before the leak",
}


def phrase(choices: Mapping[str, Any]) -> str:
    """Choices that belong together: `"subtracts the threshold one step late"`."""
    if "reset" in choices or "reset_when" in choices:
        return RESETS[choices.get("reset"), choices.get("reset_when")]
    if "max_spikes" in choices:
        most = choices["max_spikes"]
        limit = "any number of times" if most is None else f"at most {most} times"
        return f"spikes {limit} per step"
    if "dt" in choices:
        return f"has time steps of {choices['dt']:g}"
    return PHRASES[next(iter(choices.items()))]


def choices_text(choices: Mapping[str, Any]) -> str:
    """`"reset='subtract', reset_when='next'"`."""
    return ", ".join(f"{name}={value!r}" for name, value in choices.items())


def time_text(shift: int) -> str:
    """`"1 step late"`."""
    if not shift:
        return "on time"
    steps = "step" if abs(shift) == 1 else "steps"
    return f"{abs(shift)} {steps} {'late' if shift > 0 else 'early'}"
