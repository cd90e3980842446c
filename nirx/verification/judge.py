"""One recording against the reference, chunk by chunk, to a verdict."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

import numpy as np

from nirx.comparison.divergence import Divergence
from nirx.comparison.ulp import same_bits
from nirx.dynamics.ops import Shape
from nirx.verification.result import NodeVerdict
from nirx.verification.rounding import is_rounding
from nirx.verification.spike_matching import OpenMatching, Unmatched
from nirx.verification.tolerance import Tolerance
from nirx.verification.whole_shift import WholeShift
from nirx.verification.words import WHOLE_NUMBERS, kind_of

__all__ = ["Judge", "SpikeJudge", "ValueJudge"]


MOST_SPIKES = 2**31
"""Of one neuron in one step; a number beyond it is none of spikes."""


class Judge(Protocol):
    """Takes both sides chunk by chunk, [time, column], and then says what it thinks of them.

    `differs_from` is the first step in which any number differs, allowed or not.
    """

    differs_from: int | None

    def take(self, start: int, reference: np.ndarray, other: np.ndarray) -> None:
        """The next steps of both; `start` is the first of them."""
        ...

    def verdict(self) -> NodeVerdict:
        """After all steps."""
        ...


class SpikeJudge:
    """Spikes: equal, each within the jitter, or their numbers within the rate.

    Arguments:
        key: of the recording.
        shape: [*batch, *features] of one step.
        dtype: of the reference.
        tolerance: what is allowed.
        steps: that will be compared.
    """

    def __init__(self, key: str, shape: Shape, dtype: np.dtype, tolerance: Tolerance, steps: int):
        self.key, self.shape, self.tolerance = key, shape, tolerance
        self.differs_from: int | None = None
        width = int(np.prod(shape, dtype=np.int64))
        self._shift = WholeShift(width, dtype)
        self._matching = OpenMatching(tolerance.jitter, steps)
        self._counts = np.zeros((2, width), np.int64)
        self._elements = self._differing = 0
        self._no_spikes: Unmatched | None = None

    def take(self, start: int, reference: np.ndarray, other: np.ndarray) -> None:
        differs = ~same_bits(reference, other)
        self._elements += reference.size
        count = int(np.count_nonzero(differs))
        self._differing += count
        if count and self.differs_from is None:
            self.differs_from = start + int(differs.any(axis=1).argmax())
        self._shift.take(reference, other)
        # What is no number of spikes (0.5, NaN, -1) is beyond any tolerance.
        with np.errstate(invalid="ignore"):
            odd = differs & ~((other >= 0) & (other == np.floor(other)) & (other < MOST_SPIKES))
        if odd.any() and self._no_spikes is None:
            self._no_spikes = first_marked(start, odd, reference, other)
        a = reference.astype(np.int64)
        b = np.where(odd, reference, other).astype(np.int64)
        self._counts[0] += a.sum(axis=0)
        self._counts[1] += b.sum(axis=0)
        self._matching.take(start, a, b)

    def verdict(self) -> NodeVerdict:
        self._matching.finish()
        found, rate = self._matching, self._rate_error()
        places = [p for p in (found.first, self._no_spikes) if p is not None]
        by = None
        allowed = self.tolerance.rate
        if places and self._no_spikes is None and allowed and rate <= allowed:
            by, places = "rate", []
        elif not places and self._differing:
            by = "jitter"
        fails = bool(places)
        shift = self._shift.found if fails else None
        if shift is not None and abs(shift) <= self.tolerance.jitter:
            shift = None  # that was allowed: it does not say what failed
        return NodeVerdict(
            self.key,
            True,
            "fails" if fails else ("within tolerance" if by else "exact"),
            by,
            self._elements,
            self._differing,
            expected=int(self._counts[0].sum()),
            missing=found.missing,
            extra=found.extra,
            jitter=found.widest,
            rate_error=rate,
            first_divergence=_divergence(self.key, self.shape, min(places, default=None)),
            kind=kind_of(found, shift, self._no_spikes is not None) if fails else "",
            at_ends=found.at_ends,
        )

    def _rate_error(self) -> float:
        wanted, got = self._counts
        with np.errstate(divide="ignore", invalid="ignore"):
            error = np.where(wanted == got, 0.0, np.abs(got - wanted) / wanted)
        return float(error.max(initial=0.0))


class ValueJudge:
    """Values: equal, or within some LSB.

    Arguments: as for `SpikeJudge`.
    """

    def __init__(self, key: str, shape: Shape, dtype: np.dtype, tolerance: Tolerance, steps: int):
        self.key, self.shape = key, shape
        self.differs_from: int | None = None
        self._lsb = tolerance.lsb_of(key)
        self._allowed = tolerance.membrane * (self._lsb or 0.0)
        self._slack = 2 * float(np.finfo(dtype).eps)
        self._elements = self._differing = 0
        self._error = self._largest = 0.0
        self._first: Unmatched | None = None
        self._real, self._whole, self._silent = False, True, True

    def take(self, start: int, reference: np.ndarray, other: np.ndarray) -> None:
        differs = ~same_bits(reference, other)
        self._elements += reference.size
        count = int(np.count_nonzero(differs))
        self._whole &= bool((np.isfinite(other) & (other == np.floor(other))).all())
        self._silent &= not other.any()
        finite = np.abs(reference, where=np.isfinite(reference), out=np.zeros_like(reference))
        self._real |= bool((finite != np.floor(finite)).any())
        self._largest = max(self._largest, float(finite.max(initial=0.0)))
        if not count:
            return
        self._differing += count
        if self.differs_from is None:
            self.differs_from = start + int(differs.any(axis=1).argmax())
        a, b = reference.astype(np.float64), other.astype(np.float64)
        with np.errstate(invalid="ignore", over="ignore"):
            error = np.where(differs, np.abs(a - b), 0.0)
            error = np.nan_to_num(error, nan=np.inf, posinf=np.inf)
            # A value that is exactly one LSB off may be a rounding error further away.
            slack = np.nan_to_num(self._slack * np.maximum(np.abs(a), np.abs(b)), posinf=0.0)
        self._error = max(self._error, float(error.max()))
        beyond = error > (self._allowed + slack if self._allowed else 0.0)
        if self._first is None and beyond.any():
            self._first = first_marked(start, beyond, reference, other)

    def verdict(self) -> NodeVerdict:
        fails, within = self._first is not None, bool(self._differing)
        found = NodeVerdict(
            self.key,
            False,
            "fails" if fails else ("within tolerance" if within else "exact"),
            "lsb" if within and not fails else None,
            self._elements,
            self._differing,
            error=self._error,
            lsb_error=None if self._lsb is None else self._error / self._lsb,
            first_divergence=_divergence(self.key, self.shape, self._first),
            largest=self._largest,
        )
        scaled = self._real and self._whole and not self._silent
        if fails and scaled and not is_rounding(found):
            return replace(found, kind=WHOLE_NUMBERS)
        return found


def first_marked(start: int, marked: np.ndarray, a: np.ndarray, b: np.ndarray) -> Unmatched:
    """The earliest marked element of a chunk [time, column]."""
    step = int(marked.any(axis=1).argmax())
    column = int(marked[step].argmax())
    return Unmatched(start + step, column, float(a[step, column]), float(b[step, column]))


def _divergence(key: str, shape: Shape, place: Unmatched | None) -> Divergence | None:
    if place is None:
        return None
    index = tuple(int(i) for i in np.unravel_index(place.column, shape)) if shape else ()
    return Divergence(place.step, key, index, place.reference, place.other)
