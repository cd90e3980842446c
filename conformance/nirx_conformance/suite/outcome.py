"""Outcomes: what can become of a case on a backend, and what counts as what."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from nirx_conformance.suite.explanation import Explanation

__all__ = ["GOOD", "LEVELS", "Outcome", "Result", "node_outcome"]

LEVELS = ("core", "recurrent", "full", "reproducible")
"""Each holds the one before it; `reproducible` runs all cases for their bits."""


class Outcome(StrEnum):
    """What became of a case. Unsupported is no pass."""

    PASS = "pass"
    FAIL = "fail"
    XFAIL = "xfail"
    XPASS = "xpass"
    UNSUPPORTED = "unsupported"
    ERROR = "error"
    NOT_RUN = "not-run"


GOOD = frozenset({Outcome.PASS, Outcome.XFAIL, Outcome.UNSUPPORTED})
"""What does not make a run of the suite fail. Only a pass is a pass."""

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
        seconds: that it took, compilation included.
        message: why it is no pass; the reason of an expected failure.
        explanation: of the comparison, where there was one.
    """

    case: str
    backend: str
    outcome: Outcome
    types: tuple[str, ...] = ()
    seconds: float = 0.0
    message: str = ""
    explanation: Explanation | None = None
    plot: Any = None
    """What a report draws of a failure: (key, expected, found) around the first divergence."""

    def expected_to_fail(self, reason: str | None) -> Result:
        """The same in the light of an xfail file."""
        if reason is None:
            return self
        if self.outcome is Outcome.PASS:
            return replace(self, outcome=Outcome.XPASS, message=f"passes, but: {reason}")
        if self.outcome is Outcome.FAIL:
            return replace(self, outcome=Outcome.XFAIL, message=f"{reason} ({self.message})")
        return self


def node_outcome(results: list[Result]) -> Outcome:
    """Of a node type: the worst of its cases. It passes when all of them do."""
    found = {result.outcome for result in results}
    return next((o for o in WORST_FIRST if o in found), Outcome.NOT_RUN)
