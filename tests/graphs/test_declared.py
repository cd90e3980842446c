"""Declared shapes with batch or time axes: one fault names the cause, `nirx.repair` mends it."""

# nir's own annotations are narrower than what it accepts.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false

from __future__ import annotations

from typing import Any

import nir
import numpy as np
import pytest

import nirx
from support.graphs import affine, chain, lif, line, make_graph, neuron

D = nirx.Discretization(dt=1.0)
Shape = tuple[int, ...]


def conv(channels: int = 2, out: int = 4, space: Any = None) -> nir.Conv2d:
    return nir.Conv2d(space, np.ones((out, channels, 3, 3)), 1, 0, 1, 1, np.zeros(out))


def flat(shape: Any, start: int = 1, end: int = -1) -> nir.Flatten:
    return nir.Flatten({"input": None if shape is None else np.array(shape)}, start, end)


def declared(graph: nir.NIRGraph, *names: str) -> list[Shape | None]:
    found = []
    for name in names:
        node: Any = graph
        for part in name.split("/"):
            node = node.nodes[part]
        shape = node.input_type["input"]
        found.append(None if shape is None else tuple(map(int, shape)))
    return found


# name: (graph, axes in the message, shape of the Input after the repair, shape of the Output)
BATCHED: dict[str, tuple[nir.NIRGraph, str, Shape, Shape]] = {
    "a dense layer": (chain([affine(7, 12), lif(7)], (256, 12), 7), "256", (12,), (7,)),
    "batch and time": (
        chain([affine(7, 12)], (1, 1, 12), (1, 1, 7)),
        "batch and time axes (1, 1)",
        (12,),
        (7,),
    ),
    "a neuron before the weight": (chain([lif(12), affine(7, 12)], (5, 12), 7), "5", (12,), (7,)),
    "a convolution": (
        chain([conv()], (8, 2, 9, 9), (8, 4, 7, 7)),
        "8",
        (2, 9, 9),
        (4, 7, 7),
    ),
    "a pool": (chain([nir.SumPool2d(2, 2, 0)], (3, 2, 4, 4), (2, 2, 2)), "3", (2, 4, 4), (2, 2, 2)),
    "a flatten that counts the batch": (
        chain([flat((16, 2, 4)), affine(3, 8)], (16, 2, 4), 3),
        "16",
        (2, 4),
        (3,),
    ),
    "a flatten that does not": (
        chain([flat((16, 2, 4), 0), affine(3, 8)], (16, 2, 4), 3),
        "16",
        (2, 4),
        (3,),
    ),
    "a flatten of one image": (
        chain([flat((1, 28, 28)), affine(7, 784)], (1, 28, 28), 7),
        "1;",
        (28, 28),
        (7,),
    ),
    "convolutions, then a flatten": (
        chain([conv(), flat((8, 4, 7, 7)), affine(5, 196)], (8, 2, 9, 9), 5),
        "8",
        (2, 9, 9),
        (5,),
    ),
}


@pytest.mark.parametrize("name", BATCHED)
def test_a_batch_axis_is_one_fault_and_can_be_repaired(name):
    graph, axes, takes, gives = BATCHED[name]
    with pytest.raises(nirx.GraphError) as caught:
        nirx.check(graph, D)
    (fault,) = caught.value.faults
    assert fault.where == "input"
    assert axes in fault.found
    assert "NIR shapes have no batch" in fault.found
    assert 'declared="repair"' in fault.mend
    mended, changes = nirx.repair(graph)
    nirx.check(mended, D)
    assert declared(mended, "input", "output") == [takes, gives]
    assert "input" in [change.where for change in changes]
    assert nirx.schedule(mended, D).shapes["input"] == (takes, takes)
    again, more = nirx.repair(mended)
    assert more == ()
    assert nirx.same_graph(again, mended)


def test_a_repair_changes_nothing_in_the_given_graph():
    graph = chain([conv(), flat((8, 4, 7, 7)), affine(5, 196)], (8, 2, 9, 9), 5)
    mended, changes = nirx.repair(graph)
    assert [change.where for change in changes] == ["input", "n1"]
    assert declared(graph, "input", "n1") == [(8, 2, 9, 9), (8, 4, 7, 7)]
    assert int(graph.nodes["n1"].start_dim) == 1
    assert int(mended.nodes["n1"].start_dim) == 0
    mended.nodes["n0"].weight[:] = 3
    assert np.all(graph.nodes["n0"].weight == 1)


def test_the_network_after_a_repair_computes_what_was_meant():
    weight = np.arange(6.0).reshape(2, 3)
    good = chain([nir.Linear(weight), lif(2, v_threshold=3.0)], 3, 2)
    bad = chain([nir.Linear(weight), lif(2, v_threshold=3.0)], (64, 3), (64, 2))
    xs = np.random.default_rng(0).random((20, 4, 3))
    outputs = [
        nirx.from_nir(graph, "numpy", D, "float64").run(xs)[0]
        for graph in (good, nirx.repair(bad)[0])
    ]
    assert np.array_equal(*outputs)
    assert outputs[0].sum() > 0


