"""Outcomes of a case on a backend, and how they count."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from nirx_conformance.suite.explanation import Explanation

__all__ = [
    "GOOD",
    "GRADIENTS",
    "INTEGERS",
    "LEVELS",
    "NEURONS",
    "Outcome",
    "Result",
    "node_outcome",
]

LEVELS = ("core", "recurrent", "full", "reproducible")
"""Each includes the one before it; `reproducible` runs all cases and compares bits."""

GRADIENTS = "gradients"
"""The level of gradients, with cases of its own."""

INTEGERS = "integers"
"""The level of the integers of chips, with cases of its own."""

NEURONS = "neurons"
"""The level of neurons outside NIR, recorded from the libraries that define them."""


class Outcome(StrEnum):
    """The outcome of a case. Unsupported does not count as a pass."""

    PASS = "pass"
    FAIL = "fail"
    XFAIL = "xfail"
    XPASS = "xpass"
    UNSUPPORTED = "unsupported"
    ERROR = "error"
    NOT_RUN = "not-run"


GOOD = frozenset({Outcome.PASS, Outcome.XFAIL, Outcome.UNSUPPORTED})
"""Outcomes that do not fail a run of the suite. Only a pass counts as passed."""

WORST_FIRST = (
    Outcome.ERROR,
    Outcome.FAIL,
    Outcome.XPASS,
    Outcome.NOT_RUN,
    Outcome.XFAIL,
    Outcome.UNSUPPORTED,
    Outcome.PASS,
)


@dataclass(frozen=True)
class Result:
    """One case on one backend.

    Arguments:
        case, backend: their names.
        types: the node types in the case's graph.
        seconds: including compilation.
        message: why it did not pass; the reason of an expected failure.
        explanation: of the comparison, if there was one.
        layers: number of spiking nodes in the case's graph; silent: those that never spike in
            the oracle's run. 0 and empty where only digests, or nothing, was compared.
    """

    case: str
    backend: str
    outcome: Outcome
    types: tuple[str, ...] = ()
    seconds: float = 0.0
    message: str = ""
    explanation: Explanation | None = None
    plot: Any = None
    """The traces around the first divergence, for the report."""
    layers: int = 0
    silent: tuple[str, ...] = ()

    @property
    def nothing_compared(self) -> bool:
        """Whether the case has spiking nodes and none of them ever spikes."""
        return 0 < self.layers == len(self.silent)

    def expected_to_fail(self, reason: str | None) -> Result:
        """The result given the reason in an xfail file, if any."""
        if reason is None:
            return self
        if self.outcome is Outcome.PASS:
            return replace(self, outcome=Outcome.XPASS, message=f"passes, but: {reason}")
        if self.outcome is Outcome.FAIL:
            return replace(self, outcome=Outcome.XFAIL, message=f"{reason} ({self.message})")
        return self


def node_outcome(results: list[Result]) -> Outcome:
    """The worst outcome in the results of a node type's cases. It passes when all of them do."""
    found = {result.outcome for result in results}
    return next((o for o in WORST_FIRST if o in found), Outcome.NOT_RUN)
