"""A diagnosis in sentences: "lif1 subtracts the threshold one step late"."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from nirx.diagnosis.result import Candidate, Diagnosis, NodeDiagnosis
from nirx.tables import cell

__all__ = ["best_text", "choices_text", "explanation", "open_text"]

PHRASES: Mapping[tuple[str, Any], str] = {
    ("integrator", "euler"): "leaks by forward Euler",
    ("integrator", "exponential"): "leaks exponentially",
    ("threshold", "gt"): "spikes above the threshold only",
    ("threshold", "ge"): "spikes at the threshold already",
    ("spikes", "single"): "spikes at most once a step",
    ("spikes", "multi"): "spikes several times a step",
    ("output", "new"): "puts out what follows from the new membrane potential",
    ("output", "old"): "puts out what follows from the membrane potential before the step",
    ("synapse", "current-first"): "moves its membrane with the new current",
    ("synapse", "voltage-first"): "moves its membrane with the current before the step",
    ("synapse_input", "scaled"): "scales its input by the synapse's decay",
    ("synapse_input", "jump"): "adds its input to the current after the decay",
    ("synapse_input", "jump-then-decay"): "adds its input to the current before the decay",
    ("initial_v", "zero"): "starts at 0",
    ("initial_v", "leak"): "starts at v_leak",
    ("feedback", "back-edges"): "gets late what comes back along a loop",
    ("feedback", "component"): "gets late what any neuron of its loop puts out",
    ("feedback_initial", "silent"): "gets a silent network's feedback in the first step",
    ("feedback_initial", "zero"): "gets no feedback in the first step",
}
RESETS: Mapping[tuple[str | None, str | None], str] = {
    ("value", "same"): "is set to v_reset in the step of the spike",
    ("value", "next"): "is set to v_reset one step late",
    ("value", "next-leaked"): "is set to v_reset one step late, before the leak",
    ("subtract", "same"): "subtracts the threshold in the step of the spike",
    ("subtract", "next"): "subtracts the threshold one step late",
    ("subtract", "next-leaked"): "subtracts the threshold one step late, before the leak",
    ("none", "same"): "is never reset",
    ("value", None): "is set to v_reset",
    ("subtract", None): "subtracts the threshold",
    ("none", None): "is never reset",
    (None, "same"): "is reset in the step of the spike",
    (None, "next"): "is reset one step late",
    (None, "next-leaked"): "is reset one step late, before the leak",
}
RESET = ("reset", "reset_when")
TOGETHER = {"reset": RESET, "reset_when": RESET, "max_spikes": ("spikes", "max_spikes")}


def explanation(diagnosis: Diagnosis) -> Iterator[str]:
    """Sentences, one line each: every node, then the graph as a whole."""
    for node in diagnosis.nodes:
        yield from _of_node(node)
    differing = [c for c in diagnosis.confirmed if c.differing]
    if not differing:
        yield "a free run of the whole graph confirms it: every recording is reproduced"
        return
    for own in differing:
        yield (
            f"in a free run of the whole graph {cell(own.key)} differs in {own.differing} of "
            f"{own.elements} places, first at {cell(own.first_divergence)}"
        )


def _of_node(node: NodeDiagnosis) -> Iterator[str]:
    name, best = str(cell(node.node)), node.best
    if not best.explains_all:
        yield f"no candidate explains {name}; the best one fails first at " + str(
            cell(f"{best.first_divergence} (the recording against nirx)")
        )
    settled = [n for n in best.changes if n in node.pinned or _required(node, n)]
    for names in dict.fromkeys(TOGETHER.get(n, (n,)) for n in settled):
        certain = [n for n in names if n in node.pinned or n in settled]
        found = {n: best.choices[n] for n in certain}
        asked = {n: node.asked[n] for n in certain}
        nearest = "" if best.explains_all else "the best one so far: "
        yield (
            f"{nearest}{name} {_phrase(found)} ({choices_text(found)}); "
            f"you asked for {choices_text(asked)}"
        )
    if best.explains_all and not settled:
        yield f"{name} does what you asked for" + (", as far as was recorded" * bool(node.open))
    if best.shift:
        late = "late" if best.shift > 0 else "early"
        steps = "step" if abs(best.shift) == 1 else "steps"
        yield f"the recording of {name} is {abs(best.shift)} {steps} {late}"
    if (best.scale, best.offset) != (1.0, 0.0):
        yield f"the membrane of {name} is recorded as {best.scale:g}*v + {best.offset:g}"
    if node.silent:
        yield f"{name} never spikes: the recording says nothing about threshold and reset"
    if node.open:
        yield f"left open for {name}: " + "; ".join(open_text(node))
    if node.searched_with:
        others = ", ".join(str(cell(n)) for n in node.searched_with)
        yield f"{name} shares its rule with {others}: not recorded, so searched together with it"


def _required(node: NodeDiagnosis, name: str) -> bool:
    """Whether the value asked for is not among those left open."""
    return node.asked[name] not in node.possible[name]


def _phrase(choices: Mapping[str, Any]) -> str:
    if "reset" in choices or "reset_when" in choices:
        return RESETS[choices.get("reset"), choices.get("reset_when")]
    if "max_spikes" in choices:
        most = choices["max_spikes"]
        return (
            "spikes any number of times a step" if most is None else f"spikes {most} times at most"
        )
    if "dt" in choices:
        return f"steps by {choices['dt']:g}"
    return PHRASES[next(iter(choices.items()))]


def choices_text(choices: Mapping[str, Any]) -> str:
    """`"reset='subtract', reset_when='next'"`."""
    return ", ".join(f"{name}={value!r}" for name, value in choices.items())


def open_text(node: NodeDiagnosis) -> list[str]:
    """`"threshold: 'gt' or 'ge'"` for every choice that the recording leaves open."""
    return [f"{name}: {' or '.join(map(repr, values))}" for name, values in node.open.items()]


def best_text(candidate: Candidate) -> str:
    """What a candidate changes, or that it is as asked for."""
    return choices_text({n: candidate.choices[n] for n in candidate.changes}) or "as asked for"
