"""`nirx.diagnose` finds rules planted in random graphs, from the spikes alone."""

from __future__ import annotations

from dataclasses import replace
from itertools import count, islice

import numpy as np
import pytest

import nirx
from nirx_conformance.planted import planted_case, recover

GRAPHS = 20
CASES = dict(islice(((seed, own) for seed in count() if (own := planted_case(seed))), GRAPHS))


@pytest.mark.slow
@pytest.mark.parametrize("seed", CASES)
@pytest.mark.sampled(5)
def test_the_planted_rule_is_never_ruled_out(seed):
    assert recover(CASES[seed])[0].faults == ()


@pytest.mark.exhaustive
def test_other_rules_are_ruled_out():
    """A diagnosis that allows everything would always allow the planted rule."""
    found = [recover(case)[0] for case in list(CASES.values())[:10]]
    assert sum(r.pinned for r in found) > 0.3 * sum(r.choices for r in found)
    assert sum(r.silent for r in found) < 0.2 * sum(r.nodes for r in found)


def test_another_integrator_is_ruled_out():
    case = CASES[0]
    _, found = recover(case)
    planted = case.discretization
    other = replace(planted, integrator="exponential", overrides={})
    if planted.integrator == "exponential":
        other = replace(planted, integrator="euler", input_gain="matched", overrides={})
    pinned = [n for n in found.nodes if "integrator" in n.pinned]
    assert all(not n.allows(other) for n in pinned)
    assert all(n.allows(planted) for n in found.nodes)


def test_the_check_fails_where_the_recording_is_disturbed(monkeypatch):
    real = nirx.diagnose

    def disturbed(graph, xs, observed, **options):
        observed = {k: v.copy() for k, v in observed.items()}
        for spikes in observed.values():
            spikes[np.arange(len(spikes)) % 3 == 0] = 1
        return real(graph, xs, observed, **options)

    monkeypatch.setattr(nirx, "diagnose", disturbed)
    assert recover(CASES[0])[0].faults
