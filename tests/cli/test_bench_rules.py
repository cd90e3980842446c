"""What `nirx bench` measures at all: agreement comes first, and every refusal has a reason."""

from dataclasses import replace

import nir
import numpy as np
import pytest

import nirx
from nirx_conformance.benchmarks import networks, runs
from nirx_conformance.benchmarks.agreement import DIVERGING, agreement
from nirx_conformance.benchmarks.chain import chain_of
from nirx_conformance.benchmarks.measure import Wanted, measure, payload
from nirx_conformance.benchmarks.memory import peak_memory
from nirx_conformance.benchmarks.nirx_subjects import build_nirx
from nirx_conformance.benchmarks.page import markdown
from nirx_conformance.benchmarks.peers import PEERS
from nirx_conformance.benchmarks.subject import CannotRunError
from nirx_conformance.benchmarks.suite import NETWORKS, suite_cases
from support.graphs import lif, line, make_graph


def tiny(**options):
    settings = {"batch": 2, "steps": 30, "density": 0.3, **options}
    return runs.case_of(
        "tiny", networks.feed_forward((6, 5, 4)), networks.DISCRETIZATION, **settings
    )


def train(steps=40, seed=0):
    return (np.random.default_rng(seed).random((steps, 2, 5)) < 0.3).astype("float32")


def measured_with(name, change, case=None):
    """The row of a peer that changes what nirx computes."""

    def build(case):
        own = build_nirx("numpy", "fast", case)
        outputs = own.outputs
        assert outputs is not None
        return replace(own, name=name, outputs=lambda: change(outputs()))

    wanted = Wanted(["numpy"], peers=[name], repeats=2, own=((name, build),))
    return measure(case or tiny(), wanted)[-1]


def test_a_peer_that_computes_the_same_is_timed():
    row = measured_with("same", lambda ys: ys)
    assert (row.status, row.rounds) == ("measured", 2)
    assert row.median is not None
    assert row.ratio is not None


@pytest.mark.parametrize(("seconds", "rounds"), [(float("inf"), 7), (0.0, 1)])
def test_rounds_end_when_their_time_is_over(seconds, rounds):
    (row,) = measure(tiny(), Wanted(["numpy"], repeats=7, seconds=seconds))
    assert row.rounds == rounds


def test_a_peer_that_computes_something_else_is_refused():
    row = measured_with("wrong", lambda ys: 1 - ys)
    assert row.status == "computes something else"
    assert "first diverges at step 0, sample 0, neuron (0,)" in row.reason
    assert (row.median, row.first_call, row.ratio) == (None, None, None)


def test_a_whole_step_delay_counts_as_the_same_and_is_said():
    row = measured_with("late", lambda ys: np.concatenate([0 * ys[:1], ys[:-1]]))
    assert (row.status, row.late) == ("measured", 1)


def test_a_delay_of_more_steps_than_layers_is_something_else():
    row = measured_with("late", lambda ys: np.concatenate([0 * ys[:3], ys[:-3]]))
    assert row.status == "computes something else"


def test_a_peer_that_raises_is_listed_with_the_reason():
    def fail(ys):
        raise ValueError("no such layer\nand more")

    row = measured_with("broken", fail)
    assert (row.status, row.reason) == ("cannot run", "ValueError: no such layer")


def test_a_missing_library_is_said(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "norse", None)
    monkeypatch.delitem(sys.modules, "nirx_torch.bridges.norse", raising=False)
    row = measure(tiny(), Wanted(["torch"], peers=["norse"], repeats=1))[-1]
    assert row.status == "cannot run"
    assert "pip install norse" in row.reason


def test_backends_of_nirx_that_disagree_are_found():
    rows = measure(tiny(), Wanted(["numpy"], repeats=1))
    assert not runs.nirx_differs(payload(tiny(), rows))
    other = replace(rows[0], status="computes something else")
    assert runs.nirx_differs(payload(tiny(), [*rows, other]))
    peer = replace(other, name="norse")
    assert not runs.nirx_differs(payload(tiny(), [*rows, peer]))


def test_silence_is_no_agreement():
    row = measured_with("same", lambda ys: ys, tiny(steps=1))
    assert row.status == "cannot run"
    assert "silent" in row.reason


def test_without_a_backend_that_ran_nothing_is_compared():
    row = measure(tiny(train=True), Wanted(["numpy"], peers=["matmul torch"], repeats=1))
    assert [r.status for r in row] == ["cannot run", "floor"]
    assert row[1].ratio is None


