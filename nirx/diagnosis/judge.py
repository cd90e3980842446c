"""From the searches of all nodes to the diagnosis of the graph."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import nir
import numpy as np

from nirx.basics.paths import Path, format_path
from nirx.comparison.divergence import Divergence
from nirx.diagnosis.candidates import Limits, Space, is_searched
from nirx.diagnosis.confirm import confirm, first_failure
from nirx.diagnosis.found import Found
from nirx.diagnosis.groups import Group, find_groups, known_values
from nirx.diagnosis.observed import Observed, Trace
from nirx.diagnosis.result import Candidate, Confirmed, Diagnosis, NodeDiagnosis
from nirx.diagnosis.search_group import search_group
from nirx.diagnosis.shared import Verdict, shared_discretization
from nirx.diagnosis.tally import Tally
from nirx.diagnosis.trial import Trial
from nirx.diagnosis.variants import Variant
from nirx.dynamics.discretization import Discretization
from nirx.execution.numpy_ops import NumpyOps
from nirx.graphs.schedule import Schedule

__all__ = ["judge"]

SHOWN = 10
Ranked = Sequence[Sequence[Found]]
"""Candidates of one node: per variant, by rank."""


def judge(
    graph: nir.NIRGraph,
    start: Discretization,
    variants: Sequence[Variant],
    limits: Limits,
    inputs: Mapping[str, np.ndarray],
    observed: Observed,
    max_shift: int,
    ops: NumpyOps,
    given: bool,
) -> Diagnosis:
    """Search every recorded node, settle on one variant, and confirm it.

    Arguments:
        inputs: by the Inputs' names.
        observed: the recording; the other arguments are as in `nirx.diagnose`.
        given: whether the start is anyone's, or nirx's default.
    """
    targets = list(observed.traces)
    fed = {(name,): x for name, x in inputs.items()}
    known = [known_values(v, fed, observed.outputs, targets, ops) for v in variants]
    groups = find_groups(variants[0].schedule, frozenset(known[0]), targets)
    spaces: list[Space] = []
    found: list[Ranked] = []
    reach: list[int] = []
    for group in groups:
        traces = observed.traces[group.target]
        search, own = search_group(group, variants, known, traces, limits, max_shift, ops)
        spaces.append(search.space)
        reach.append(max(search.shifts))
        found.append(own)
    tied = _tied(variants, found)
    settings = _Settings(graph, variants, groups, spaces, found, inputs, observed, str(ops.dtype))
    chosen, best = tied[0], {g.target: own[tied[0]][0] for g, own in _each(groups, found)}
    verdicts = settings.verdicts(chosen, best)
    base = replace(shared_discretization(variants[chosen], verdicts), overrides={})
    for (group, own), verdict in zip(_each(groups, found), verdicts, strict=True):
        best[group.target] = _as_others(own[chosen], verdict, base)
    final, confirmed = settings.confirmed(chosen, best)
    if any(c.differing for c in confirmed):
        # In a loop, or where paths join, a late recording and a late neuron are not the same.
        first = min(tied, key=lambda v: sum(abs(_on_time(own[v]).shift) for own in found))
        punctual = {g.target: _on_time(own[first]) for g, own in _each(groups, found)}
        if (first, punctual) != (chosen, best):
            other, seen = settings.confirmed(first, punctual)
            if sum(c.differing for c in seen) < sum(c.differing for c in confirmed):
                chosen, best, final, confirmed = first, punctual, other, seen
    tied = [chosen, *(v for v in tied if v != chosen)]
    nodes = tuple(
        _node(
            g,
            observed.traces[g.target],
            space,
            far,
            own,
            tied,
            best[g.target],
            variants,
            start,
            ops,
        )
        for g, space, far, own in zip(groups, spaces, reach, found, strict=True)
    )
    return Diagnosis(final, start, nodes, confirmed, given)


def _tied(variants: Sequence[Variant], found: Sequence[Sequence[Sequence[Found]]]) -> list[int]:
    """The variants that explain most, over all nodes; the one that changes least first."""

    def total(variant: int) -> tuple[float, ...]:
        return tuple(map(sum, zip(*(f.score for f in first(variant)), strict=True)))

    def first(variant: int) -> list[Found]:
        return [own[variant][0] for own in found]

    def changes(variant: int) -> tuple[float, ...]:
        own = first(variant)
        away = variants[variant].changes + sum(f.steps_away for f in own)
        return sum(f.trace_score for f in own), away, sum(abs(f.shift) for f in own)

    best = min(total(v) for v in range(len(variants)))
    return sorted((v for v in range(len(variants)) if total(v) == best), key=changes)


def _best_of(ranked: Sequence[Found]) -> list[Found]:
    return [f for f in ranked if f.score <= ranked[0].score]


def _at_shift(ranked: Sequence[Found], best: Found) -> list[Found]:
    """Candidates that explain as much as the best one, v too, and at its shift, it first."""
    every = [own for f in _best_of(ranked) for own in (f, *f.also)]
    like = [f for f in every if (f.shift, f.trace_score) == (best.shift, best.trace_score)]
    return sorted(like, key=lambda f: f.lane is not best.lane)


def _on_time(ranked: Sequence[Found]) -> Found:
    """Of the best candidates the one with the smallest shift."""
    if ranked[0].aside:  # v says which is the nearest, if not which it is
        return ranked[0]
    every = [own for f in _best_of(ranked) for own in (f, *f.also)]
    return min(every, key=lambda f: (abs(f.shift), f.rank))


def _each(groups: Sequence[Group], found: Sequence[Ranked]) -> Iterator[tuple[Group, Ranked]]:
    return zip(groups, found, strict=True)


@dataclass(frozen=True, eq=False)
class _Settings:
    """All that a free run depends on but the choice of the best candidates.

    Arguments:
        found: per group and variant the candidates by rank; the others are as in `judge`.
    """

    graph: nir.NIRGraph
    variants: Sequence[Variant]
    groups: Sequence[Group]
    spaces: Sequence[Space]
    found: Sequence[Ranked]
    inputs: Mapping[str, np.ndarray]
    observed: Observed
    dtype: str

    def verdicts(self, chosen: int, best: Mapping[Path, Found]) -> list[Verdict]:
        """Per group the choices that explain as much at the best candidate's shift."""
        return [
            Verdict(
                group.target,
                group.shared,
                space,
                tuple(f.lane.choices for f in _at_shift(own[chosen], best[group.target])),
            )
            for group, space, own in zip(self.groups, self.spaces, self.found, strict=True)
        ]

    def confirmed(
        self, chosen: int, best: Mapping[Path, Found]
    ) -> tuple[Discretization, tuple[Confirmed, ...]]:
        """One discretization for the graph, and its free run."""
        variant = self.variants[chosen]
        final = shared_discretization(variant, self.verdicts(chosen, best))
        shifts = _total_shifts(variant.schedule, best, frozenset(self.observed.outputs))
        allowed = {path: (shifts[path], f.fit) for path, f in best.items()}
        traces = self.observed.traces
        return final, confirm(self.graph, final, self.inputs, traces, allowed, self.dtype)


