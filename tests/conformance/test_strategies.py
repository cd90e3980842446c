"""The strategies cover what they promise, and their networks are worth running."""

from collections import Counter
from typing import Any

import nir
import numpy as np
import pytest
from hypothesis import given, settings

from nirx import Discretization
from nirx.dynamics.discretization import CHOICES
from nirx_conformance import oracle
from nirx_conformance.oracle.inlining import inline
from nirx_conformance.oracle.late_edges import back_edges, edges_on_cycles, reachable
from nirx_conformance.oracle.network import Network
from nirx_conformance.strategies import cases, discretizations, graphs, random_case
from nirx_conformance.strategies.loops import NEURON_TYPES, is_legal

SEEDS = range(400)

TYPES = {
    *(nir.Input, nir.Output, nir.Affine, nir.Linear, nir.Scale, nir.Conv1d, nir.Conv2d),
    *(nir.SumPool2d, nir.AvgPool2d, nir.Flatten, nir.Delay, nir.Threshold, nir.NIRGraph),
    *NEURON_TYPES,
}


@pytest.fixture(scope="module")
def drawn():
    return [random_case(seed) for seed in SEEDS]


def everything(graph: nir.NIRGraph, depth: int = 0):
    """Every node of every level with its name, its depth and the graph around it."""
    for name, node in graph.nodes.items():
        yield name, node, depth, graph
        if isinstance(node, nir.NIRGraph):
            yield from everything(node, depth + 1)


def loops_of(case) -> set[str]:
    """The kinds of loop in a case."""
    network = Network(case.graph, case.discretization)
    edges = set(network.edges)
    delays = {p for p, n in network.nodes.items() if n.breaks_cycles}
    neurons = {p for p, n in network.nodes.items() if n.neuron}
    within_a_step = {(a, b) for a, b in edges if b not in delays}
    cyclic = edges_on_cycles(network.nodes, within_a_step)
    seen = reachable(network.inputs, edges)
    kinds = set()
    if any(a == b and a in neurons for a, b in cyclic):
        kinds.add("self-loop")
    if any(a != b and a[:-1] == b[:-1] for a, b in cyclic):
        kinds.add("ring")
    if any(a[:-1] != b[:-1] for a, b in cyclic):
        kinds.add("through a subgraph")
    if edges_on_cycles(network.nodes, edges) - cyclic:
        kinds.add("delay")
    if any(a not in seen for a, _ in cyclic):
        kinds.add("no Input")
    if case.discretization.feedback == "back-edges":
        left = edges_on_cycles(network.nodes, within_a_step - natural(network, cyclic))
        if any(a in seen for a, _ in left):
            kinds.add("several entries")
    else:
        kinds.add("component")
    return kinds


def natural(network: Network, cyclic) -> set:
    return back_edges(cyclic, set(network.edges), network.inputs)


@pytest.mark.slow
def test_a_seed_always_gives_the_same_case(drawn):
    for seed in SEEDS[:20]:
        again = random_case(seed)
        assert repr(again) == repr(drawn[seed])
        ours = oracle.run(again.graph, again.discretization, again.inputs)
        first = oracle.run(drawn[seed].graph, drawn[seed].discretization, drawn[seed].inputs)
        for key, value in ours.recordings.items():
            np.testing.assert_array_equal(value, first.recordings[key])


def test_every_node_type_is_frequent(drawn):
    counts = Counter(type(node) for case in drawn for _, node, _, _ in everything(case.graph))
    assert set(counts) == TYPES
    assert len(TYPES) == 19
    assert min(counts.values()) >= 20, counts


def test_every_kind_of_loop_is_frequent(drawn):
    counts = Counter(kind for case in drawn for kind in loops_of(case))
    kinds = {
        *("self-loop", "ring", "through a subgraph", "delay", "no Input", "several entries"),
        "component",
    }
    assert set(counts) == kinds
    assert min(counts.values()) >= 10, counts


def test_nesting_goes_three_levels_deep(drawn):
    depths = Counter(max(depth for _, _, depth, _ in everything(case.graph)) for case in drawn)
    assert set(depths) == {0, 1, 2, 3}
    assert min(depths.values()) >= 20, depths


def test_ports_and_edges_occur_in_every_form(drawn):
    seen = Counter()
    for case in drawn:
        for _, node, depth, _ in everything(case.graph):
            if isinstance(node, nir.NIRGraph):
                seen["inner Inputs", min(len(node.inputs), 2), depth > 0] += 1
                seen["inner Outputs", min(len(node.outputs), 2), depth > 0] += 1
        for graph in (case.graph, *(n for _, n, _, _ in everything(case.graph))):
            if not isinstance(graph, nir.NIRGraph):
                continue
            ends = [end for edge in graph.edges for end in edge]
            seen["sub.port"] += sum(end not in graph.nodes for end in ends)
            seen["sub"] += sum(isinstance(graph.nodes.get(e), nir.NIRGraph) for e in ends)
            seen["twice"] += len(graph.edges) - len(set(graph.edges))
            into = Counter(b for _, b in set(graph.edges))
            seen["fan-in"] += sum(n > 1 for n in into.values())
        seen["outer Inputs", len(case.graph.inputs)] += 1
        seen["outer Outputs", len(case.graph.outputs)] += 1
        seen["batch axes", oracle_batch_axes(case)] += 1
        seen["dict"] += isinstance(case.inputs, dict)
        seen["overrides"] += bool(case.discretization.overrides)
    assert min(seen.values()) >= 10, seen
    assert {seen["outer Inputs", n] > 0 for n in (1, 2, 3)} == {True}
    assert {seen["outer Outputs", n] > 0 for n in (1, 2, 3)} == {True}
    assert {seen["batch axes", n] > 0 for n in (0, 1, 2)} == {True}
    for port in ("inner Inputs", "inner Outputs"):
        assert {seen[port, n, deep] > 0 for n in (1, 2) for deep in (True, False)} == {True}


