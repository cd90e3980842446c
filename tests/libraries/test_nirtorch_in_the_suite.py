"""nirtorch 2.6 in the conformance suite: its faults show as failures that say where.

Runs in the optional environment of `make libraries`.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import pytest

from nirx_conformance.suite.outcome import Outcome
from nirx_conformance.suite.runner import Task, cases_of, run_tasks

pytest.importorskip("nirtorch", reason="nirtorch is installed by `make libraries` only")

NAME = "nirtorch_backend:BACKEND"


@pytest.fixture(scope="module")
def results():
    sys.path.insert(0, str(Path(__file__).parent))
    try:
        return run_tasks([Task(c.name, NAME) for c in cases_of("full")])
    finally:
        sys.path.pop(0)


def test_its_faults_are_failures_with_a_place(results):
    counts = Counter(r.outcome for r in results)
    assert counts[Outcome.PASS] >= 10
    assert counts[Outcome.FAIL] >= 3
    failed = [r for r in results if r.outcome is Outcome.FAIL]
    assert all("expected" in r.message or "requested" in r.message for r in failed)
    assert any("Affine" in r.types for r in failed)  # its bias is never loaded


def test_plain_neurons_pass(results):
    outcomes = {r.case: r.outcome for r in results}
    for kind in ("I", "IF", "LI", "LIF", "CubaLI", "CubaLIF"):
        assert outcomes[f"neuron {kind}"] is Outcome.PASS
