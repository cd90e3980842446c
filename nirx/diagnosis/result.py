"""What a diagnosis says: per node the candidates that explain it, and one rule for the graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from nirx.basics.paths import parse_path
from nirx.comparison.divergence import Divergence
from nirx.diagnosis.candidates import Space
from nirx.dynamics.discretization import Discretization
from nirx.errors import InputError, did_you_mean

__all__ = ["Candidate", "Confirmed", "Diagnosis", "NodeDiagnosis"]


@dataclass(frozen=True)
class Candidate:
    """One way to run a node, and how far it explains the recording.

    Arguments:
        choices: of the discretization, those that matter for the node (and dt or the
            feedback choices, where they were searched).
        changes: names of those that are not as asked for.
        shift: the recording is so many steps later than the simulation.
        scale, offset: of the membrane where it had to be fitted: recorded = scale*v + offset.
        mismatches: spikes that only one of the two has.
        spikes_matched, spikes: in both, and in either of the two.
        samples_within, samples: of v, i or a value: within the tolerance, and compared.
        error: largest deviation of those that are outside the tolerance; else 0.
        tolerance_needed: the tolerance, relative to a trace's largest magnitude, that would
            take in every sample; 0 where the one in force does.
        first_divergence: the first point that it does not explain (the recording is the
            reference); None where it explains all, or was not asked.
    """

    choices: Mapping[str, Any]
    changes: tuple[str, ...]
    shift: int
    scale: float
    offset: float
    mismatches: int
    spikes_matched: int
    spikes: int
    samples_within: int
    samples: int
    error: float
    tolerance_needed: float = 0.0
    first_divergence: Divergence | None = None

    @property
    def explains_all(self) -> bool:
        """No spike differs and every sample is within the tolerance."""
        return self.mismatches == 0 and self.samples_within == self.samples


@dataclass(frozen=True)
class NodeDiagnosis:
    """One recorded node.

    Arguments:
        node: its path; type_name: of the NIR node.
        recorded: the keys that it was judged by.
        searched_with: unrecorded neurons before it, which took the same choices as it did.
        candidates: the best ones, ranked; the first is the verdict.
        indistinguishable: choices of all candidates that explain it as well as the first,
            be it with the recording some steps late or early.
        shifts: for each of these the shifts at which it does.
        recorded_spikes: how many the recording holds.
        silent: no spike was recorded and the best candidate gives none.
        by_spikes: v or i was recorded too, but no candidate fits it: what is
            indistinguishable is so by the spikes, and v only says which is the nearest.
        max_shift: how far off a recording may be; what is indistinguishable may be farther.
        asked: the choices as asked for.
        space: all that was tried.
    """

    node: str
    type_name: str
    recorded: tuple[str, ...]
    searched_with: tuple[str, ...]
    candidates: tuple[Candidate, ...]
    indistinguishable: tuple[Mapping[str, Any], ...]
    shifts: tuple[tuple[int, ...], ...]
    recorded_spikes: int
    silent: bool
    by_spikes: bool
    max_shift: int
    asked: Mapping[str, Any]
    space: Space = field(repr=False, compare=False)

    def allows(self, discretization: Discretization) -> bool:
        """Whether this is one of the discretizations that explain the node as well as the best."""
        rule = discretization.at(parse_path(self.node))
        own = self.space.canonical({name: getattr(rule, name) for name in self.space.values})
        common = {n: getattr(discretization, n) for n in self.best.choices if n not in own}
        return {**common, **own} in self.indistinguishable

    @property
    def best(self) -> Candidate:
        """The candidate that explains most."""
        return self.candidates[0]

    @property
    def settles(self) -> bool:
        """Whether the best candidate explains all of the recording, or at least all spikes.

        Where it does not, the truth is not among the candidates, and what they have in common
        says nothing about it.
        """
        return self.best.explains_all or self.by_spikes

    @property
    def pinned(self) -> dict[str, Any]:
        """The choices that every one of the indistinguishable candidates makes alike.

        Empty where no candidate explains the recording.
        """
        if not self.settles:
            return {}
        return {name: own[0] for name, own in self.possible.items() if len(own) == 1}

    @property
    def open(self) -> dict[str, tuple[Any, ...]]:
        """The choices that the recording leaves open, with the values that are left."""
        return {name: own for name, own in self.possible.items() if len(own) > 1}

    @property
    def possible(self) -> dict[str, tuple[Any, ...]]:
        """Per choice its values among the indistinguishable candidates, the best one's first."""
        return self._values(self.indistinguishable)

    @property
    def at_best_shift(self) -> dict[str, tuple[Any, ...]]:
        """`possible`, of those candidates alone that need no other shift than the best one."""
        each = zip(self.indistinguishable, self.shifts, strict=True)
        return self._values([own for own, shifts in each if self.best.shift in shifts])

    @property
    def alternatives(self) -> dict[int, Mapping[str, Any]]:
        """Shift -> the choices nearest to those asked for that explain as much with it alone."""
        found: dict[int, list[Mapping[str, Any]]] = {}
        for own, shifts in zip(self.indistinguishable, self.shifts, strict=True):
            for shift in shifts if self.best.shift not in shifts else ():
                found.setdefault(shift, []).append(own)
        return {s: min(found[s], key=self._away) for s in sorted(found, key=lambda s: (abs(s), s))}

    def changes(self, choices: Mapping[str, Any]) -> dict[str, Any]:
        """Those of some choices that are not as asked for."""
        return {name: own for name, own in choices.items() if own != self.asked[name]}

    def _away(self, choices: Mapping[str, Any]) -> int:
        return len(self.changes(choices))

    def _values(self, several: Sequence[Mapping[str, Any]]) -> dict[str, tuple[Any, ...]]:
        return {
            name: tuple(dict.fromkeys(own[name] for own in several)) for name in self.best.choices
        }