def _as_others(ranked: Sequence[Found], verdict: Verdict, base: Discretization) -> Found:
    """The best candidate; of others at another shift the one that does as most nodes do.

    Where a node needs choices of its own to be on time, but does what the others do if its
    recording is late, the second is what happened.
    """
    if verdict.allows(base) or not ranked[0].changes or ranked[0].aside:
        return ranked[0]
    every = [own for f in _best_of(ranked) if not f.beyond for own in (f, *f.also)]
    like = [f for f in every if replace(verdict, possible=(f.lane.choices,)).allows(base)]
    return min(like, key=lambda f: f.rank, default=ranked[0])


def _node(
    group: Group,
    traces: Sequence[Trace],
    space: Space,
    reach: int,
    found: Sequence[Sequence[Found]],
    tied: Sequence[int],
    best: Found,
    variants: Sequence[Variant],
    start: Discretization,
    ops: NumpyOps,
) -> NodeDiagnosis:
    ranked = [best, *(f for f in found[tied[0]] if f.lane is not best.lane)]
    everywhere = sorted(
        (f for v in tied for f in _best_of(found[v])),
        key=lambda f: (f.lane is not best.lane, best.shift not in f.shifts),
    )
    equal = [
        ({**common, **f.lane.choices}, f.shifts)
        for f in everywhere
        for common in f.lane.cut.variant.covers
    ]
    schedule = variants[0].schedule
    spikes = [t for t in traces if t.spikes]
    searched = variants[tied[0]].choices
    asked = {**{name: getattr(start, name) for name in searched}, **space.start}
    shown = ranked[:SHOWN]
    first = _first(group, traces, best, ops)
    return NodeDiagnosis(
        node=format_path(group.target),
        type_name=schedule.nodes[schedule.positions[group.target]].type_name,
        recorded=tuple(t.key for t in traces),
        searched_with=tuple(format_path(path) for path in group.shared),
        candidates=tuple(_candidate(f, asked, best.lane is f.lane, first) for f in shown),
        indistinguishable=tuple(choices for choices, _ in equal),
        shifts=tuple(shifts for _, shifts in equal),
        recorded_spikes=_whole(sum(float(t.values.sum()) for t in spikes)),
        silent=bool(spikes) and best.either == 0,
        by_spikes=best.aside,
        max_shift=reach,
        asked=asked,
        space=space,
    )


