"""The feedback rule on graphs small enough to see."""

import pytest

from nirx_conformance.oracle.late_edges import late_edges

NEURONS = {"n", "m"}
DELAYS = {"d"}


def late(edges, every_neuron=False):
    pairs = [((a,), (b,)) for a, b in edges.split() if a and b]
    nodes = sorted({end for pair in pairs for end in pair})
    found = late_edges(
        nodes,
        pairs,
        [("i",)] if ("i",) in nodes else [],
        lambda path: path[0] in NEURONS,
        lambda path: path[0] in DELAYS,
        every_neuron,
    )
    return sorted(a[0] + b[0] for a, b in found)


@pytest.mark.parametrize(
    ("edges", "back", "component"),
    [
        ("in no", [], []),  # no loop
        ("in nn no", ["nn"], ["nn"]),  # a self-loop
        ("ia an nb ba no", ["ba"], ["nb"]),  # a ring: the edge back to its only entry
        ("in nb bn", ["bn"], ["nb"]),  # the same ring, entered at the neuron
        ("in im nm mn", ["mn", "nm"], ["mn", "nm"]),  # two entries, two neurons
        ("ia in an na", ["na"], ["na"]),  # two entries, one neuron
        ("io mb bm mo", ["mb"], ["mb"]),  # no Input reaches it
        ("io mm mo", ["mm"], ["mm"]),
        ("ia ad da", [], []),  # a Delay breaks it by itself
        ("in nd dn", [], []),
        ("in nd dn nn", ["nn"], ["nn"]),  # one loop of two is broken by the Delay
        ("ia an nb bc ca bn", ["bn", "ca"], ["nb"]),  # loop in a loop
        ("ia an an na na", ["na"], ["na"]),  # duplicated edges are one edge
        # Two entries (b and n) into b n; around it the natural loop with its entry at a.
        ("ia ab an bn nb nc ca", ["ca", "nb"], ["nb", "nc"]),
    ],
)
def test_rule(edges, back, component):
    assert late(edges) == back
    assert late(edges, every_neuron=True) == component


def test_an_input_inside_the_loop_is_another_entry():
    pairs = [("i", "a"), ("j", "n"), ("a", "n"), ("n", "a")]
    flat = [((a,), (b,)) for a, b in pairs]
    nodes = [(x,) for x in "ijan"]
    found = late_edges(nodes, flat, [("i",), ("j",)], lambda p: p == ("n",), lambda p: False)
    assert found == {(("n",), ("a",))}
    alone = late_edges(nodes, flat, [("j",)], lambda p: p == ("n",), lambda p: False)
    assert alone == {(("a",), ("n",))}
