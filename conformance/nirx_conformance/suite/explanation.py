"""`Explanation`: how far a backend is from what was expected, where it first departs, and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

import nirx
from nirx.comparison.ulp import same_bits, ulp_distance
from nirx_conformance import oracle
from nirx_conformance.oracle.agreement import largest, node_scales

__all__ = ["Departure", "Explanation", "explain"]

Cause = Literal["rounding", "meaning"]

NEAR = 64
"""ULP of a node's largest magnitude that rounding alone may bring into one step."""

BINS = (0, 1, 4, 16, 64, 1024, 2**20)
"""Lower ends of the histogram's bins in ULP; the last bin is open."""


@dataclass(frozen=True)
class Departure:
    """The first place where a backend leaves the expectation.

    Arguments:
        step, node, index: time step, recording, place in [*batch, *features].
        expected, found: the two values.
        inputs: what flowed into the node at that place: (expected, found); None where its
            input has another shape than its output.
        same_input: whether all that flowed into the node was the same on both sides, so that
            the difference is the node's own; None where it was not recorded.
        margin: for a spike: how far the oracle's v was from the threshold.
        cause: rounding, or another meaning.
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
            f"{self.found!r}{end}; a difference of {self.cause}"
        )
        if self.same_input:
            return f"{text}, on the same input"
        if self.same_input is None:
            return text
        if self.inputs is None:
            return f"{text}; its input differs already"
        return f"{text}; its input was {self.inputs[0]!r}, found {self.inputs[1]!r}"


@dataclass(frozen=True)
class Explanation:
    """A comparison of all recordings.

    Arguments:
        bitwise: whether every number is the expected one, rounded to the run's dtype.
        histogram: how many numbers are how many ULP away, one count per bin of `BINS`.
        spike_mismatches: spikes that only one side has.
        excused_at: the first step in which rounding may decide on a spike and did.
        first: where it first departs at all, within the tolerance or not.
        beyond: where it first departs by more than the tolerance.
    """

    bitwise: bool
    histogram: tuple[int, ...]
    spike_mismatches: int
    excused_at: int | None
    first: Departure | None
    beyond: Departure | None = None

    @property
    def worst(self) -> Departure | None:
        """What to show of a failure: where it leaves the tolerance, else where it departs."""
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
        schedule: of the graph; of one step, the node that comes first in it departs first.
        excused_at: as in `Explanation`.
        tolerance: of values, relative to the largest magnitude that their node shows.
    """
    counts = np.zeros(len(BINS), np.int64)
    scales = node_scales(expected.recordings)
    mismatches = 0
    first: Any = None
    beyond: Any = None
    for key in _in_order(expected.recordings, expected.margins, schedule):
        ours = expected.recordings[key].astype(dtype)
        theirs = np.asarray(found[key]).astype(dtype)
        if ours.shape != theirs.shape:
            continue
        differ = ~same_bits(ours, theirs)
        distance = ulp_distance(ours, theirs)
        counts += np.histogram(distance, [*(b - 0.5 for b in BINS), np.inf])[0]
        if key in expected.margins:
            mismatches += int(differ.sum())
        first = _earlier(first, key, differ, ours, theirs)
        limit = 0.0 if key in expected.margins else tolerance * scales[key]
        with np.errstate(invalid="ignore"):
            far = differ & ~(np.abs(ours - theirs) <= limit)
        beyond = _earlier(beyond, key, far, ours, theirs)
    return Explanation(
        not counts[1:].any(),
        tuple(int(n) for n in counts),
        mismatches,
        excused_at,
        _departure(first, expected, found, schedule, tolerance == 0),
        _departure(beyond, expected, found, schedule, tolerance == 0),
    )


def _earlier(best: Any, key: str, where: np.ndarray, ours: np.ndarray, theirs: np.ndarray) -> Any:
    places = np.argwhere(where)
    if not len(places) or (best is not None and places[0][0] >= best[1][0]):
        return best
    return key, tuple(int(i) for i in places[0]), ours, theirs


def _in_order(keys: Iterable[str], spiking: Iterable[str], schedule: nirx.Schedule) -> list[str]:
    """Recordings in the order of a step: i, then output, then the v that a spike resets."""
    places = {name: position for position, name in enumerate(schedule.order)}

    def rank(key: str) -> tuple[int, int, str]:
        state = key not in places
        node = key[:-2] if state else key
        after = state and key.endswith(".v") and node in spiking
        return places[node], 2 if after else int(not state), key

    return sorted(keys, key=rank)


def _departure(
    place: tuple[str, tuple[int, ...], np.ndarray, np.ndarray] | None,
    expected: oracle.OracleResult,
    found: Mapping[str, Any],
    schedule: nirx.Schedule,
    exact: bool,
) -> Departure | None:
    if place is None:
        return None
    key, index, ours, theirs = place
    margins = expected.margins.get(key)
    margin = None if margins is None else float(margins[index])
    a, b = float(ours[index]), float(theirs[index])
    limit = NEAR * float(np.spacing(np.asarray(largest(ours), ours.dtype)))
    near = abs(a - b) <= limit if margin is None else margin <= limit
    if exact and margin == 0:
        near = False  # numbers that are exact in binary: v is at the threshold on both sides
    cause: Cause = "rounding" if near else "meaning"
    before = _input(key, index[0], expected.recordings, schedule)
    after = _input(key, index[0], found, schedule)
    inputs, same = None, None
    if before is not None and after is not None:
        same = bool(same_bits(before.astype(ours.dtype), after.astype(ours.dtype)).all())
        if before.shape == after.shape == ours.shape[1:]:
            inputs = float(before[index[1:]]), float(after[index[1:]])
    return Departure(index[0], key, index[1:], a, b, inputs, same, margin, cause)


def _input(
    key: str, step: int, recordings: Mapping[str, Any], schedule: nirx.Schedule
) -> np.ndarray | None:
    """What flowed into a node at a step, as far as the recordings tell."""
    names = list(schedule.order)
    node = schedule.nodes[names.index(key if key in names else key[:-2])]
    total: Any = None
    for source in node.sources:
        if names[source.position] not in recordings:
            return None
        own = np.asarray(recordings[names[source.position]])
        at = step - 1 if source.late else step
        if at < 0:
            return None  # before the first step: not recorded
        total = own[at] if total is None else total + own[at]
    return None if total is None else np.asarray(total)
