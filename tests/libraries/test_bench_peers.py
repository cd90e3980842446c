"""The peers of `nirx bench` are built of the real libraries and compute what nirx computes."""

from dataclasses import replace

import pytest

from nirx_conformance.benchmarks import networks, runs
from nirx_conformance.benchmarks.measure import Wanted, measure
from nirx_conformance.benchmarks.suite import NEXT

for library in ("nirtorch", "norse", "snntorch", "sinabs", "spikingjelly", "spyx"):
    pytest.importorskip(library, reason=f"{library} is installed by `make libraries` only")

LIBRARIES = ["nirtorch", "norse", "snntorch", "sinabs", "spikingjelly"]

NETWORKS = {
    "feed-forward": networks.feed_forward((20, 12, 5)),
    "recurrent": networks.recurrent((20, 12, 5)),
    "current-based": networks.braille((12, 10, 4)),
    "images": networks.images((2, 10, 10), (3, 4, 4), 6, 3),
}


def row_of(peer, graph, discretization=networks.DISCRETIZATION, backend="torch", **options):
    options = {"batch": 2, "steps": 40, "density": 0.3, **options}
    case = runs.case_of("net", graph, discretization, **options)
    rows = measure(case, Wanted([backend], peers=[peer], repeats=1))
    assert rows[0].status == "measured"
    return rows[-1]


@pytest.mark.parametrize("peer", LIBRARIES)
@pytest.mark.parametrize("network", NETWORKS)
def test_a_library_computes_the_same_spikes(peer, network):
    row = row_of(peer, NETWORKS[network])
    assert row.status == "measured", row.reason
    assert row.late == 0


@pytest.mark.parametrize("peer", LIBRARIES)
def test_a_library_trains(peer):
    assert row_of(peer, NETWORKS["recurrent"], train=True).status == "measured"


@pytest.mark.parametrize("train", [False, True])
def test_spyx_is_one_step_late_for_each_layer(train):
    graph = networks.feed_forward((20, 12, 5), bias=0.0)
    row = row_of("spyx", graph, NEXT, "jax", train=train)
    assert (row.status, row.late) == ("measured", 2), row.reason


def test_spyx_says_why_it_cannot_run_a_network():
    row = row_of("spyx", NETWORKS["feed-forward"], backend="jax")
    assert row.status == "cannot run"
    assert "one step after the spike" in row.reason


def test_snntorch_subtracts_in_the_next_step():
    assert row_of("snntorch", NETWORKS["feed-forward"], NEXT).status == "measured"


@pytest.mark.parametrize("peer", ["norse", "sinabs", "spikingjelly"])
def test_what_a_library_cannot_represent_is_said(peer):
    row = row_of(peer, NETWORKS["feed-forward"], replace(NEXT))
    assert row.status == "cannot run"
    assert "reset_when" in row.reason


@pytest.mark.parametrize("network", ["feed-forward", "recurrent", "current-based", "images"])
@pytest.mark.parametrize("train", [False, True])
def test_the_scan_by_hand(network, train):
    assert row_of("scan", NETWORKS[network], backend="jax", train=train).status == "measured"
