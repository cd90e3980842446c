"""`compare` finds planted differences exactly where they are, and nothing else."""

from __future__ import annotations

import nir
import numpy as np
import pytest

import nirx
from nirx.comparison.divergence import Divergence
from support.graphs import chain, numbers, varied_lif

RULE = nirx.Discretization(dt=1e-3)
STEPS, BATCH = 20, 2


@pytest.fixture
def graph():
    li = nir.LI(numbers(3, low=1e-2, high=2e-2), numbers(3, low=1, high=2), numbers(3) / 9)
    return chain({"lif": varied_lif(3), "li": li}, 3)


@pytest.fixture
def xs():
    return np.random.default_rng(6).random((STEPS, BATCH, 3)).astype(np.float32)


@pytest.fixture
def planted(graph):
    """Makes a backend that returns what NumPy does, with recordings changed by `plant(rec)`."""
    net = nirx.from_nir(graph, backend="numpy", discretization=RULE)

    def planted(plant):
        def backend(xs):
            ys, state, rec = net.run(xs, record="all")
            rec = {key: value.copy() for key, value in rec.items()}
            plant(rec)
            return ys, state, rec

        return backend

    return planted


@pytest.fixture
def against(graph, xs, planted):
    def against(plant, **options):
        backends = ("numpy", planted(plant))
        return nirx.compare(graph, xs, backends, discretization=RULE, **options)

    return against


def test_without_a_difference_nothing_is_found(against):
    c = against(lambda rec: None, tolerance=0.0)
    assert (c.agree, c.bitwise, c.max_ulp, c.spike_mismatches) == (True, True, 0, 0)
    assert c.first_divergence is None
    assert set(c.recordings["numpy"]) == {"input", "lif", "lif.v", "li", "li.v", "output"}
    assert c.spiking == ("lif",)
    assert c.recordings["numpy"]["lif"].sum() > 0


def test_one_flipped_spike(against):
    def flip(rec):
        rec["lif"][7, 1, 2] = 1 - rec["lif"][7, 1, 2]

    c = against(flip, tolerance=1e9)
    old = float(c.recordings["numpy"]["lif"][7, 1, 2])
    assert c.first_divergence == Divergence(7, "lif", (1, 2), old, 1 - old)
    assert (c.agree, c.bitwise, c.spike_mismatches) == (False, False, 1)


@pytest.mark.parametrize("record", [["lif"], [("lif",)]])
def test_spikes_are_recognized_by_text_and_by_tuple(record, graph, xs, planted):
    def backend(xs):
        net = nirx.from_nir(graph, backend="numpy", discretization=RULE)
        ys, state, rec = net.run(xs, record=record)
        rec[record[0]][3, 0, 0] += 1
        return ys, state, rec

    c = nirx.compare(graph, xs, ("numpy", backend), discretization=RULE, record=record)
    assert c.spike_mismatches == 1
    assert c.first_divergence is not None
    assert (c.first_divergence.step, c.first_divergence.index) == (3, (0, 0))


def test_spikes_one_step_late(against):
    def shift(rec):
        rec["lif"][1:] = rec["lif"][:-1].copy()
        rec["lif"][0] = 0

    c = against(shift)
    spikes = c.recordings["numpy"]["lif"]
    step = int(np.flatnonzero(spikes.any(axis=(1, 2)))[0])
    assert c.first_divergence is not None
    assert (c.first_divergence.step, c.first_divergence.node) == (step, "lif")
    assert (c.first_divergence.reference, c.first_divergence.other) == (1.0, 0.0)
    late = np.concatenate([0 * spikes[:1], spikes[:-1]])
    assert c.spike_mismatches == (late != spikes).sum() > 1


def test_one_ulp(against):
    def nudge(rec):
        rec["li.v"][5, 1, 0] = np.nextafter(rec["li.v"][5, 1, 0], np.float32(np.inf))

    exact, loose = against(nudge, tolerance=0.0), against(nudge)
    value = exact.recordings["numpy"]["li.v"][5, 1, 0]
    above = float(np.nextafter(value, np.float32(np.inf)))
    assert exact.first_divergence == Divergence(5, "li.v", (1, 0), float(value), above)
    assert not exact.agree
    assert not exact.bitwise
    assert (exact.max_ulp, exact.spike_mismatches) == (1, 0)
    assert (loose.agree, loose.bitwise, loose.max_ulp) == (True, False, 1)
    by_key = {node.key: node for node in exact.others[0].nodes}
    assert [key for key, node in by_key.items() if node.differing] == ["li.v"]
    assert by_key["li.v"].elements == STEPS * BATCH * 3


@pytest.mark.parametrize(("factor", "agree"), [(0.9, True), (1.1, False)])
def test_the_tolerance_is_relative_to_the_nodes_largest_magnitude(factor, agree, against):
    def shift(rec):
        rec["li"][9, 0, 1] += np.float32(factor * 1e-2) * np.abs(rec["li"]).max()

    c = against(shift, tolerance=1e-2)
    assert c.agree is agree
    if not agree:
        assert c.first_divergence is not None
        assert (c.first_divergence.step, c.first_divergence.node) == (9, "li")


def test_nan_on_one_side_is_a_divergence_and_on_both_is_not(graph, xs, planted):
    def spoil(rec):
        rec["li.v"][4, 0, 2] = np.nan

    def run(*backends):
        return nirx.compare(graph, xs, backends, discretization=RULE)

    one = run("numpy", planted(spoil))
    assert one.first_divergence is not None
    assert (one.first_divergence.step, one.first_divergence.index) == (4, (0, 2))
    assert np.isnan(one.first_divergence.other)
    assert one.max_ulp == np.inf
    both = run(planted(spoil), planted(spoil))
    assert both.bitwise
    assert both.agree


def test_the_earliest_divergence_of_all_backends_counts(graph, xs, planted):
    def at(step):
        def plant(rec):
            rec["li"][step, 0, 0] += 1

        return planted(plant)

    c = nirx.compare(graph, xs, ("numpy", at(9), at(2), at(5)), discretization=RULE)
    assert [o.first_divergence.step for o in c.others if o.first_divergence] == [9, 2, 5]
    assert c.first_divergence is not None
    assert c.first_divergence.step == 2
    assert len({o.backend for o in c.others}) == 3, "three backends of one name stay apart"
