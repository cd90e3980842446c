"""The verdict on one recording, from both sides of it chunk by chunk."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace

import numpy as np

from nirx.comparison.divergence import Divergence
from nirx.comparison.ulp import same_bits
from nirx.comparison.whole_shift import WholeShift
from nirx.dynamics.ops import Shape
from nirx.verification.result import NodeVerdict
from nirx.verification.spike_matching import OpenMatching, Unmatched, earlier, first_marked
from nirx.verification.tolerance import Tolerance

__all__ = ["Judge", "SpikeJudge", "ValueJudge"]

MOST_SPIKES = 2**31
"""Of one neuron in one step; a larger number is not a number of spikes."""
WHOLE_NUMBERS = "the recording holds whole numbers: scale it to the reference's unit, and set --lsb"
"""For values in a chip's own integer unit."""
FRACTIONS = "the recording holds fractions, the reference integers: scale it to the chip's unit"
NO_SPIKES = "the recording is not a spike train: it holds numbers other than spike counts"
NO_COUNTS = "the reference holds numbers other than spike counts, such as infinity"


class Judge(ABC):
    """Compares one recording with the reference.

    Arguments:
        key: of the recording.
        shape: `[*batch, *features]` of one step.

    `differs_from` is the first step in which any number differs, whether allowed or not; `active`
    says whether either side holds any number but 0.
    """

    def __init__(self, key: str, shape: Shape):
        self.key, self._shape = key, shape
        self.differs_from: int | None = None
        self.active = False
        self._elements = self._differing = 0

    def take(self, start: int, reference: np.ndarray, observed: np.ndarray) -> None:
        """The next steps of both, `[time, column]`; `start` is the first of them."""
        self.active = self.active or bool(reference.any() or observed.any())
        differs = ~same_bits(reference, observed)
        self._elements += differs.size
        self._differing += int(np.count_nonzero(differs))
        if self._differing and self.differs_from is None:
            self.differs_from = start + int(differs.any(axis=1).argmax())
        self._take(start, reference, observed, differs)

    @abstractmethod
    def _take(self, start: int, reference: np.ndarray, observed: np.ndarray, differs: np.ndarray):
        """As `take`; `differs` marks the unequal numbers."""

    @abstractmethod
    def verdict(self) -> NodeVerdict:
        """After all steps."""

    def _divergence(self, place: Unmatched | None) -> Divergence | None:
        if place is None:
            return None
        index = tuple(int(i) for i in np.unravel_index(place.column, self._shape))
        return Divergence(place.step, self.key, index, place.reference, place.observed)


class SpikeJudge(Judge):
    """Spikes: equal, each within the jitter, or the spike counts within the rate.

    Arguments:
        key, shape: as for `Judge`.
        dtype: of the reference.
        tolerance: what is allowed.
        steps: of the comparison.
    """

    def __init__(self, key: str, shape: Shape, dtype: np.dtype, tolerance: Tolerance, steps: int):
        super().__init__(key, shape)
        width = int(np.prod(shape, dtype=np.int64))
        self._tolerance = tolerance
        self._shift = WholeShift(width, dtype)
        self._matching = OpenMatching(tolerance.jitter, steps)
        self._counts = np.zeros((2, width), np.int64)
        self._no_spikes: Unmatched | None = None
        self._whose = ""

    def _take(self, start: int, reference: np.ndarray, observed: np.ndarray, differs: np.ndarray):
        self._shift.take(reference, observed)
        # What is not a number of spikes (0.5, NaN, -1, infinity) is beyond any tolerance.
        a, counts = _counts_of(reference)
        b, observed_counts = _counts_of(observed)
        odd = differs & ~(counts & observed_counts)
        if odd.any() and self._no_spikes is None:
            self._no_spikes = first_marked(start, odd, reference, observed)
            self._whose = NO_SPIKES if (odd & ~observed_counts).any() else NO_COUNTS
        b = np.where(odd, a, b)
        self._counts += (a.sum(axis=0), b.sum(axis=0))
        self._matching.take(start, a, b)

    def verdict(self) -> NodeVerdict:
        self._matching.finish()
        found, rate = self._matching, self._rate_error()
        by, kind = None, ""
        first = earlier(found.first, self._no_spikes)
        if first is None:
            by = "jitter" if self._differing else None
        elif self._no_spikes is not None:
            kind = self._whose
        elif self._tolerance.rate and rate <= self._tolerance.rate:
            by, first = "rate", None
        elif (shift := self._shift.found) is not None and abs(shift) > self._tolerance.jitter:
            kind = _shift_text(shift)  # a shift within the jitter is not what failed
        else:
            kind = _counts_text(found.missing, found.extra)
        return NodeVerdict(
            self.key,
            True,
            by,
            self._elements,
            self._differing,
            expected=int(self._counts[0].sum()),
            missing=found.missing,
            extra=found.extra,
            jitter=found.widest,
            at_ends=found.at_ends,
            rate_error=rate,
            first_divergence=self._divergence(first),
            kind=kind,
        )

    def _rate_error(self) -> float:
        expected, observed = self._counts
        with np.errstate(divide="ignore", invalid="ignore"):
            relative = np.abs(observed - expected) / expected
        return float(np.where(expected == observed, 0.0, relative).max(initial=0.0))


