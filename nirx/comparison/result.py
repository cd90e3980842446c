"""What `nirx.compare` finds: per recording, per backend, and over all backends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nirx.basics.printable import printable
from nirx.basics.shown import Shown
from nirx.comparison.digest import digest
from nirx.comparison.divergence import Divergence
from nirx.comparison.silence import NO_SILENCE, Silence, WithSilence
from nirx.comparison.whole_shift import shift_text
from nirx.dynamics.discretization import Discretization

__all__ = [
    "BackendComparison",
    "Comparison",
    "Fidelity",
    "NodeComparison",
    "earliest",
    "worst_fidelity",
]

Fidelity = str
"""`"exact"`, `"rounding"` or `"different"`; with a whole number of steps in between, also
`"exact, 2 steps later"` or `"rounding, 1 step earlier"`."""


@dataclass(frozen=True)
class NodeComparison:
    """One recording of one backend against the reference.

    Arguments:
        key: path of the node, or path and state variable.
        spikes: whether it holds spikes.
        elements: how many numbers were compared.
        differing: how many of them are not the same number.
        max_ulp, max_error: largest distance in ULP and in absolute terms.
        first_divergence: where it first exceeds the tolerance; None if it never does.
        later: the whole number of steps by which the recording is later than the reference (or
            earlier, if negative), where nothing else exceeds the tolerance; else 0.
        later_exact: whether the numbers are the same then.
    """

    key: str
    spikes: bool
    elements: int
    differing: int
    max_ulp: float
    max_error: float
    first_divergence: Divergence | None = None
    later: int = 0
    later_exact: bool = True

    @property
    def fidelity(self) -> Fidelity:
        """`"exact"`: the same numbers; `"rounding"`: spikes equal, values within the tolerance;
        the same with `", 2 steps later"`; else `"different"`."""
        if self.later:
            return f"{'exact' if self.later_exact else 'rounding'}, {shift_text(self.later)}"
        if self.first_divergence is not None:
            return "different"
        return "rounding" if self.differing else "exact"

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        first = self.first_divergence
        own = {"fidelity": self.fidelity, "first_divergence": first and first.to_dict()}
        return {**vars(self), **own}


@dataclass(frozen=True)
class BackendComparison:
    """One backend against the reference.

    Arguments:
        backend: its name.
        nodes: one entry per recording.
        first_divergence: where it first exceeds the tolerance; None if it never does.
    """

    backend: str
    nodes: tuple[NodeComparison, ...]
    first_divergence: Divergence | None

    @property
    def fidelity(self) -> Fidelity:
        """The worst of all nodes; of those that are only later or earlier, the largest shift."""
        return worst_fidelity(self.nodes)

    @property
    def first_difference(self) -> Divergence | None:
        """The earliest divergence that is more than a whole number of steps."""
        return earliest([node for node in self.nodes if not node.later])

    @property
    def bitwise(self) -> bool:
        """Whether every recorded number is the same."""
        return not any(n.differing for n in self.nodes)

    @property
    def max_ulp(self) -> float:
        """Largest distance between two recorded numbers."""
        return max((n.max_ulp for n in self.nodes), default=0.0)

    @property
    def spike_mismatches(self) -> int:
        """Number of elements of spike trains that differ."""
        return sum(n.differing for n in self.nodes if n.spikes)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "backend": self.backend,
            "agree": self.first_divergence is None,
            "bitwise": self.bitwise,
            "fidelity": self.fidelity,
            "max_ulp": self.max_ulp,
            "spike_mismatches": self.spike_mismatches,
            "first_divergence": self.first_divergence and self.first_divergence.to_dict(),
            "nodes": [node.to_dict() for node in self.nodes],
        }


@dataclass(frozen=True)
class Comparison(Shown, WithSilence):
    """The result of `nirx.compare`; prints as a table.

    Arguments:
        reference: name of the first backend.
        others: the other backends, each against the first.
        recordings: backend -> key -> array [time, *batch, *features].
        spiking: keys that hold spikes.
        tolerance: relative to a node's largest magnitude; 0 in reproducible mode.
        discretization: the one that all backends ran with.
        reproducible: whether they ran in reproducible mode.
        silence: which layers never spiked.
    """

    reference: str
    others: tuple[BackendComparison, ...]
    recordings: Mapping[str, Mapping[str, np.ndarray]]
    spiking: tuple[str, ...]
    tolerance: float
    discretization: Discretization
    reproducible: bool = False
    silence: Silence = NO_SILENCE

    @property
    def digests(self) -> dict[str, str]:
        """Per backend the SHA-256 of all its recordings (`nirx.digest`)."""
        return {name: digest(own) for name, own in self.recordings.items()}

    @property
    def rates(self) -> dict[str, dict[str, float]]:
        """Per backend and recording of spikes: spikes per neuron and step."""
        return {
            name: {key: float(np.mean(own[key])) for key in self.spiking if key in own}
            for name, own in self.recordings.items()
        }

    @property
    def agree(self) -> bool:
        """Whether no spike differs, and no value by more than the tolerance."""
        return self.first_divergence is None

    @property
    def bitwise(self) -> bool:
        """Whether all backends return the same numbers."""
        return all(o.bitwise for o in self.others)

    @property
    def max_ulp(self) -> float:
        """Largest distance of any backend from the reference."""
        return max((o.max_ulp for o in self.others), default=0.0)

    @property
    def spike_mismatches(self) -> int:
        """Elements of spike trains that differ from the reference's, over all backends."""
        return sum(o.spike_mismatches for o in self.others)

    @property
    def first_divergence(self) -> Divergence | None:
        """The earliest divergence of any backend; None if all agree."""
        return earliest(self.others)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON, without the recordings."""
        return {
            "reference": self.reference,
            "agree": self.agree,
            "bitwise": self.bitwise,
            "max_ulp": self.max_ulp,
            "spike_mismatches": self.spike_mismatches,
            "tolerance": self.tolerance,
            "dt": self.discretization.dt,
            "first_divergence": self.first_divergence and self.first_divergence.to_dict(),
            **self.silence.to_dict(),
            "backends": [other.to_dict() for other in self.others],
        }

    def __repr__(self) -> str:
        others = ", ".join(f"{other.backend}: {other.fidelity}" for other in self.others)
        count = len(self.recordings[self.reference])
        return (
            f"Comparison(agree={self.agree}, {printable(self.reference)} against "
            f"{printable(others)}; {count} recordings)"
        )

    def _parts(self) -> list[Any]:
        from nirx.comparison.table import comparison_table

        return comparison_table(self)


def earliest(parts: Sequence[Any]) -> Divergence | None:
    """The first `first_divergence` of several; of one step, that of the part that comes first."""
    found = [part.first_divergence for part in parts if part.first_divergence]
    return min(found, key=lambda divergence: divergence.step, default=None)


def worst_fidelity(nodes: Sequence[NodeComparison]) -> Fidelity:
    """The worst fidelity of several recordings; of those that are only later or earlier, that with
    the largest shift."""
    if any(node.first_divergence is not None and not node.later for node in nodes):
        return "different"
    inexact = any(node.differing and not (node.later and node.later_exact) for node in nodes)
    base = "rounding" if inexact else "exact"
    shift = max((node.later for node in nodes), key=abs, default=0)
    return f"{base}, {shift_text(shift)}" if shift else base