@dataclass(frozen=True)
class Confirmed:
    """One recording against the free run of the whole graph, in which nothing is recorded.

    Arguments:
        key: of the recording; spikes: whether it holds spikes.
        elements, differing: numbers compared, and those that are not explained.
        recorded: all numbers of the recording.
        shift: whole steps that were allowed for: those of the node and of what drives it.
        first_divergence: None where nothing differs.
    """

    key: str
    spikes: bool
    elements: int
    differing: int
    recorded: int
    shift: int
    first_divergence: Divergence | None

    @property
    def reproduced(self) -> bool:
        """Whether most of the recording was compared, and none of that differs."""
        return not self.differing and 2 * self.elements > self.recorded


@dataclass(frozen=True)
class Diagnosis:
    """The result of `nirx.diagnose`; prints as tables.

    Arguments:
        discretization: the best for the whole graph.
        asked: the one that the search started from.
        nodes: one verdict per recorded neuron or Threshold, in the order of execution.
        confirmed: a free run with `discretization`, per recording.
        given: whether `asked` came from the caller or the graph; else it is nirx's default.
    """

    discretization: Discretization
    asked: Discretization
    nodes: tuple[NodeDiagnosis, ...]
    confirmed: tuple[Confirmed, ...]
    given: bool = True

    def __getitem__(self, node: str) -> NodeDiagnosis:
        """The verdict of a node by its path. **Raises** `InputError` for any other."""
        for own in self.nodes:
            if own.node == node:
                return own
        near = did_you_mean(str(node), [own.node for own in self.nodes])
        raise InputError(f"no verdict on {node!r}: it was not recorded; {near}")

    @property
    def explained(self) -> bool:
        """Whether a free run with what was found reproduces every recording.

        Most often each node is explained by itself too. Driven by an input that was recorded
        late it may not be: then it heard of what came before the recording began.
        """
        each = all(node.best.explains_all for node in self.nodes)
        return all(c.reproduced or (each and not c.differing) for c in self.confirmed)

    @property
    def first_divergence(self) -> Divergence | None:
        """The earliest point that the best candidates do not explain; None if there is none."""
        if self.explained:
            return None
        found = [n.best.first_divergence for n in self.nodes if n.best.first_divergence]
        found = found or [c.first_divergence for c in self.confirmed if c.first_divergence]
        return min(found, key=lambda d: d.step, default=None)

    def explain(self) -> str:
        """The verdict in sentences, one line each."""
        from nirx.diagnosis.words import explanation

        return "\n".join(explanation(self))

    def __str__(self) -> str:
        from nirx.diagnosis.table import diagnosis_table

        return diagnosis_table(self)
