"""From the searches of all nodes to the diagnosis of the graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import nir
import numpy as np

from nirx.diagnosis.candidates import Limits, Space, is_searched
from nirx.diagnosis.confirm import confirm, first_failure
from nirx.diagnosis.found import Found
from nirx.diagnosis.groups import Group, find_groups, known_values
from nirx.diagnosis.observed import Observed, Trace
from nirx.diagnosis.result import Candidate, Diagnosis, NodeDiagnosis
from nirx.diagnosis.search import search_group
from nirx.diagnosis.shared import Verdict, shared_discretization
from nirx.diagnosis.tally import Tally
from nirx.diagnosis.trial import Trial
from nirx.diagnosis.variants import Variant
from nirx.discretization import Discretization
from nirx.divergence import Divergence
from nirx.numpy_ops import NumpyOps
from nirx.paths import Path, format_path
from nirx.schedule import Schedule

__all__ = ["judge"]

SHOWN = 10


def judge(
    graph: nir.NIRGraph,
    start: Discretization,
    variants: Sequence[Variant],
    limits: Limits,
    inputs: Mapping[str, np.ndarray],
    observed: Observed,
    max_shift: int,
    ops: NumpyOps,
) -> Diagnosis:
    """Search every recorded node, settle on one variant, and confirm it.

    Arguments:
        inputs: by the Inputs' names.
        observed: the recording; the other arguments are as in `nirx.diagnose`.
    """
    targets = list(observed.traces)
    fed = {(name,): x for name, x in inputs.items()}
    known = [known_values(v, fed, observed.outputs, targets, ops) for v in variants]
    groups = find_groups(variants[0].schedule, frozenset(known[0]), targets)
    spaces: list[Space] = []
    found: list[list[list[Found]]] = []  # node, variant, rank
    for group in groups:
        traces = observed.traces[group.target]
        space, own = search_group(group, variants, known, traces, limits, max_shift, ops)
        spaces.append(space)
        found.append(own)
    tied = _tied(variants, found)
    chosen = tied[0]
    nodes = tuple(
        _node(group, observed.traces[group.target], space, own, tied, variants, start, ops)
        for group, space, own in zip(groups, spaces, found, strict=True)
    )
    verdicts = [
        Verdict(
            group.target, group.shared, space, tuple(f.lane.choices for f in _best_of(own[chosen]))
        )
        for group, space, own in zip(groups, spaces, found, strict=True)
    ]
    final = shared_discretization(variants[chosen], verdicts)
    best = {g.target: own[chosen][0] for g, own in zip(groups, found, strict=True)}
    shifts = _total_shifts(variants[chosen].schedule, best, frozenset(observed.outputs))
    allowed = {path: (shifts[path], f.fit) for path, f in best.items()}
    dtype = str(ops.dtype)
    confirmed = confirm(graph, final, inputs, observed.traces, allowed, dtype)
    return Diagnosis(final, start, nodes, confirmed)


def _tied(variants: Sequence[Variant], found: Sequence[Sequence[Sequence[Found]]]) -> list[int]:
    """The variants that explain most, over all nodes; the one that changes least first."""

    def total(variant: int) -> tuple[float, ...]:
        scores = [(f.mismatches, f.outside, abs(f.shift), len(f.fit)) for f in first(variant)]
        return tuple(map(sum, zip(*scores, strict=True)))

    def first(variant: int) -> list[Found]:
        return [own[variant][0] for own in found]

    def changes(variant: int) -> int:
        return variants[variant].changes + sum(len(f.changes) for f in first(variant))

    best = min(total(v) for v in range(len(variants)))
    return sorted((v for v in range(len(variants)) if total(v) == best), key=changes)


def _best_of(ranked: Sequence[Found]) -> list[Found]:
    return [f for f in ranked if f.score == ranked[0].score]


def _node(
    group: Group,
    traces: Sequence[Trace],
    space: Space,
    found: Sequence[Sequence[Found]],
    tied: Sequence[int],
    variants: Sequence[Variant],
    start: Discretization,
    ops: NumpyOps,
) -> NodeDiagnosis:
    ranked = found[tied[0]]
    best = ranked[0]
    everywhere = [f for v in tied for f in _best_of(found[v])]
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
        indistinguishable=tuple(
            {**common, **f.lane.choices} for f in everywhere for common in f.lane.cut.variant.covers
        ),
        silent=bool(spikes) and best.either == 0,
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
