"""Norse: its cells, one call of the network per step, as in its documentation.

It has no module over time for LIFBoxCell; Lift is a loop over steps too.
"""

from __future__ import annotations

from nirx_conformance.benchmarks.peers.torch_chain import StepByStep, parts_of, torch_subject
from nirx_conformance.benchmarks.subject import Case, Subject

__all__ = ["build"]


def build(case: Case) -> Subject:
    """See `nirx_conformance.benchmarks.peers.Build`."""
    _, parts = parts_of(case, "norse")
    model = StepByStep(parts, lambda cell, x, state: cell(x, state))
    return torch_subject("norse", case, model, note="cells, step by step; SuperSpike, slope 100")