def _counts_of(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Values as numbers of spikes, with 0 for those that are none; and which of them are."""
    with np.errstate(invalid="ignore"):
        good = (values >= 0) & (values == np.floor(values)) & (values < MOST_SPIKES)
    return np.where(good, values, 0).astype(np.int64), good


class ValueJudge(Judge):
    """Values: equal, or within some LSB.

    Arguments: as for `SpikeJudge`.
    """

    def __init__(self, key: str, shape: Shape, dtype: np.dtype, tolerance: Tolerance, steps: int):
        super().__init__(key, shape)
        self._lsb = tolerance.lsb_of(key)
        self._allowed = tolerance.membrane * (self._lsb or 0.0)
        self._units = tolerance.whole
        self._slack = 0.0 if self._units else 2 * float(np.finfo(dtype).eps)
        self._error = self._largest = 0.0
        self._first: Unmatched | None = None
        # Whether the reference holds fractions; whether the recording holds whole numbers only.
        self._fractions, self._whole, self._silent = False, True, True

    def _take(self, start: int, reference: np.ndarray, observed: np.ndarray, differs: np.ndarray):
        self._whole &= bool((np.isfinite(observed) & (observed == np.floor(observed))).all())
        self._silent &= not observed.any()
        finite = np.abs(reference, where=np.isfinite(reference), out=np.zeros_like(reference))
        self._fractions |= bool((finite != np.floor(finite)).any())
        self._largest = max(self._largest, float(finite.max(initial=0.0)))
        if not differs.any():
            return
        a, b = reference.astype(np.float64), observed.astype(np.float64)
        with np.errstate(invalid="ignore", over="ignore"):
            error = np.where(differs, np.abs(a - b), 0.0)
            error = np.nan_to_num(error, nan=np.inf, posinf=np.inf)
            # Rounding can push a value that is exactly one LSB off slightly beyond it.
            slack = np.nan_to_num(self._slack * np.maximum(np.abs(a), np.abs(b)), posinf=0.0)
        self._error = max(self._error, float(error.max()))
        beyond = error > (self._allowed + slack if self._allowed else 0.0)
        if self._first is None and beyond.any():
            self._first = first_marked(start, beyond, reference, observed)

    def verdict(self) -> NodeVerdict:
        found = NodeVerdict(
            self.key,
            False,
            "lsb" if self._differing and self._first is None else None,
            self._elements,
            self._differing,
            error=self._error,
            lsb_error=None if self._lsb is None else self._error / self._lsb,
            largest=self._largest,
            first_divergence=self._divergence(self._first),
            units=self._units,
        )
        if self._units and not self._whole and found.verdict == "fails":
            return replace(found, kind=FRACTIONS)
        unscaled = self._fractions and self._whole and not self._silent
        if unscaled and found.verdict == "fails" and not found.off_by_rounding:
            return replace(found, kind=WHOLE_NUMBERS)
        return found


def _shift_text(shift: int) -> str:
    """`"every spike is 2 steps late"`; a negative shift is early."""
    late = "late" if shift > 0 else "early"
    return f"every spike is {abs(shift)} step{'s' * (abs(shift) > 1)} {late}"


def _counts_text(missing: int, extra: int) -> str:
    """`"3 spikes differ: 1 missing, 2 too many"`."""
    if (missing, extra) == (1, 0):
        return "one spike missing"
    if (missing, extra) == (0, 1):
        return "one spike too many"
    return f"{missing + extra:,} spikes differ: {missing:,} missing, {extra:,} too many"