def oracle_batch_axes(case) -> int:
    arrays = case.inputs if isinstance(case.inputs, dict) else {"": case.inputs}
    node = next(iter(case.graph.inputs.values()))
    return np.ndim(next(iter(arrays.values()))) - 1 - len(node.input_type["input"])


def test_geometries_occur_in_every_form(drawn):
    seen = Counter()
    for case in drawn:
        for _, node, _, _ in everything(case.graph):
            if isinstance(node, nir.Conv1d | nir.Conv2d):
                kernel = np.shape(node.weight)[2:]
                seen["grouped"] += node.groups > 1
                seen["dilated"] += bool(np.max(node.dilation) > 1 and max(kernel) > 1)
                seen["strided"] += bool(np.max(node.stride) > 1)
                seen["not square"] += len(set(kernel)) > 1
                seen[node.padding if isinstance(node.padding, str) else "number"] += 1
            if isinstance(node, nir.SumPool2d | nir.AvgPool2d):
                seen["padded pool"] += bool(np.max(node.padding) > 0)
            if isinstance(node, nir.Flatten):
                seen["declared Flatten", node.input_type["input"] is not None] += 1
                seen["negative start", node.start_dim < 0] += 1
            if isinstance(node, nir.Delay):
                steps = np.rint(node.delay / case.discretization.dt)
                seen["delay of 0 in some elements"] += bool((steps == 0).any() and steps.any())
                seen["whole-step delay"] += bool((steps > 0).all())
                assert steps.max() <= 5
            if isinstance(node, nir.Linear):
                seen["batched Linear"] += np.ndim(node.weight) > 2
            if isinstance(node, NEURON_TYPES):
                seen["parameter axes", np.ndim(node.r)] += 1
    assert min(seen.values()) >= 5, seen
    assert {"same", "valid", "number"} <= set(seen)
    assert {("parameter axes", n) for n in range(4)} <= set(seen)


def test_every_choice_occurs(drawn):
    for name, options in CHOICES.items():
        assert {getattr(case.discretization, name) for case in drawn} == set(options)
    assert {case.discretization.max_spikes for case in drawn} == {None, 1, 2, 3}


def test_every_graph_is_legal(drawn):
    for case in drawn:
        nodes, edges = inline(case.graph)
        entered = {target for _, target in edges}
        outer_inputs = {(name,) for name in case.graph.inputs}
        assert entered == set(nodes) - outer_inputs
        assert case.graph.inputs
        assert case.graph.outputs
        assert is_legal(case.graph, case.discretization.dt)


def test_an_algebraic_loop_is_not_legal():
    one: Any = np.array([1])
    nodes = {"in": nir.Input(one), "a": nir.Scale(np.ones(1)), "out": nir.Output(one)}
    edges = [("in", "a"), ("a", "out")]
    assert is_legal(nir.NIRGraph(nodes, edges, type_check=False), 1.0)
    assert not is_legal(nir.NIRGraph(nodes, [*edges, ("a", "a")], type_check=False), 1.0)


@pytest.mark.slow
def test_neurons_spike_but_not_always(drawn):
    """Over all neurons with single spikes: a silent or saturated network would prove little."""
    rates: dict[type, list[float]] = {}
    for case in drawn:
        result = oracle.run(case.graph, case.discretization, case.inputs)
        network = Network(case.graph, case.discretization)
        for path, node in network.nodes.items():
            key = oracle.path_text(path)
            if node.neuron and key in result.margins and node.rule.spikes == "single":
                rates.setdefault(type(node.node), []).append(result.recordings[key].mean())
    assert set(rates) == {nir.LIF, nir.IF, nir.CubaLIF}
    for own in rates.values():
        assert 0.2 <= np.mean(own) <= 0.6
        assert np.mean(np.equal(own, 0)) <= 0.2
        assert np.mean(np.equal(own, 1)) <= 0.1


@settings(max_examples=30, derandomize=True, deadline=None)
@given(graph=graphs(dt=0.5), d=discretizations(dt=0.5))
def test_hypothesis_draws_the_same_kind_of_graphs(graph, d):
    assert isinstance(d, Discretization)
    assert is_legal(graph, 0.5)
    assert Network(graph, d).outputs


@settings(max_examples=30, derandomize=True, deadline=None)
@given(case=cases())
def test_hypothesis_draws_cases_that_run(case):
    result = oracle.run(case.graph, case.discretization, case.inputs)
    assert set(result.outputs) == set(case.graph.outputs)
