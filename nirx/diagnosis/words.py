"""A diagnosis in sentences: "lif1 subtracts the threshold one step late"."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from nirx.basics.printable import printable
from nirx.diagnosis.result import Candidate, Confirmed, Diagnosis, NodeDiagnosis

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
ASKED = "you asked for"
ENOUGH = 0.9
"""Part of the spikes that has to be explained before a mechanism is told."""
COARSE = 0.1
"""Of a trace's largest magnitude: what is off by more was not merely recorded coarsely."""
TOGETHER = {"reset": RESET, "reset_when": RESET, "max_spikes": ("spikes", "max_spikes")}


def explanation(diagnosis: Diagnosis) -> Iterator[str]:
    """Sentences, one line each: every node, then the graph as a whole."""
    asked = ASKED if diagnosis.given else "the default is"
    for node in diagnosis.nodes:
        if diagnosis.explained and not node.best.explains_all:
            yield _by_free_run(node, diagnosis.confirmed)
            yield from _settled(node, asked, "as the free run has it: ")
        else:
            yield from _of_node(node, asked)
    differing = [c for c in diagnosis.confirmed if c.differing]
    if diagnosis.explained:
        yield "a free run of the whole graph confirms it: every recording is reproduced"
    elif not differing:
        yield (
            "in a free run of the whole graph nothing differs, but the recordings are so late or "
            "early that too little of them could be compared"
        )
    for own in differing:
        yield (
            f"in a free run of the whole graph {printable(own.key)} differs in {own.differing} of "
            f"{own.elements} places, first at {printable(own.first_divergence)}"
        )


def _of_node(node: NodeDiagnosis, you_asked: str) -> Iterator[str]:
    name, best = printable(node.node), node.best
    if not best.explains_all:
        trouble = _trouble(node, name)
        first = printable(f"{best.first_divergence} (the recording against nirx)")
        if trouble:
            yield trouble
            yield f"{name} differs first at {first}"
            return
        yield f"no candidate explains {name}; the best one fails first at {first}"
        yield from _off(node, name)
    nearest = "" if best.explains_all else "the best one so far: "
    if node.by_spikes:
        nearest = "by its spikes: "
    if best.shift:
        yield f"{nearest}the recording of {name} is {_time(best.shift)}"
    settled = yield from _settled(node, you_asked, nearest)
    if best.explains_all and not settled:
        does = "does what you asked for" if you_asked == ASKED else "does what the default says"
        yield f"{name} {does}" + (", as far as was recorded" * bool(node.open))
    if not node.silent:
        yield from _alternatives(node, name)
    if (best.scale, best.offset) != (1.0, 0.0):
        yield f"the membrane of {name} is recorded as {best.scale:g}*v + {best.offset:g}"
    if node.silent:
        yield f"{name} never spikes: the recording says nothing about threshold and reset"
    if node.settles and open_text(node):
        yield f"left open for {name}: " + "; ".join(open_text(node))
    if node.searched_with:
        others = ", ".join(printable(n) for n in node.searched_with)
        yield f"{name} shares its rule with {others}: not recorded, so searched together with it"


def _settled(
    node: NodeDiagnosis, you_asked: str, nearest: str
) -> Generator[str, None, Sequence[str]]:
    """What the best candidate changes that no other one at its shift has as asked for."""
    name, best = printable(node.node), node.best
    possible = node.at_best_shift
    settled = [n for n in best.changes if node.asked[n] not in possible[n]]
    for names in dict.fromkeys(TOGETHER.get(n, (n,)) for n in settled):
        certain = [n for n in names if n in settled or len(possible.get(n, ())) == 1]
        found = {n: best.choices[n] for n in certain}
        asked = {n: node.asked[n] for n in certain}
        yield (
            f"{nearest}{name} {_phrase(found)} ({choices_text(found)}); "
            f"{you_asked} {choices_text(asked)}"
        )
    return settled


