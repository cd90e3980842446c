"""The executor: steps, runs, cuts and chunks all say the same, and change nothing."""

# nir takes arrays and None where its annotations say dicts and ints.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false

from __future__ import annotations

import copy
from typing import Any

import nir
import numpy as np
import pytest

import nirx
from support.two_ports import D, S, assert_same, cut, graph, inputs, leaves, net


@pytest.mark.parametrize("batch", [(), (1,), (4,), (2, 3)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_steps_are_a_run(batch, dtype):
    n, xs = net(dtype), inputs(20, *batch, dtype=dtype)
    ys, end, rec = n.run(xs, record="all")
    assert {k: v.dtype.name for k, v in ys.items()} == {"p": dtype, "q": dtype}
    assert rec["lif"].any()
    state = None
    for t in range(20):
        y, state = n(cut(xs, t), state)
        assert_same(y, {k: v[t] for k, v in ys.items()})
    assert_same(state, end)


@pytest.mark.parametrize("chunk", [1, 2, 7, 19, 20, 21, 10**6])
def test_the_chunk_length_does_not_count(chunk):
    n, xs = net(), inputs(20, 3)
    assert_same(n.run(xs, record="all", chunk=chunk)[2], n.run(xs, record="all")[2])
    assert_same(n.run(xs, chunk=chunk)[1], n.run(xs)[1])


@pytest.mark.parametrize("chunk", [0, -1, 1.0, True, "8"])
def test_a_chunk_is_a_count(chunk):
    with pytest.raises(nirx.InputError, match="chunk"):
        net().run(inputs(2), chunk=chunk)


@pytest.mark.parametrize("at", [0, 1, 8, 20])
def test_a_run_cut_in_two_is_one_run(at):
    n, xs = net(), inputs(20, 3)
    whole, end = n.run(xs)
    first, middle = n.run(cut(xs, 0, at))
    second, last = n.run(cut(xs, at, 20), middle, chunk=3)
    assert_same({k: np.concatenate([first[k], second[k]]) for k in whole}, whole)
    assert_same(last, end)


def test_a_batch_is_many_runs():
    n, xs = net("float64"), inputs(20, 3, dtype="float64")
    ys, end = n.run(xs)
    for b in range(3):
        own, last = n.run({k: v[:, b] for k, v in xs.items()})
        for key, values in leaves(own).items():
            np.testing.assert_allclose(values, leaves(ys)[key][:, b], rtol=1e-12)
        for key, value in leaves(last).items():
            np.testing.assert_allclose(value, leaves(end)[key][b], rtol=1e-12, atol=1e-15)


def test_starting_fresh_is_starting_from_init_state():
    n, xs = net(), inputs(5, 2)
    assert_same(n.run(xs)[0], n.run(xs, n.init_state((2,)))[0])


def test_no_steps_keep_the_state():
    n = net()
    _, state = n.run(inputs(5, 2))
    ys, after = n.run(cut(inputs(5, 2), 0, 0), state)
    assert_same(after, state)
    assert {k: v.shape for k, v in ys.items()} == {"p": (0, 2, 2), "q": (0, 2, 2)}
    assert_same(n.run(cut(inputs(5, 2), 0, 0))[1], n.init_state((2,)))


def test_nothing_passed_in_is_changed():
    g, xs = graph(), inputs(10, 2)
    before, given = copy.deepcopy(g), copy.deepcopy(xs)
    n = nirx.from_nir(g, "numpy", D)
    state = n.run(xs)[1]
    kept = copy.deepcopy(state)
    n.run(xs, state, record="all")
    n(cut(xs, 0), state)
    assert nirx.same_graph(g, before)
    assert_same(xs, given)
    assert_same(state, kept)
    for value in g.nodes.values():
        if isinstance(value, nir.Affine):
            value.weight[:] = 99  # the network has its own copy
    assert_same(n.run(xs)[1], kept)


def shared(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> list[tuple[str, str]]:
    return [(k, m) for k, x in a.items() for m, y in b.items() if np.shares_memory(x, y)]


@pytest.mark.parametrize("way", ["step", "run"])
def test_what_is_returned_aliases_nothing_that_was_passed_in(way):
    n, xs = net(), inputs(3, 2)
    state = n.init_state((2,))
    if way == "step":
        xs = cut(xs, 0)
    out = leaves(n(xs, state) if way == "step" else n.run(xs, state)[:2])
    out = {f"{k}{m}": v for k, t in enumerate(out[""]) for m, v in leaves(t).items()}
    assert shared(out, leaves(xs)) == []
    assert shared(out, leaves(state)) == []


def test_a_duplicate_edge_counts_twice():
    nodes = {"i": nir.Input(S), "o": nir.Output(S)}
    g = nir.NIRGraph(nodes, [("i", "o"), ("i", "o"), ("i", "o")], type_check=False)
    assert nirx.from_nir(g, "numpy", D)(np.ones(2, np.float32))[0].tolist() == [3, 3]


def test_fan_in_is_added_in_order_of_source_path():
    nodes: dict[str, Any] = {"i": nir.Input(np.array([1])), "o": nir.Output(np.array([1]))}
    gains = {"a": 1.0, "b": 2.0**-24, "C": 2.0**-24, "a.": -1.0}
    nodes |= {k: nir.Scale(np.array([v], np.float32)) for k, v in gains.items()}
    edges = [("i", k) for k in gains] + [(k, "o") for k in reversed(gains)]
    n = nirx.from_nir(nir.NIRGraph(nodes, edges, type_check=False), "numpy", D)
    total = np.float32(0)
    for key in sorted(gains):
        total = np.float32(total + np.float32(gains[key]))
    assert n(np.ones(1, np.float32))[0].tolist() == [float(total)]
