"""`Verification`: the result of `nirx.verify`."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from nirx.basics.name_list import name_list
from nirx.basics.printable import printable
from nirx.basics.shown import Shown
from nirx.comparison.divergence import Divergence
from nirx.comparison.result import earliest
from nirx.comparison.silence import NO_SILENCE, Silence, WithSilence
from nirx.errors import InputError, did_you_mean
from nirx.recordings.event_timing import EventTiming
from nirx.verification.tolerance import Tolerance

__all__ = ["NodeVerdict", "Verdict", "Verification"]

Verdict = Literal["exact", "within tolerance", "fails"]
WORST_LAST: tuple[Verdict, ...] = ("exact", "within tolerance", "fails")
ROUNDING = 1e-5
"""Of the largest magnitude of a recording; a smaller error is called rounding."""


@dataclass(frozen=True)
class NodeVerdict:
    """One recording compared with the reference.

    Arguments:
        key: path of the node, or path and state variable.
        spikes: whether it holds spikes.
        by: the tolerance that it passes with, `"jitter"`, `"rate"` or `"lsb"`; else None.
        elements: how many numbers were compared; differing: how many are not equal.
        expected: spikes in the reference.
        missing, extra: spikes without a partner in the reference, and in the recording, after
            those within the allowed jitter were matched one to one.
        jitter: largest number of steps between two matched spikes.
        at_ends: spikes without a partner that are not counted because they lie within the
            allowed jitter of the first or last step: their partner may lie outside.
        rate_error: largest relative error of the spike count of a neuron in a sample; infinite
            where a neuron should be silent.
        error: largest deviation of a value; infinite for NaN against a number.
        lsb_error: the same in LSB; None where no size was given.
        largest: largest magnitude of a value in the reference.
        first_divergence: where it first leaves the tolerance; None where it passes.
        follows: the recording that failed earlier and that this node depends on; None for the
            origin of a divergence.
        kind: how a failing node differs, in words, as far as the data say.
        units: whether its values are the integers of a chip.
    """

    key: str
    spikes: bool
    by: str | None
    elements: int
    differing: int
    expected: int = 0
    missing: int = 0
    extra: int = 0
    jitter: int = 0
    at_ends: int = 0
    rate_error: float = 0.0
    error: float = 0.0
    lsb_error: float | None = None
    largest: float = 0.0
    first_divergence: Divergence | None = None
    follows: str | None = None
    kind: str = ""
    units: bool = False

    @property
    def verdict(self) -> Verdict:
        """`"exact"` (equal numbers), `"within tolerance"` or `"fails"`."""
        if self.first_divergence is not None:
            return "fails"
        return "exact" if self.by is None else "within tolerance"

    @property
    def off_by_rounding(self) -> bool:
        """Whether it fails by the size of rounding errors only."""
        fails = self.verdict == "fails" and not self.spikes and not self.units
        return fails and self.error < ROUNDING * self.largest

    def to_dict(self) -> dict[str, Any]:
        """The verdict as plain data, for JSON."""
        first = self.first_divergence and self.first_divergence.to_dict(other="observed")
        head = {"key": self.key, "spikes": self.spikes, "verdict": self.verdict}
        return {**head, **asdict(self), "first_divergence": first}


@dataclass(frozen=True)
class Verification(Shown, WithSilence):
    """The result of `nirx.verify`; prints as a table.

    Arguments:
        nodes: one entry per recording that both have, in the order of execution.
        steps, samples: compared.
        partial: whether the reference or the recording has more of either.
        tolerance: what was allowed.
        digest: of the reference.
        reference, observed: names of what was compared.
        not_observed: recordings that only the reference has.
        why: sentences of `nirx.diagnose`, if requested.
        notes: assumptions about the recording.
        events: how the recorded events fell between steps; None for a recording of arrays.
        batch_axes: how many of the first axes of a divergence's index are samples.
        silence: which layers never spiked.
    """

    nodes: tuple[NodeVerdict, ...]
    steps: int
    samples: int
    partial: bool
    tolerance: Tolerance
    digest: str
    reference: str
    observed: str
    not_observed: tuple[str, ...] = ()
    why: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    events: EventTiming | None = None
    batch_axes: int = 1
    silence: Silence = NO_SILENCE

    @property
    def verdict(self) -> Verdict:
        """The worst of all nodes: `"exact"`, `"within tolerance"` or `"fails"`."""
        return max((node.verdict for node in self.nodes), key=lambda own: WORST_LAST.index(own))

    @property
    def agree(self) -> bool:
        """Whether every recording is exact or within the tolerance."""
        return self.verdict != "fails"

    @property
    def first_divergence(self) -> Divergence | None:
        """The earliest point beyond the tolerance; None where there is none.

        Of several recordings in the same step, the one that is executed first.
        """
        return earliest(self.nodes)

    def __getitem__(self, key: str) -> NodeVerdict:
        """The verdict on a recording by its key. **Raises** `InputError` for any other."""
        for node in self.nodes:
            if node.key == key:
                return node
        near = did_you_mean(str(key), [node.key for node in self.nodes])
        raise InputError(f"no verdict on {key!r}: it was not compared; {near}")

    def __repr__(self) -> str:
        failed = [node.key for node in self.nodes if node.verdict == "fails"]
        fails = f", fails: {printable(name_list(failed))}" if failed else ""
        return (
            f"Verification({self.verdict!r}, {printable(self.observed)} against "
            f"{printable(self.reference)}; {self.steps:,} steps, {self.samples:,} samples, "
            f"{len(self.nodes)} recordings{fails})"
        )

    def _parts(self) -> list[Any]:
        from nirx.verification.table import remarks, verdict_table

        return [verdict_table(self), *remarks(self)]

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain data, for JSON."""
        first = self.first_divergence and self.first_divergence.to_dict(other="observed")
        return {
            "reference": self.reference,
            "observed": self.observed,
            "verdict": self.verdict,
            "agree": self.agree,
            "steps": self.steps,
            "samples": self.samples,
            "partial": self.partial,
            "digest": self.digest,
            "tolerance": self.tolerance.to_dict(),
            "first_divergence": first,
            "nodes": [node.to_dict() for node in self.nodes],
            **self.silence.to_dict(),
            "not_observed": list(self.not_observed),
            "why": list(self.why),
            "notes": list(self.notes),
            "events": self.events and self.events.to_dict(),
        }
