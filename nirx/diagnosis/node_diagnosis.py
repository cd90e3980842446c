"""The diagnosis of one recorded node: the candidates, and what the recording leaves open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from nirx.basics.paths import parse_path
from nirx.comparison.divergence import Divergence
from nirx.diagnosis.candidates import Space
from nirx.diagnosis.gains import AS_IS, Gain
from nirx.dynamics.discretization import Discretization

__all__ = ["Candidate", "NodeDiagnosis", "divergence_dict"]


def divergence_dict(divergence: Divergence | None) -> dict[str, Any] | None:
    """A divergence of a recording from its simulation as plain data, for JSON."""
    return divergence and divergence.to_dict("recorded", "simulated")


@dataclass(frozen=True)
class Candidate:
    """One way to run a node, and how much of the recording it explains.

    Arguments:
        choices: those of the discretization that matter for the node (and dt or the feedback
            choices, if they were searched).
        changes: names of those that differ from what was asked for.
        shift: whole steps by which the recording is later than the simulation.
        scale, offset: recorded = scale*v + offset, where the membrane had to be fitted.
        mismatches: spikes that only one of recording and simulation has.
        spikes_matched, spikes: spikes in both, and in either of the two.
        samples_within, samples: of v, i or a value: within the tolerance, and compared.
        error: largest deviation of the samples outside the tolerance; 0 if there are none.
        tolerance_needed: the tolerance, relative to a trace's largest magnitude, that would
            take in every sample; 0 if the one in force does.
        gain: factors of the node's input and threshold; 1 unless no rule explains the recording
            without them.
        first_divergence: the first point that it does not explain (the recording is the
            reference); known for the best candidate only, None where it explains everything.
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
    gain: Gain = AS_IS
    first_divergence: Divergence | None = None

    @property
    def explains_all(self) -> bool:
        """No spike differs and every sample is within the tolerance."""
        return self.mismatches == 0 and self.samples_within == self.samples

    def to_dict(self) -> dict[str, Any]:
        """The candidate as plain data, for JSON."""
        first = divergence_dict(self.first_divergence)
        return {**asdict(self), "gain": self.gain.to_dict(), "first_divergence": first}


@dataclass(frozen=True)
class NodeDiagnosis:
    """The diagnosis of one recorded node.

    Arguments:
        node: its path.
        type_name: its NIR type.
        recorded: keys of its recordings.
        searched_with: unrecorded neurons before it, which take the same choices.
        candidates: the best ones, ranked; the first is the verdict.
        indistinguishable: choices of all candidates that explain the recording as well as the
            first does, possibly some steps late or early.
        shifts: for each of these, the shifts at which it does.
        recorded_spikes: number of spikes in the recording.
        silent: no spike was recorded and the best candidate emits none.
        by_spikes: v or i was recorded too, but no candidate fits it: then the spikes alone
            decide what is indistinguishable, and v only ranks it.
        max_shift: largest shift searched; an indistinguishable candidate may lie beyond it.
        asked: the choices asked for.
        space: everything that was tried.
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
        """Whether a discretization is among those that explain the node as well as the best."""
        own = self.space.choices_of(discretization.at(parse_path(self.node)))
        common = {n: getattr(discretization, n) for n in self.best.choices if n not in own}
        return {**common, **own} in self.indistinguishable

    @property
    def best(self) -> Candidate:
        """The candidate that explains most."""
        return self.candidates[0]

    @property
    def settles(self) -> bool:
        """Whether the best candidate explains the whole recording, or at least all spikes.

        Otherwise the true rule is not among the candidates, and what these have in common says
        nothing about it.
        """
        return self.best.explains_all or self.by_spikes

    @property
    def pinned(self) -> dict[str, Any]:
        """The choices that all indistinguishable candidates have in common.

        Empty if no candidate explains the recording.
        """
        if not self.settles:
            return {}
        return {name: own[0] for name, own in self.possible.items() if len(own) == 1}

    @property
    def open(self) -> dict[str, tuple[Any, ...]]:
        """The choices that the recording leaves open, with the values that remain."""
        return {name: own for name, own in self.possible.items() if len(own) > 1}

    @property
    def possible(self) -> dict[str, tuple[Any, ...]]:
        """Per choice its values among the indistinguishable candidates, the best one's first."""
        return self._values(self.indistinguishable)

    @property
    def at_best_shift(self) -> dict[str, tuple[Any, ...]]:
        """`possible`, restricted to candidates that explain the recording at the best shift."""
        each = zip(self.indistinguishable, self.shifts, strict=True)
        return self._values([own for own, shifts in each if self.best.shift in shifts])

    @property
    def alternatives(self) -> dict[int, Mapping[str, Any]]:
        """Shift -> the choices closest to those asked for that explain as much only there."""
        found: dict[int, list[Mapping[str, Any]]] = {}
        for own, shifts in zip(self.indistinguishable, self.shifts, strict=True):
            for shift in shifts if self.best.shift not in shifts else ():
                found.setdefault(shift, []).append(own)
        order = sorted(found, key=lambda s: (abs(s), s))
        return {s: min(found[s], key=lambda own: len(self.changes(own))) for s in order}

    def changes(self, choices: Mapping[str, Any]) -> dict[str, Any]:
        """Those of some choices that differ from what was asked for."""
        return {name: own for name, own in choices.items() if own != self.asked[name]}

    def to_dict(self, top: int | None = None) -> dict[str, Any]:
        """The diagnosis as plain data, for JSON, with at most `top` candidates."""
        same = ("recorded", "searched_with", "silent", "by_spikes", "max_shift", "pinned", "open")
        alternatives = self.alternatives.items()
        return {
            "node": self.node,
            "type": self.type_name,
            **{name: getattr(self, name) for name in same},
            "indistinguishable": len(self.indistinguishable),
            "gain": self.best.gain.to_dict(),
            "alternatives": [{"shift": s, "choices": dict(own)} for s, own in alternatives],
            "candidates": [own.to_dict() for own in self.candidates[:top]],
        }

    def _values(self, several: Sequence[Mapping[str, Any]]) -> dict[str, tuple[Any, ...]]:
        return {
            name: tuple(dict.fromkeys(own[name] for own in several)) for name in self.best.choices
        }
