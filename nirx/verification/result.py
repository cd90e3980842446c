"""`Verification`: what `nirx.verify` has found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from nirx.comparison.divergence import Divergence
from nirx.errors import InputError, did_you_mean
from nirx.verification.tolerance import Tolerance

__all__ = ["NodeVerdict", "Verdict", "Verification"]

Verdict = Literal["exact", "within tolerance", "fails"]


@dataclass(frozen=True)
class NodeVerdict:
    """One recording against the reference.

    Arguments:
        key: path of the node, or path and state variable.
        spikes: whether it holds spikes.
        verdict: `"exact"`: equal numbers; `"within tolerance"`; `"fails"`.
        by: the tolerance that it passes with, `"jitter"`, `"rate"` or `"lsb"`; else None.
        elements: how many numbers were compared; differing: how many are not equal.
        expected: spikes in the reference.
        missing, extra: spikes that only the reference has, and that only the other has, after
            those within the allowed jitter were matched one to one.
        jitter: largest number of steps between two matched spikes.
        rate_error: largest relative error of the number of spikes of a neuron in a sample;
            infinite where it should be silent.
        error: largest deviation of a value; infinite for NaN against a number.
        lsb_error: the same in LSB; None where no size was given.
        first_divergence: where it first leaves the tolerance; None where it passes.
        follows: the recording that failed before it and that it depends on; None for the
            origin of a divergence.
        kind: in words how a failing node differs, as far as the data say.
        at_ends: spikes without a partner that are not counted, since they lie within the
            allowed jitter of the first or last step: their partner may lie outside.
        largest: largest magnitude of a value in the reference.
    """

    key: str
    spikes: bool
    verdict: Verdict
    by: str | None
    elements: int
    differing: int
    expected: int = 0
    missing: int = 0
    extra: int = 0
    jitter: int = 0
    rate_error: float = 0.0
    error: float = 0.0
    lsb_error: float | None = None
    first_divergence: Divergence | None = None
    follows: str | None = None
    kind: str = ""
    at_ends: int = 0
    largest: float = 0.0


@dataclass(frozen=True)
class Verification:
    """The result of `nirx.verify`; prints as a table.

    Arguments:
        verdict: the worst of all nodes: `"exact"`, `"within tolerance"` or `"fails"`.
        nodes: one entry per recording that both have, in the order of execution.
        first_divergence: the earliest point beyond the tolerance; of one step, the recording
            that is executed first. None where there is none.
        steps, samples: compared.
        partial: whether the reference has more of either, or the recording.
        tolerance: what was allowed.
        digest: of the reference.
        reference, observed: what was compared, for people.
        not_observed: recordings that only the reference has.
        why: sentences of `nirx.diagnose`, where they were asked for.
        notes: what was taken for granted of the recording.
        batch_axes: how many of the first axes of a divergence's index are samples.
    """

    verdict: Verdict
    nodes: tuple[NodeVerdict, ...]
    first_divergence: Divergence | None
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
    batch_axes: int = 1

    @property
    def agree(self) -> bool:
        """Whether every recording is exact or within the tolerance."""
        return self.verdict != "fails"

    def __getitem__(self, key: str) -> NodeVerdict:
        """The verdict on a recording by its key. **Raises** `InputError` for any other."""
        for node in self.nodes:
            if node.key == key:
                return node
        near = did_you_mean(str(key), [node.key for node in self.nodes])
        raise InputError(f"no verdict on {key!r}: it was not compared; {near}")

    def __str__(self) -> str:
        from nirx.verification.table import verification_text

        return verification_text(self)
