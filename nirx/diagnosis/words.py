"""A diagnosis as text: tables of the candidates, then sentences that say what a node does."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from rich.table import Table

from nirx.basics.printable import printable
from nirx.basics.tables import MOST_ROWS, cell
from nirx.diagnosis.gains import AS_IS
from nirx.diagnosis.node_diagnosis import Candidate, NodeDiagnosis
from nirx.diagnosis.phrases import choices_text, phrase, time_text

if TYPE_CHECKING:
    from nirx.diagnosis.result import Confirmed, Diagnosis

__all__ = ["diagnosis_table", "explanation"]

ENOUGH = 0.9
"""Fraction of the spikes that has to be explained before a mechanism is named."""
COARSE = 0.1
"""Relative to a trace's largest magnitude: a larger deviation is not just a coarse recording."""
RESET = ("reset", "reset_when")
TOGETHER = {"reset": RESET, "reset_when": RESET, "max_spikes": ("spikes", "max_spikes")}
"""Choices that share a phrase."""


def diagnosis_table(diagnosis: Diagnosis, top: int = 5) -> list[Table | str]:
    """One table per node with at most `top` candidates, then the explanation."""
    parts: list[Table | str] = [_node_table(node, top) for node in diagnosis.nodes[:MOST_ROWS]]
    if len(diagnosis.nodes) > MOST_ROWS:
        parts.append(f"... and {len(diagnosis.nodes) - MOST_ROWS} more nodes")
    timing = diagnosis.events.sentences() if diagnosis.events else ()
    notes = (printable(note) for note in (*timing, *diagnosis.notes))
    return [*parts, *explanation(diagnosis), *notes]


def _node_table(node: NodeDiagnosis, top: int) -> Table:
    title = f"{node.node} ({node.type_name}), by {', '.join(node.recorded)}"
    if (equal := len(node.indistinguishable)) > 1:
        title += f": {equal} candidates explain it equally well"
    table = Table(title=cell(title), title_justify="left")
    for header in ("#", "changes", "spikes", "trace", "shift"):
        table.add_column(header, justify="left" if header == "changes" else "right")
    fitted = any((c.scale, c.offset) != (1.0, 0.0) for c in node.candidates[:top])
    if gained := any(c.gain != AS_IS for c in node.candidates[:top]):
        table.add_column("gain")
    if fitted:
        table.add_column("v recorded as")
    for number, own in enumerate(node.candidates[:top], start=1):
        changes = choices_text({n: own.choices[n] for n in own.changes}) or "as asked for"
        trace = f"{own.samples_within / own.samples:.2%}" if own.samples else "-"
        row = [str(number), cell(changes), _spikes(own), trace, f"{own.shift:+d}"]
        if gained:
            row.append(cell(own.gain.text() or "-"))
        if fitted:
            row.append(f"{own.scale:.6g}*v + {own.offset:.6g}")
        table.add_row(*row)
    return table


def _spikes(own: Candidate) -> str:
    if not own.spikes:
        return "none" if not own.samples else "-"
    return f"{own.spikes_matched:,}/{own.spikes:,}"


def explanation(diagnosis: Diagnosis) -> Iterator[str]:
    """Sentences, one line each: every node, then the graph as a whole."""
    given = diagnosis.given
    if diagnosis.arithmetic is not None:
        yield from diagnosis.arithmetic.sentences
    for node in diagnosis.nodes:
        if diagnosis.explained and not node.best.explains_all:
            yield _by_free_run(node, diagnosis.confirmed)
            yield from _changed(node, given, "according to the free run: ")
        else:
            yield from _of_node(node, given)
    differing = [c for c in diagnosis.confirmed if c.differing]
    if diagnosis.explained_by_gains:
        yield (
            "with these gains, a free run of the whole graph reproduces every recording; without "
            "them it does not: does your graph have the gain that the other side has?"
        )
    elif diagnosis.explained:
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


def _of_node(node: NodeDiagnosis, given: bool) -> Iterator[str]:
    name, best = printable(node.node), node.best
    hedge = ""
    if best.gain != AS_IS:
        it = "it" if best.explains_all else "by its spikes it"
        yield f"no rule alone explains {name}; {it} fits with {best.gain.text()}"
        if several := best.gain.range_text():
            hint = f"; record {name}.v for the exact one" * (f"{node.node}.v" not in node.recorded)
            yield f"{name}: {several} explains its spikes{hint}"
    if not best.explains_all:
        if trouble := _trouble(node, name):
            yield trouble
            yield f"{name} first differs at {_first(best)}"
            return
        yield f"no candidate explains {name}; the best one first fails at {_first(best)}"
        yield from _deviation(node, name)
        hedge = "the best one so far: "
    if node.by_spikes:
        hedge = "by its spikes: "
    if best.shift:
        yield f"{hedge}the recording of {name} is {time_text(best.shift)}"
    changed = yield from _changed(node, given, hedge)
    if best.explains_all and not changed:
        does = "does what you asked for" if given else "does what the default says"
        besides = "but for that, " if best.gain != AS_IS else ""
        yield f"{besides}{name} {does}" + ", as far as the recording tells" * bool(node.open)
    if not node.silent:
        yield from _alternatives(node, name)
    if (best.scale, best.offset) != (1.0, 0.0):
        yield f"the membrane potential of {name} is recorded as {best.scale:g}*v + {best.offset:g}"
    if node.silent:
        yield f"{name} never spikes: the recording says nothing about threshold and reset"
    left = [
        f"{choice}: {' or '.join(map(repr, values))}"
        for choice, values in node.at_best_shift.items()
        if len(values) > 1
    ]
    if node.settles and left:
        yield f"left open for {name}: " + "; ".join(left)
    if node.searched_with:
        others = ", ".join(printable(n) for n in node.searched_with)
        yield f"{name} shares its rule with {others}: not recorded, so searched together with it"