@pytest.mark.parametrize(
    ("graph", "where", "takes"),
    [
        (chain([affine(7, 12)], 12, (1, 7)), "output", (7,)),
        (chain([affine(7, 12)], 12, (5,)), "output", (7,)),
        (
            chain({"fc": affine(7, 3), "sub": chain([lif(7)], 3, (2, 7))}, 3, 7),
            "sub/input",
            (7,),
        ),
    ],
)
def test_a_port_that_nothing_depends_on_is_a_warning(graph, where, takes):
    with pytest.warns(nirx.NirxWarning, match=f"{where} declares .*{takes[0]}.*nothing depends"):
        nirx.check(graph, D)
    with pytest.warns(nirx.NirxWarning, match="nothing depends"):
        assert nirx.schedule(graph, D).shapes[where] == (takes, takes)
    mended, changes = nirx.repair(graph)
    nirx.check(mended, D)
    assert where in [change.where for change in changes]
    assert declared(mended, where) == [takes]


def test_an_output_with_a_batch_axis_is_told_so():
    with pytest.warns(nirx.NirxWarning, match="output declares a batch axis of 4"):
        nirx.check(chain([affine(7, 12)], 12, (4, 7)), D)


def test_a_flatten_alone_may_count_the_batch():
    graph = chain([conv(2, 8), flat((8, 2, 2)), affine(5, 32)], (2, 4, 4), 5)
    with pytest.raises(nirx.GraphError, match="n1: start_dim=1, end_dim=-1 count a batch axis"):
        nirx.check(graph, D)
    mended, changes = nirx.repair(graph)
    nirx.check(mended, D)
    assert [change.where for change in changes] == ["n1"]
    assert int(mended.nodes["n1"].start_dim) == 0


def test_a_flatten_of_another_declared_shape_is_mended():
    graph = chain([conv(2, 8, (4, 4)), flat((2, 2), 0)], (2, 4, 4), (4,))
    with pytest.raises(nirx.GraphError, match=r"n1: .* \(2, 2\), but receives shape \(8, 2, 2\)"):
        nirx.check(graph, D)
    mended, changes = nirx.repair(graph)
    nirx.check(mended, D)
    assert declared(mended, "n1", "output") == [(8, 2, 2), (32,)]
    assert [change.where for change in changes] == ["n1", "output"]


def test_all_inputs_lose_their_batch():
    nodes: dict[str, Any] = {"input": None, "sum": lif(3)}
    edges = [("sum", "output")]
    for name, shape in (("a", (9, 4)), ("b", (9, 5)), ("good", (2,))):
        nodes[name] = nir.Input(np.array(shape))
        nodes[f"w_{name}"] = affine(3, shape[-1])
        edges += line(name, f"w_{name}", "sum")
    mended, changes = nirx.repair(make_graph(edges, 3, **nodes))
    nirx.check(mended, D)
    assert [change.where for change in changes] == ["a", "b"]
    assert declared(mended, "a", "b", "good") == [(4,), (5,), (2,)]


def test_an_output_tells_which_axes_of_an_elementwise_network_are_a_batch():
    mended, changes = nirx.repair(chain([lif(12)], (256, 12), 12))
    assert declared(mended, "input") == [(12,)]
    assert [change.where for change in changes] == ["input"]


def test_leading_ones_that_no_parameter_has_are_removed():
    mended, changes = nirx.repair(chain([lif(12)], (1, 1, 12), (1, 1, 12)))
    assert declared(mended, "input", "output") == [(12,), (12,)]
    assert len(changes) == 2


@pytest.mark.parametrize(
    "graph",
    [
        chain([lif((3, 4))], (2, 3, 4), (2, 3, 4)),  # perhaps channels
        chain([neuron(nir.LIF, ())], (1, 3), (1, 3)),
        chain([lif((1, 3))], (1, 3), (1, 3)),
        chain([flat(None, 0), affine(3, 8)], (1, 2, 4), 3),
        chain([nir.Linear(np.ones((1, 3, 4)))], (1, 4), (1, 3)),
    ],
)
def test_what_may_be_meant_is_left_alone(graph):
    again, changes = nirx.repair(graph)
    assert changes == ()
    assert nirx.same_graph(again, graph)


def test_every_good_graph_is_left_alone(example):
    again, changes = nirx.repair(example.graph)
    assert changes == ()
    assert nirx.same_graph(again, example.graph)


@pytest.mark.parametrize(
    "graph",
    [
        chain([affine(7, 12)], (10,), 7),  # another number of inputs
        chain([affine(7, 12)], (2, 10), 7),
        chain([conv()], (784,), 7),  # too few axes
    ],
)
def test_what_is_not_certain_stays_a_fault_of_the_node(graph):
    mended, _ = nirx.repair(graph)
    for bad in (graph, mended):
        with pytest.raises(nirx.GraphError) as caught:
            nirx.check(bad, D)
        assert [fault.where for fault in caught.value.faults] == ["n0"]


def test_a_batch_axis_beside_another_fault_leaves_both():
    graph = chain([affine(7, 12), lif(7, tau=-1.0)], (256, 12), 7)
    with pytest.raises(nirx.GraphError) as caught:
        nirx.check(graph, D)
    assert [fault.where for fault in caught.value.faults] == ["n1", "input"]


def test_a_transposed_weight_is_named():
    graph = chain([affine(12, 7), lif(7)], 12, 7)
    with pytest.raises(nirx.GraphError, match="is the weight transposed") as caught:
        nirx.check(graph, D)
    assert [fault.where for fault in caught.value.faults] == ["n0"]