def _by_free_run(node: NodeDiagnosis, confirmed: Sequence[Confirmed]) -> str:
    """What to say of a node that only the free run reproduces."""
    first = printable(f"{node.best.first_divergence} (the recording against nirx)")
    shifts = {c.shift: None for c in confirmed}
    if list(shifts) == [0]:
        why = "its input was not recorded exactly"
    elif len(shifts) == 1:
        why = f"its input was not recorded on time (every recording is {_time(next(iter(shifts)))})"
    else:
        each = "; ".join(f"{printable(c.key)} is {_time(c.shift)}" for c in confirmed)
        why = f"its input was not recorded on time ({each})"
    return (
        f"driven by its recorded input {printable(node.node)} fails first at {first}, but the "
        f"free run reproduces it: {why}"
    )


def _off(node: NodeDiagnosis, name: str) -> Iterator[str]:
    """By how much v and i are off, and what may be done about it."""
    best = node.best
    if best.samples_within == best.samples:
        return
    judged = f"; {name} is judged by its spikes, which are all explained" * node.by_spikes
    states = [key for key in node.recorded if key.endswith((".v", ".i"))]
    what = " or ".join(map(printable, states or node.recorded))
    yield f"{what} is off by up to {_coarse(best)}{judged}"


def _coarse(best: Candidate) -> str:
    """`"0.002 times the largest value; if it was recorded so coarsely, ..."`."""
    if best.tolerance_needed > COARSE:
        return f"{best.tolerance_needed:.2g} times the largest value"
    wanted = float(np.format_float_scientific(1.1 * best.tolerance_needed, precision=1))
    return (
        f"{best.tolerance_needed:.2g} times the largest value; if it was recorded so coarsely, "
        f"say so with tolerance={wanted:g} (--tolerance)"
    )


def _trouble(node: NodeDiagnosis, name: str) -> str:
    """What to say where so little is explained that its choices say nothing."""
    best = node.best
    if best.spikes and not node.recorded_spikes:
        return (
            f"the recording of {name} has no spikes at all, where the best rule gives "
            f"{best.spikes:,}"
        )
    if _share(best) >= ENOUGH:
        return ""
    done, whole, what = best.spikes_matched, best.spikes, "spikes"
    if not best.spikes:
        done, whole, what = best.samples_within, best.samples, "samples"
    return (
        f"no rule explains {name}: the best one explains {done:,} of {whole:,} {what}; "
        "is the input, the graph, the dt (--dt) or the unit right?"
        + f" it is off by up to {_coarse(best)}"
        * (what == "samples")
    )


def _share(best: Candidate) -> float:
    """The part of the spikes that a candidate explains; of the samples where there are none."""
    if best.spikes:
        return best.spikes_matched / best.spikes
    return best.samples_within / best.samples if best.samples else 1.0


def _alternatives(node: NodeDiagnosis, name: str) -> Iterator[str]:
    """What explains as much if the recording is later or earlier."""
    tell = f"{node.node}.v"
    hint = "" if tell in node.recorded or "output" not in node.asked else f"; record {tell} to tell"
    for shift, choices in node.alternatives.items():
        own = choices_text(node.changes(choices))
        does = f"with {own}" if own else "as asked for"
        far = ""
        if abs(shift) > node.max_shift:
            far = f"; to search that far, say max_shift={abs(shift)} (--max-shift)"
        yield f"or: {name} {does}, its recording {_time(shift)}{far}{printable(hint)}"


def _time(shift: int) -> str:
    """`"1 step late"`."""
    if not shift:
        return "on time"
    steps = "step" if abs(shift) == 1 else "steps"
    return f"{abs(shift)} {steps} {'late' if shift > 0 else 'early'}"


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
    """`"threshold: 'gt' or 'ge'"` for every choice left open at the shift of the best one."""
    return [
        f"{name}: {' or '.join(map(repr, values))}"
        for name, values in node.at_best_shift.items()
        if len(values) > 1
    ]


def best_text(candidate: Candidate) -> str:
    """What a candidate changes, or that it is as asked for."""
    return choices_text({n: candidate.choices[n] for n in candidate.changes}) or "as asked for"
