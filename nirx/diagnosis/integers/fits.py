"""How many recorded numbers a rule with its arithmetic explains, node by node."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import nir
import numpy as np

from nirx.basics.paths import Path
from nirx.basics.progress import Advance
from nirx.diagnosis.candidates import Limits, Space, dynamics_of, make_space, values_of
from nirx.diagnosis.groups import Cut, Group, cut_group, find_groups, known_values
from nirx.diagnosis.integers.one_step import recorded_states, wrong_steps
from nirx.diagnosis.problem import Problem, Variant, make_variants
from nirx.diagnosis.tally import STRETCH, Tally, shifts_up_to
from nirx.diagnosis.trial import Lane, Trial
from nirx.dynamics.discretization import Discretization
from nirx.dynamics.elementwise import Threshold
from nirx.errors import GraphError, InputError
from nirx.execution.whole_numbers import WHOLE, faults_of

__all__ = ["By", "Fit", "Fits"]

OUTSIDE = ("weight_bits", "weight_shift", "bias_shift", "input_shift")
"""Fields of an arithmetic that change what drives a neuron."""
By = Literal["wrong", "score"]
"""What of a fit counts."""
MOST_KEPT = 64
"""Graphs that are kept scheduled."""


@dataclass(frozen=True)
class Fit:
    """How a rule fits.

    Arguments:
        wrong: recorded numbers that do not follow from it.
        score: the same, weighed by how far off they are; 0 where none is.
        shifts: per recorded node, the shift with the lowest score.
    """

    wrong: int
    score: float
    shifts: Mapping[Path, int]


class Fits:
    """Tries rules on one graph and its recordings.

    Arguments:
        problem: the recordings; its start and variants are not used.
        graph: in integer units.
        batch: the axes of samples.
    """

    def __init__(self, problem: Problem, graph: nir.NIRGraph, batch: Sequence[int]):
        self.problem, self.graph, self.batch = problem, graph, tuple(batch)
        length = len(next(iter(problem.inputs.values())))
        self.shifts = shifts_up_to(problem.max_shift, length)
        self.refused: GraphError | None = None
        """The last reason for which a rule was refused."""
        self._cuts: dict[Any, list[tuple[Group, Cut]]] = {}
        self._advance: Advance = lambda done: None

    def reporting(self, advance: Advance) -> Fits:
        """Itself, which from now on tells of every rule that it tries."""
        self._advance = advance
        return self

    def fit(
        self,
        rule: Discretization,
        shifts: Mapping[Path, int] | None = None,
        most: float = np.inf,
        by: By = "wrong",
    ) -> Fit | None:
        """How a rule fits; None if the graph cannot run under it.

        Arguments:
            shifts: of each node, if they are known.
            most: stop as soon as `wrong`, or `score`, is higher.
            by: which of the two counts, also for the shift of a node.
        """
        self._advance(1)
        cuts = self._cuts_of(rule)
        if cuts is None:
            return None
        found = Fit(0, 0.0, {})
        for group, cut in cuts:
            own = self.shifts if shifts is None else (shifts[group.target],)
            counts = self._wrong(rule, group, cut, own, most - getattr(found, by), by)
            if counts is None:
                return None
            each = [
                Fit(found.wrong + wrong, found.score + score, {**found.shifts, group.target: shift})
                for shift, (wrong, score) in zip(own, counts, strict=True)
            ]
            found = min(each, key=lambda fit: (getattr(fit, by), abs(fit.shifts[group.target])))
            if getattr(found, by) > most:
                break
        return found

    @property
    def holds_fractions(self) -> bool:
        """Whether the last graph that was refused was not whole."""
        faults = () if self.refused is None else self.refused.faults
        return any(fault.expected == WHOLE for fault in faults)

    def lone(self, rule: Discretization) -> bool:
        """Whether every recorded node is tried step by step, which takes next to no time."""
        return all(
            cut.alone and recorded_states(dynamics_of(cut.members[-1]), self._traces(group))
            for group, cut in self._cuts_of(rule) or ()
        )

    def space(self, rule: Discretization, limits: Limits) -> Space:
        """The choices of a step that matter for the recorded nodes."""
        several, comparing = [], False
        for group, cut in self._cuts_of(rule) or ():
            most = [t.values.max(initial=0) for t in self._traces(group) if t.spikes]
            for node in cut.members:
                parameters = cut.variant.parameters[node.path]
                own = rule.at(node.path)
                values = values_of(dynamics_of(node), parameters, own, int(max(most, default=0)))
                if max(most, default=0) <= 1 and own.spikes == "single" and "spikes" in values:
                    values |= {"spikes": ("single",), "max_spikes": (None,)}
                several.append(values)
                comparing |= isinstance(node.dynamics, Threshold)
        return make_space(several, rule, limits, comparing)

    def members(self, rule: Discretization) -> list[tuple[Variant, Any]]:
        """The nodes that are tried, with the variant that holds their parameters."""
        return [(cut.variant, n) for _, cut in self._cuts_of(rule) or () for n in cut.members]

    def _traces(self, group: Group) -> Any:
        return self.problem.traces[group.target]

    def _wrong(
        self,
        rule: Discretization,
        group: Group,
        cut: Cut,
        shifts: Sequence[int],
        most: float,
        by: By,
    ) -> list[tuple[int, float]] | None:
        place, traces = cut.members[-1], self._traces(group)
        states = recorded_states(dynamics_of(place), traces) if cut.alone else None
        if states is None:
            return self._run(rule, group, shifts, most, by)
        lane = Lane(cut, {}, 0, ())
        dynamics = lane.dynamics(place, rule)
        parameters = cut.variant.parameters[place.path]
        if faults := faults_of(place.name, dynamics, parameters):
            self.refused = GraphError(faults)
            return None
        feed, ops = cut.feeds[0], self.problem.ops
        return wrong_steps(dynamics, parameters, feed, traces, states, shifts, ops)

    def _run(
        self, rule: Discretization, group: Group, shifts: Sequence[int], most: float, by: By
    ) -> list[tuple[int, float]] | None:
        """By running the group from its first step on, until too much is wrong."""
        cuts = self._cuts_of(rule, (rule.to_json(),))
        if cuts is None:
            return None
        cut = next(cut for own, cut in cuts if own.target == group.target)
        tallies = [Tally(trace, tuple(shifts), 1) for trace in self._traces(group)]
        trial = Trial(group.target, [Lane(cut, {}, 0, ())], tallies, self.problem.ops)
        while not trial.finished:
            trial.advance_some(max(STRETCH, trial.time))
            if np.sum([getattr(t, by)[:, 0] for t in tallies], axis=0).min() > most:
                break
        wrong, score = (
            np.sum([own[:, 0] for own in each], axis=0)
            for each in ([t.wrong for t in tallies], [t.score for t in tallies])
        )
        return [(int(a), float(b)) for a, b in zip(wrong, score, strict=True)]

    def _cuts_of(
        self, rule: Discretization, key: tuple[str, ...] = ()
    ) -> list[tuple[Group, Cut]] | None:
        """What is tried of each recorded node; None if the graph cannot run under the rule."""
        arithmetic = rule.arithmetic
        assert arithmetic is not None, "only rules in integers are tried"
        outside = tuple(getattr(arithmetic, name) for name in OUTSIDE)
        place = (rule.dt, rule.feedback, rule.feedback_initial, outside, *key)
        found = self._cuts.get(place) or self._cut(rule)
        if found is not None:  # another rule with the same place may not be refused
            if len(self._cuts) > MOST_KEPT:
                self._cuts.clear()
            self._cuts[place] = found
        return found

    def _cut(self, rule: Discretization) -> list[tuple[Group, Cut]] | None:
        own = self.problem
        limits = {name: (getattr(rule, name),) for name in ("feedback", "feedback_initial")}
        try:
            (variant,) = make_variants(self.graph, rule, (rule.dt,), limits, self.batch, own.ops)
        except (GraphError, InputError) as error:
            if isinstance(error, GraphError):
                self.refused = error
            return None
        known = known_values(own, variant)
        groups = find_groups(variant.schedule, known, own.traces)
        return [(group, cut_group(variant, group, known, own.ops)) for group in groups]