def _changed(node: NodeDiagnosis, given: bool, hedge: str) -> Generator[str, None, Sequence[str]]:
    """The changes that every candidate at the best shift makes; returns their names."""
    name, best = printable(node.node), node.best
    possible = node.at_best_shift
    changed = [n for n in best.changes if node.asked[n] not in possible[n]]
    for names in dict.fromkeys(TOGETHER.get(n, (n,)) for n in changed):
        certain = [n for n in names if n in changed or len(possible.get(n, ())) == 1]
        found = {n: best.choices[n] for n in certain}
        asked = choices_text({n: node.asked[n] for n in certain})
        yield (
            f"{hedge}{name} {phrase(found)} ({choices_text(found)}); "
            f"{'you asked for' if given else 'the default is'} {asked}"
        )
    return changed


def _first(best: Candidate) -> str:
    return printable(f"{best.first_divergence} (the recording against nirx)")


def _by_free_run(node: NodeDiagnosis, confirmed: Sequence[Confirmed]) -> str:
    """For a node that only the free run reproduces."""
    shifts = list(dict.fromkeys(c.shift for c in confirmed))
    if shifts == [0]:
        why = "exactly"
    elif len(shifts) == 1:
        why = f"on time (every recording is {time_text(shifts[0])})"
    else:
        each = "; ".join(f"{printable(c.key)} is {time_text(c.shift)}" for c in confirmed)
        why = f"on time ({each})"
    return (
        f"driven by its recorded input, {printable(node.node)} first fails at "
        f"{_first(node.best)}, but the free run reproduces it: its input was not recorded {why}"
    )


def _deviation(node: NodeDiagnosis, name: str) -> Iterator[str]:
    """How far off v and i are, and what to do about it."""
    best = node.best
    if best.samples_within == best.samples:
        return
    basis = f"; {name} is judged by its spikes, which are all explained" * node.by_spikes
    states = [key for key in node.recorded if key.endswith((".v", ".i"))]
    keys = " or ".join(map(printable, states or node.recorded))
    yield f"{keys} is off by up to {_coarse(best)}{basis}"


def _coarse(best: Candidate) -> str:
    """`"0.002 times the largest value; if it was recorded so coarsely, ..."`."""
    size = f"{best.tolerance_needed:.2g} times the largest value"
    if best.tolerance_needed > COARSE:
        return size
    wanted = float(np.format_float_scientific(1.1 * best.tolerance_needed, precision=1))
    return f"{size}; if it was recorded so coarsely, set tolerance={wanted:g} (--tolerance)"


def _trouble(node: NodeDiagnosis, name: str) -> str:
    """For a node of which so little is explained that its choices say nothing; else empty."""
    best = node.best
    if best.spikes and not node.recorded_spikes:
        return (
            f"the recording of {name} has no spikes at all, where the best rule gives "
            f"{best.spikes:,}"
        )
    done, whole, what, off = best.spikes_matched, best.spikes, "spikes", ""
    if not best.spikes:
        done, whole, what = best.samples_within, best.samples, "samples"
        off = f"; it is off by up to {_coarse(best)}"
    if not whole or done / whole >= ENOUGH:
        return ""
    return (
        f"no rule explains {name}: the best one explains {done:,} of {whole:,} {what}; "
        f"check the input, the graph, the dt (--dt) and the unit{off}"
    )


def _alternatives(node: NodeDiagnosis, name: str) -> Iterator[str]:
    """What explains as much if the recording is later or earlier."""
    state = f"{node.node}.v"
    hint = f"; record {state} to tell" * (state not in node.recorded and "output" in node.asked)
    for shift, choices in node.alternatives.items():
        own = choices_text(node.changes(choices))
        does = f"with {own}" if own else "as asked for"
        far = ""
        if abs(shift) > node.max_shift:
            far = f"; to search that far, set max_shift={abs(shift)} (--max-shift)"
        yield f"or: {name} {does}, its recording {time_text(shift)}{far}{printable(hint)}"