def _candidate(
    found: Found, asked: Mapping[str, Any], is_best: bool, first: Divergence | None
) -> Candidate:
    choices = {**found.lane.cut.variant.choices, **found.lane.choices}
    scale, offset = next(iter(found.fit.values()), (1.0, 0.0))
    return Candidate(
        choices=choices,
        changes=tuple(name for name in choices if choices[name] != asked[name]),
        shift=found.shift,
        scale=scale,
        offset=offset,
        mismatches=_whole(found.mismatches),
        spikes_matched=_whole(found.matched),
        spikes=_whole(found.either),
        samples_within=_whole(found.samples - found.outside),
        samples=_whole(found.samples),
        error=found.error,
        tolerance_needed=found.needed,
        first_divergence=first if is_best else None,
    )


def _whole(count: float) -> int:
    """A count; one that ran away to infinity becomes the largest there is."""
    return int(min(max(count, 0.0), 2.0**62)) if not np.isnan(count) else 0


def _first(group: Group, traces: Sequence[Trace], best: Found, ops: NumpyOps) -> Divergence | None:
    """Where the best candidate first fails; it is run once more, with all values kept."""
    if best.mismatches == 0 and best.outside == 0:
        return None
    tallies = [Tally(trace, (0,), 1) for trace in traces]
    trial = Trial(group.target, [best.lane], traces, tallies, ops)
    simulated = {key: own[:, 0] for key, own in trial.advance(trial.length).items()}
    return first_failure(traces, simulated, best.shift, best.fit)[1]


def _total_shifts(
    schedule: Schedule, best: Mapping[Path, Found], recorded: frozenset[Path]
) -> dict[Path, int]:
    """Per node its shift and those of the recorded nodes that drive it."""
    total: dict[Path, int] = {}
    for position, node in enumerate(schedule.nodes):
        if node.path not in best:
            continue
        before: dict[int, None] = {}
        work = [position]
        while work:
            for source in schedule.nodes[work.pop()].sources:
                if source.position in before:
                    continue
                before[source.position] = None
                own = schedule.nodes[source.position]
                if not (own.path in recorded and is_searched(own.dynamics)):
                    work.append(source.position)
        driving = [total[schedule.nodes[p].path] for p in before if schedule.nodes[p].path in total]
        total[node.path] = best[node.path].shift + max(driving, key=abs, default=0)
    return total
