"""`nirx.diagnose` names what was planted in random graphs, from the spikes alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nirx_conformance.planted import planted_case, recover

pytestmark = pytest.mark.slow

GRAPHS = 20


def seeds() -> list[int]:
    return [seed for seed in range(3 * GRAPHS) if planted_case(seed) is not None][:GRAPHS]


@pytest.mark.parametrize("seed", seeds())
def test_the_planted_rule_is_among_those_named(seed):
    case = planted_case(seed)
    assert case is not None
    recovery, _ = recover(case)
    assert recovery.faults == ()


def test_naming_is_not_vacuous():
    """A set that names everything would always hold the planted rule."""
    found = [recover(case)[0] for case in map(planted_case, range(12)) if case is not None]
    assert sum(r.pinned for r in found) > 0.3 * sum(r.choices for r in found)
    assert sum(r.silent for r in found) < 0.2 * sum(r.nodes for r in found)


def test_a_rule_that_was_not_planted_is_not_named():
    case = next(c for c in map(planted_case, range(60)) if c is not None)
    _, found = recover(case)
    planted = case.discretization
    other = replace(planted, integrator="exponential", overrides={})
    if planted.integrator == "exponential":
        other = replace(planted, integrator="euler", overrides={})
    pinned = [n for n in found.nodes if "integrator" in n.pinned]
    assert all(not n.allows(other) for n in pinned)
    assert all(n.allows(planted) for n in found.nodes)


def test_the_check_fails_where_the_recording_is_disturbed(monkeypatch):
    import nirx

    real = nirx.diagnose

    def disturbed(graph, xs, observed, **options):
        observed = {k: v.copy() for k, v in observed.items()}
        for spikes in observed.values():
            spikes[np.arange(len(spikes)) % 3 == 0] = 1
        return real(graph, xs, observed, **options)

    monkeypatch.setattr(nirx, "diagnose", disturbed)
    case = next(c for c in map(planted_case, range(60)) if c is not None)
    assert recover(case)[0].faults
