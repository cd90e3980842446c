"""What each choice of a discretization means, as the end of a sentence: "lif1 is never reset"."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["PHRASES", "choices_text", "phrase", "time_text"]

PHRASES: Mapping[tuple[str, Any], str] = {
    ("integrator", "euler"): "integrates with forward Euler",
    ("integrator", "exponential"): "integrates exponentially",
    ("input_gain", "matched"): "scales its input by the fraction that decays in a step",
    ("input_gain", "euler"): "scales its input by dt/tau, as forward Euler does",
    ("threshold", "gt"): "spikes only above the threshold",
    ("threshold", "ge"): "spikes at the threshold too",
    ("reset", "value"): "is reset to v_reset",
    ("reset", "subtract"): "subtracts the threshold",
    ("reset", "none"): "is never reset",
    ("reset_when", "same"): "in the step of the spike",
    ("reset_when", "next"): "one step late",
    ("reset_when", "next-leaked"): "one step late, before the leak",
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


def phrase(choices: Mapping[str, Any]) -> str:
    """Choices that belong together: `"subtracts the threshold one step late"`."""
    if "reset" in choices or "reset_when" in choices:
        how = PHRASES.get(("reset", choices.get("reset")), "is reset")
        when = PHRASES.get(("reset_when", choices.get("reset_when")))
        return how if choices.get("reset") == "none" or not when else f"{how} {when}"
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
