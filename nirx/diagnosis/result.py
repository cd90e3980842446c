"""The result of `nirx.diagnose`: a verdict on each node, and one rule for the graph."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from nirx.basics.shown import Shown
from nirx.comparison.divergence import Divergence
from nirx.diagnosis.arithmetic_diagnosis import ArithmeticDiagnosis
from nirx.diagnosis.gains import AS_IS, Gain
from nirx.diagnosis.node_diagnosis import NodeDiagnosis, divergence_dict
from nirx.diagnosis.words import diagnosis_table, explanation
from nirx.dynamics.discretization import Discretization
from nirx.errors import InputError, did_you_mean
from nirx.execution.describe import rule_text
from nirx.recordings.event_timing import EventTiming

__all__ = ["Confirmed", "Diagnosis"]


@dataclass(frozen=True)
class Confirmed:
    """One recording against the free run of the whole graph, driven by its inputs alone.

    Arguments:
        key: the recording's key.
        spikes: whether it is a spike train.
        elements: numbers compared.
        differing: how many of these are not explained.
        recorded: numbers in the recording.
        shift: whole steps allowed for: the node's own and those of what drives it.
        first_divergence: None if nothing differs.
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
        """Whether most of the recording was compared, and nothing differs."""
        return not self.differing and 2 * self.elements > self.recorded

    def to_dict(self) -> dict[str, Any]:
        """The comparison as plain data, for JSON."""
        values = asdict(self)
        numbers = {"numbers": values.pop("recorded")}
        return {**values, **numbers, "first_divergence": divergence_dict(self.first_divergence)}


@dataclass(frozen=True)
class Diagnosis(Shown):
    """The result of `nirx.diagnose`; prints as tables.

    Arguments:
        discretization: the best for the whole graph.
        asked: the discretization that the search started from.
        nodes: one verdict per recorded neuron or Threshold, in the order of execution.
        confirmed: a free run with `discretization`, per recording.
        given: whether `asked` came from the caller or the graph; else it is nirx's default.
        events: how the recorded events fell between steps; None for a recording of arrays.
        notes: assumptions about the recording.
        arithmetic: the integers of the chip, where these were searched.
    """

    discretization: Discretization
    asked: Discretization
    nodes: tuple[NodeDiagnosis, ...]
    confirmed: tuple[Confirmed, ...]
    given: bool = True
    events: EventTiming | None = None
    notes: tuple[str, ...] = ()
    arithmetic: ArithmeticDiagnosis | None = None

    def __getitem__(self, node: str) -> NodeDiagnosis:
        """The verdict on a node, given by its path.

        **Raises**: `InputError` for a node that was not recorded.
        """
        for own in self.nodes:
            if own.node == node:
                return own
        near = did_you_mean(str(node), [own.node for own in self.nodes])
        raise InputError(f"no verdict on {node!r}: it was not recorded; {near}")

    @property
    def explained(self) -> bool:
        """Whether a free run with `discretization` reproduces every recording.

        Usually each node is explained by itself too. It may not be if its input was recorded
        late: then it received something before that recording starts. Where a node needs a gain
        that the graph does not have (`gains`), no discretization reproduces it.
        """
        return self._reproduced and not self.gains

    @property
    def gains(self) -> dict[str, Gain]:
        """The nodes whose input or threshold is scaled in the recording, with the factors."""
        return {n.node: n.best.gain for n in self.nodes if n.best.gain != AS_IS}

    @property
    def explained_by_gains(self) -> bool:
        """Whether a free run with `discretization` and `gains` reproduces every recording."""
        return self._reproduced and bool(self.gains)

    @property
    def _reproduced(self) -> bool:
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
        """The verdict in sentences, one per line."""
        return "\n".join(explanation(self))

    def to_dict(self, top: int | None = None) -> dict[str, Any]:
        """The diagnosis as plain data, for JSON, with at most `top` candidates per node."""
        return {
            "explained": self.explained,
            "explained_by_gains": self.explained_by_gains,
            "discretization": self.discretization.to_json(),
            "asked": self.asked.to_json(),
            "explanation": self.explain().split("\n"),
            "first_divergence": divergence_dict(self.first_divergence),
            "nodes": [node.to_dict(top) for node in self.nodes],
            "confirmed": [own.to_dict() for own in self.confirmed],
            "events": self.events and self.events.to_dict(),
            "notes": list(self.notes),
            "arithmetic": self.arithmetic and self.arithmetic.to_dict(),
        }

    def __repr__(self) -> str:
        return (
            f"Diagnosis(explained={self.explained}, discretization: "
            f"{rule_text(self.discretization)}; {len(self.nodes)} nodes, "
            f"{len(self.confirmed)} recordings)"
        )

    def _parts(self) -> list[Any]:
        return [*diagnosis_table(self)]