def test_a_small_share_of_other_spikes_is_rounding_and_a_larger_one_is_not():
    expected = train(steps=200)
    count = np.count_nonzero(expected)
    few, many = int(count * DIVERGING * 0.9), int(count * DIVERGING * 2) + 1
    places = np.flatnonzero(expected)
    for flipped, same in ((few, True), (many, False)):
        found = expected.copy()
        found.flat[places[:flipped]] = 0
        assert agreement(expected, found, 0).same is same


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_no_numbers_differ(value):
    assert not agreement(train() * 0.5, np.full_like(train(), value), 2).same


def test_shapes_are_compared_too():
    assert "shape" in agreement(train(), train()[:, :1], 0).first


def test_a_delay_never_hides_most_of_the_output():
    expected = np.zeros((10, 1, 1), "float32")
    expected[8:] = 1
    assert not agreement(expected, np.zeros_like(expected), 9).same


def test_a_loop_is_a_part_of_its_layer():
    found = chain_of(networks.recurrent((3, 4, 2)), networks.DISCRETIZATION)
    assert [layer.name for layer in found.layers] == ["lif1", "lif2"]
    assert found.layers[0].feedback.weight.shape == (4, 4)
    assert found.layers[1].feedback is None


def test_ports_of_subgraphs_are_seen_through():
    inner = make_graph(line("input", "lif", "output"), 3, lif=lif(3))
    graph = make_graph(
        line("input", "sub", "fc", "output"), 3, 2, sub=inner, fc=nir.Linear(np.ones((2, 3)))
    )
    found = chain_of(graph, networks.DISCRETIZATION)
    assert [(layer.name, len(layer.weights)) for layer in found.layers] == [
        ("sub/lif", 0),
        ("fc", 1),
    ]


def test_a_skip_connection_is_no_chain():
    edges = [*line("input", "a", "b", "output"), ("a", "output")]
    graph = make_graph(edges, 3, a=lif(3), b=lif(3))
    with pytest.raises(CannotRunError, match="chain"):
        chain_of(graph, networks.DISCRETIZATION)


def test_several_inputs_are_refused():
    other = nir.Input({"input": np.array([3])})
    edges = [("input", "lif"), ("other", "lif"), ("lif", "output")]
    graph = make_graph(edges, 3, lif=lif(3), other=other)
    with pytest.raises(nirx.InputError, match="2 nodes of type Input"):
        runs.case_of("g", graph, networks.DISCRETIZATION)


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.name)
def test_the_suite_is_made_of_chains(network):
    chain = chain_of(network.build(), network.discretization)
    assert chain.input_shape == network.shape
    assert chain.spiking >= 1


@pytest.mark.slow
@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.name)
def test_no_network_of_the_suite_is_silent(network):
    batch, density, _ = network.runs[0]
    options = {"batch": batch, "steps": network.steps, "density": density}
    case = runs.case_of(network.name, network.build(), network.discretization, **options)
    outputs = build_nirx("numpy", "fast", case).outputs
    assert outputs is not None
    assert np.any(outputs())


def test_the_suite_measures_what_it_promises():
    cases = [case for _, case in suite_cases("float32", "cpu")]
    assert {case.density for case in cases} == {0.01, 0.05, 0.2}
    assert {1, 16, 128} <= {case.batch for case in cases}
    assert {case.train for case in cases} == {True, False}


@pytest.mark.exhaustive
def test_memory_is_measured_in_a_process_of_its_own():
    found = peak_memory("nirx numpy", tiny(steps=2000, batch=64))
    assert found is not None
    assert 1e5 < found < 1e9


def test_memory_of_what_cannot_run_is_none():
    assert peak_memory("nirx numpy", tiny(train=True)) is None


def test_the_page_says_where_nirx_loses_and_what_is_refused():
    case = tiny()
    rows = measure(case, Wanted(["numpy"], repeats=1))
    fast = replace(rows[0], name="quick", ratio=0.5, ratio_low=0.4, ratio_high=0.6)
    other = replace(rows[0], name="odd", status="computes something else", reason="spikes late")
    found = runs.result([payload(case, [*rows, fast, other])], "float32", "cpu")
    text = markdown(found, "nirx bench --suite")
    assert "- tiny, batch 2, 30 %: quick x0.50" in text
    assert "| quick |" in text
    assert "| odd |" not in text
    assert "- odd computes something else: spikes late" in text


def test_matmul_and_all_name_several_peers():
    assert runs.peer_names("matmul") == ["matmul torch", "matmul jax"]
    assert runs.peer_names("all") == list(PEERS)
    assert runs.peer_names("spyx,norse") == ["norse", "spyx"]
