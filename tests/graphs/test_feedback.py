"""The feedback rule: named examples, and its sentences on random graphs."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest

from nirx.graphs.feedback import algebraic_loops, late_edges

Edge = tuple[int, int]


def late(text: str, inputs: str = "I", delays: str = "", feedback: str = "back-edges") -> set[str]:
    """Feedback edges of "I>n n>A A>n"; capitals A-H are stateless, small letters neurons."""
    edges = [tuple(word.split(">")) for word in text.split()]
    names = sorted({name for edge in edges for name in edge})
    number = {name: k for k, name in enumerate(names)}
    found = late_edges(
        len(names),
        [(number[a], number[b]) for a, b in edges],
        [number[n] for n in inputs if n in number],
        [n.islower() and n not in delays for n in names],
        [n in delays for n in names],
        feedback,
    )
    return {f"{names[a]}>{names[b]}" for a, b in found}


EXAMPLES = {
    "chain": ("I>a a>O", set()),
    "self-loop": ("I>a a>a a>O", {"a>a"}),
    "recurrent Affine": ("I>n n>A A>n n>O", {"A>n"}),
    "Affine first": ("I>A A>n n>A n>O", {"n>A"}),
    "ring of neurons": ("I>a a>b b>c c>a c>O", {"c>a"}),
    "ring left in the middle": ("I>a a>b b>c c>a b>O", {"c>a"}),
    "ring with a self-loop": ("I>a a>b b>a b>b b>O", {"b>a", "b>b"}),
    "two entries": ("I>a I>b a>b b>a a>O", {"a>b", "b>a"}),
    "two entries over Affines": ("I>a I>b a>A A>b b>B B>a a>O", {"a>A", "b>B"}),
    "two entries by two Inputs": ("I>a J>b a>b b>a a>O", {"a>b", "b>a"}),
    "one neuron, two entries": ("I>a I>B a>B B>a a>O", {"a>B"}),
    "inner loop of an outer one": ("I>a a>b b>c c>b c>a c>O", {"c>b", "c>a"}),
    "no Input reaches it": ("I>a p>q q>p q>a a>O", {"p>q", "q>p"}),
    "no Input reaches one neuron": ("I>a p>A A>p p>a a>O", {"p>A"}),
    "a figure eight": ("I>a a>b b>a a>c c>a a>O", {"b>a", "c>a"}),
    "parallel forward branch": ("I>a a>b a>c b>c c>a c>O", {"c>a"}),
    "natural and not": ("I>h h>a h>b a>b b>a b>h b>O", {"a>b", "b>a", "b>h"}),
    "a duplicate is one": ("I>a a>a a>a a>O", {"a>a"}),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_feedback_edges_of_named_examples(name):
    text, expected = EXAMPLES[name]
    assert late(text, "IJ") == expected


DELAYED = {
    "breaks its cycle": ("I>n n>d d>n n>O", set()),
    "after an Affine": ("I>n n>A A>d d>n n>O", set()),
    "without a neuron": ("I>A A>d d>A A>O", set()),
    "breaks only its own": ("I>n n>d d>n n>A A>n n>O", {"A>n"}),
    "opens one of two entries": ("I>a I>b a>b b>d d>a a>O", set()),
    "still counts for dominance": ("I>d d>n n>A A>n A>d n>O", {"A>n"}),
    "self-loop": ("I>d d>d d>O", set()),
}


@pytest.mark.parametrize("name", DELAYED)
def test_a_whole_step_delay_breaks_its_cycles(name):
    text, expected = DELAYED[name]
    assert late(text, delays="d") == expected


def test_a_delay_that_is_not_whole_breaks_nothing():
    assert late("I>n n>D D>n n>O") == {"D>n"}


def test_component_mode_delays_every_edge_that_leaves_a_neuron():
    assert late("I>a a>b b>a a>O", feedback="component") == {"a>b", "b>a"}
    assert late("I>n n>A A>n n>O", feedback="component") == {"n>A"}
    assert late("I>a a>b b>c c>b a>c c>O", feedback="component") == {"b>c", "c>b"}
    assert late("I>n n>d d>n n>O", delays="d", feedback="component") == set()


def random_case(seed: int) -> tuple[int, list[Edge], list[int], list[bool], list[bool]]:
    rng = np.random.default_rng(seed)
    count = int(rng.integers(2, 10))
    pairs = rng.integers(0, count, (int(rng.integers(1, 3 * count)), 2)).tolist()
    inputs = sorted(set(rng.integers(0, count, 2).tolist()))
    edges = [(a, b) for a, b in pairs if b not in inputs]
    kinds = rng.choice(["neuron", "delay", "plain"], count, p=[0.5, 0.2, 0.3])
    neuron = [k == "neuron" and i not in inputs for i, k in enumerate(kinds)]
    delay = [k == "delay" and i not in inputs for i, k in enumerate(kinds)]
    return count, edges, inputs, neuron, delay


def cyclic(count: int, edges: set[Edge]) -> set[Edge]:
    graph = nx.DiGraph()
    graph.add_nodes_from(range(count))
    graph.add_edges_from(edges)
    number = {n: k for k, c in enumerate(nx.strongly_connected_components(graph)) for n in c}
    return {(a, b) for a, b in edges if number[a] == number[b]}


def expected_late(
    count: int, edges: list[Edge], inputs: list[int], neuron: list[bool], delay: list[bool]
) -> set[Edge]:
    """The rule as docs/semantics.md says it, by removing nodes and asking what is still reached."""
    whole = nx.DiGraph()
    whole.add_nodes_from(range(count))
    whole.add_edges_from([*edges, *((count, i) for i in inputs)])

    def reached(graph: nx.DiGraph) -> set[int]:
        return set(nx.descendants(graph, count)) if count in graph else set()

    def dominates(a: int, b: int) -> bool:
        if b not in reached(whole):
            return False
        cut = whole.copy()
        cut.remove_node(a)
        return a == b or b not in reached(cut)

    whole.add_node(count)
    loops = cyclic(count, {(a, b) for a, b in edges if not delay[b]})
    back = {(a, b) for a, b in loops if dominates(b, a)}
    return back | {(a, b) for a, b in cyclic(count, loops - back) if neuron[a]}


@pytest.mark.parametrize("start", range(0, 400, 100))
def test_random_graphs_follow_the_rule(start):
    for seed in range(start, start + 100):
        case = random_case(seed)
        assert set(late_edges(*case, "back-edges")) == expected_late(*case), seed


@pytest.mark.parametrize("mode", ["back-edges", "component"])
def test_late_edges_break_all_cycles_but_algebraic_loops(mode):
    for seed in range(400):
        count, edges, inputs, neuron, delay = random_case(seed)
        if algebraic_loops(count, edges, neuron, delay):
            continue
        gone = late_edges(count, edges, inputs, neuron, delay, mode)
        left = {(a, b) for a, b in edges if (a, b) not in gone and not delay[b]}
        assert not cyclic(count, left), seed


def test_algebraic_loops_are_the_cycles_without_neuron_and_delay():
    for seed in range(400):
        count, edges, _, neuron, delay = random_case(seed)
        plain = nx.DiGraph()
        plain.add_edges_from(
            (a, b) for a, b in edges if not any((neuron[a], neuron[b], delay[a], delay[b]))
        )
        cycles = {n for cycle in nx.simple_cycles(plain) for n in cycle}
        found = algebraic_loops(count, edges, neuron, delay)
        assert {n for loop in found for n in loop} == cycles, seed
        assert found == sorted(found)


@pytest.mark.parametrize("mode", ["back-edges", "component"])
def test_renumbering_nodes_changes_nothing_else(mode):
    for seed in range(300):
        count, edges, inputs, neuron, delay = random_case(seed)
        new = np.random.default_rng(seed).permutation(count).tolist()
        back = np.argsort(new).tolist()
        renamed = late_edges(
            count,
            [(new[a], new[b]) for a, b in reversed(edges)],
            [new[i] for i in inputs],
            [neuron[k] for k in back],
            [delay[k] for k in back],
            mode,
        )
        plain = late_edges(count, edges, inputs, neuron, delay, mode)
        assert set(renamed) == {(new[a], new[b]) for a, b in plain}, seed
