"""`Explanation`: how far a backend is from the expectation, where it first diverges, and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

import nirx
from nirx.comparison.divergence import Divergence, find_first
from nirx.comparison.ulp import same_bits, ulp_distance
from nirx_conformance import oracle
from nirx_conformance.oracle.agreement import largest, node_scales

__all__ = ["Difference", "Explanation", "explain"]

Cause = Literal["rounding", "meaning"]

NEAR = 64
"""ULP of a node's largest magnitude that rounding alone may add up to in one step."""

BINS = (0, 1, 4, 16, 64, 1024, 2**20)
"""Lower ends of the histogram's bins in ULP; the last bin is open."""


@dataclass(frozen=True)
class Difference:
    """The first place where a backend diverges from the expectation.

    Arguments:
        step, node, index: time step, recording, place in [*batch, *features].
        expected, found: the two values.
        inputs: the node's input at that place, (expected, found); None where its input has
            another shape than its output.
        same_input: whether the whole input of the node was the same on both sides, so that the
            node itself causes the difference; None where it was not recorded.
        margin: for a spike: how far the oracle's v was from the threshold.
        cause: rounding, or different semantics.
    """

    step: int
    node: str
    index: tuple[int, ...]
    expected: float
    found: float
    inputs: tuple[float, float] | None
    same_input: bool | None
    margin: float | None
    cause: Cause

    def __str__(self) -> str:
        place = ", ".join(map(str, self.index))
        end = "" if self.margin is None else f", {self.margin:.3g} from the threshold"
        text = (
            f"step {self.step}, {self.node}[{place}]: expected {self.expected!r}, found "
            f"{self.found!r}{end}; a difference in {self.cause}"
        )
        if self.same_input:
            return f"{text}, on the same input"
        if self.same_input is None:
            return text
        if self.inputs is None:
            return f"{text}; its input already differs"
        return f"{text}; its input was {self.inputs[1]!r}, expected {self.inputs[0]!r}"


@dataclass(frozen=True)
class Explanation:
    """A comparison of all recordings.

    Arguments:
        bitwise: whether every number is the expected one, rounded to the run's dtype.
        histogram: how many numbers are how many ULP away, one count per bin of `BINS`.
        spike_mismatches: spikes that only one side has.
        excused_at: the first step in which a spike differs that rounding may decide.
        first: where it first diverges at all, within the tolerance or not.
        beyond: where it first diverges by more than the tolerance.
    """

    bitwise: bool
    histogram: tuple[int, ...]
    spike_mismatches: int
    excused_at: int | None
    first: Difference | None
    beyond: Difference | None = None

    @property
    def worst(self) -> Difference | None:
        """What to show of a failure: the first difference beyond the tolerance, else the first."""
        return self.beyond or self.first


def explain(
    expected: oracle.OracleResult,
    found: Mapping[str, Any],
    dtype: str,
    schedule: nirx.Schedule,
    excused_at: int | None = None,
    tolerance: float = 1e-11,
) -> Explanation:
    """Compare recordings with the oracle's, number by number.

    Arguments:
        found: `record="all"`, keyed by text, in the shapes of the expected ones.
        dtype: of the run; expected numbers are rounded to it.
        schedule: of the graph; within a step, the node that comes first in it diverges first.
        excused_at: as in `Explanation`.
        tolerance: of values, relative to the largest magnitude of their node.
    """
    scales = node_scales(expected.recordings)
    counts = np.zeros(len(BINS), np.int64)
    mismatches = 0
    marked: list[tuple[str, np.ndarray, np.ndarray, np.ndarray]] = []
    for key in _in_order(expected.recordings, expected.margins, schedule):
        ours = expected.recordings[key].astype(dtype)
        theirs = np.asarray(found[key]).astype(dtype)
        if ours.shape != theirs.shape:
            continue
        differ = ~same_bits(ours, theirs)
        counts += np.histogram(ulp_distance(ours, theirs), [*(b - 0.5 for b in BINS), np.inf])[0]
        mismatches += int(differ.sum()) if key in expected.margins else 0
        marked.append((key, differ, ours, theirs))

    def far(key: str, differ: np.ndarray, ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
        limit = 0.0 if key in expected.margins else tolerance * scales[key]
        with np.errstate(invalid="ignore"):
            return differ & ~(np.abs(ours - theirs) <= limit)

    beyond = [(key, far(key, differ, a, b), a, b) for key, differ, a, b in marked]
    places = find_first(marked), find_first(beyond)
    return Explanation(
        not counts[1:].any(),
        tuple(int(n) for n in counts),
        mismatches,
        excused_at,
        *(_difference(at, expected, found, dtype, schedule, tolerance == 0) for at in places),
    )


def _in_order(keys: Iterable[str], spiking: Iterable[str], schedule: nirx.Schedule) -> list[str]:
    """Recordings in the order of a step: i, then output, then the v that a spike resets."""
    places = {name: position for position, name in enumerate(schedule.order)}

    def rank(key: str) -> tuple[int, int, str]:
        state = key not in places
        node = key[:-2] if state else key
        after = state and key.endswith(".v") and node in spiking
        return places[node], 2 if after else int(not state), key

    return sorted(keys, key=rank)


def _difference(
    at: Divergence | None,
    expected: oracle.OracleResult,
    found: Mapping[str, Any],
    dtype: str,
    schedule: nirx.Schedule,
    exact: bool,
) -> Difference | None:
    if at is None:
        return None
    ours = expected.recordings[at.node].astype(dtype)
    margin = None
    if at.node in expected.margins:
        margin = float(expected.margins[at.node][(at.step, *at.index)])
    limit = NEAR * float(np.spacing(np.asarray(largest(ours), dtype)))
    near = abs(at.reference - at.other) <= limit if margin is None else margin <= limit
    if exact and margin == 0:
        near = False  # numbers that are exact in binary: v is at the threshold on both sides
    before = _input(at.node, at.step, expected.recordings, schedule)
    after = _input(at.node, at.step, found, schedule)
    inputs, same = None, None
    if before is not None and after is not None:
        same = bool(same_bits(before.astype(dtype), after.astype(dtype)).all())
        if before.shape == after.shape == ours.shape[1:]:
            inputs = float(before[at.index]), float(after[at.index])
    return Difference(
        *(at.step, at.node, at.index, at.reference, at.other, inputs, same, margin),
        "rounding" if near else "meaning",
    )


def _input(
    key: str, step: int, recordings: Mapping[str, Any], schedule: nirx.Schedule
) -> np.ndarray | None:
    """The input of a node at a step; None where the recordings do not determine it."""
    names = list(schedule.order)
    node = schedule.nodes[names.index(key if key in names else key[:-2])]
    terms = []
    for source in node.sources:
        at = step - 1 if source.late else step
        name = names[source.position]
        if at < 0 or name not in recordings:  # nothing is recorded before the first step
            return None
        terms.append(np.asarray(recordings[name])[at])
    return np.asarray(sum(terms[1:], terms[0])) if terms else None
