"""record=: paths, state variables, tuples of names, and everything."""

# nir takes arrays and None where its annotations say dicts and ints.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false

from __future__ import annotations

import itertools
from typing import Any

import nir
import numpy as np
import pytest

import nirx

D = nirx.Discretization(dt=1.0)
S = np.array([2])


def lif() -> nir.LIF:
    one = np.ones(2)
    return nir.LIF(4 * one, one, 0 * one, one / 2, 0 * one)


def chain(*names: str, **kinds: Any) -> nir.NIRGraph:
    nodes: dict[str, Any] = {"in": nir.Input(S)}
    nodes |= {n: kinds.get(n) or lif() for n in names} | {"out": nir.Output(S)}
    ends = list(nodes)
    return nir.NIRGraph(nodes, list(itertools.pairwise(ends)), type_check=False)


def net(graph: nir.NIRGraph) -> Any:
    return nirx.from_nir(graph, "numpy", D)


XS = np.random.default_rng(0).integers(0, 4, (9, 3, 2)).astype(np.float32)


def record(graph: nir.NIRGraph, keys: Any, xs: np.ndarray = XS, **options: Any) -> dict[Any, Any]:
    return net(graph).run(xs, record=keys, **options)[2]


def test_three_values_exactly_when_record_is_given():
    n = net(chain("a"))
    assert len(n.run(XS)) == 2
    assert n.run(XS, record=[])[2] == {}
    assert len(n.run(XS, record=None)) == 2


@pytest.mark.parametrize("chunk", [1, 4, 256])
def test_recordings_are_what_steps_give(chunk):
    n = net(chain("a", "d", d=nir.Delay(np.array([0.0, 2.0]))))
    rec = n.run(XS, record=["a", "a.v", "d.buffer", "in"], chunk=chunk)[2]
    state = None
    for t, x in enumerate(XS):
        _, state = n(x, state)
        assert rec["in"][t].tolist() == x.tolist()
        assert rec["a.v"][t].tolist() == state["a"]["v"].tolist()
        assert rec["d.buffer"][t].tolist() == state["d"]["buffer"].tolist()
        assert rec["d.buffer"][t, :, -1].tolist() == rec["a"][t].tolist()
    assert rec["d.buffer"].shape == (9, 3, 2, 2)


def test_recordings_inside_a_feedback_component_are_what_steps_give():
    graph = chain("a", "b")
    graph.edges.append(("b", "a"))
    n = net(graph)
    rec = n.run(XS, record=["a.v", "b", "b.v"], chunk=4)[2]
    state = None
    for t, x in enumerate(XS):
        y, state = n(x, state)
        assert rec["a.v"][t].tolist() == state["a"]["v"].tolist()
        assert rec["b"][t].tolist() == y.tolist()
        assert rec["b.v"][t].tolist() == state["b"]["v"].tolist()


def test_recording_changes_nothing():
    n = net(chain("a", "b"))
    assert n.run(XS, record="all")[0].tobytes() == n.run(XS)[0].tobytes()


def test_a_whole_key_is_a_node_before_it_is_a_variable():
    rec = record(chain("a", "a.v"), ["a.v", ("a", "v"), ("a.v",), "a.v.v"])
    assert set(rec) == {"a.v", ("a", "v"), ("a.v",), "a.v.v"}
    assert rec["a.v"].tolist() == rec[("a.v",)].tolist()
    assert rec["a.v"].tolist() != rec[("a", "v")].tolist()


@pytest.mark.parametrize("names", [("a", "a.v"), ("a.v", "a")])
def test_all_means_by_a_key_what_the_key_means(names):
    graph = chain(*names)
    everything = record(graph, "all")
    for key, values in everything.items():
        assert record(graph, [key])[key].tolist() == values.tolist(), key


def test_all_has_every_output_and_every_v_and_i():
    one = np.ones(2)
    cuba = nir.CubaLI(4 * one, 4 * one, one, 0 * one, one)
    rec = record(chain("a", "c", "d", c=cuba, d=nir.Delay(one)), "all")
    assert set(rec) == {"in", "a", "a.v", "c", "c.v", "c.i", "d", "out"}


def test_paths_escape_slash_and_tilde():
    inner = chain("x/y", "~")
    nodes = {"in": nir.Input(S), "s.": inner, "out": nir.Output(S)}
    graph = nir.NIRGraph(nodes, [("in", "s."), ("s.", "out")], type_check=False)
    rec = record(graph, ["s./x~1y", "s./~0.v", ("s.", "x/y"), ("s.", "~", "v")])
    assert rec["s./x~1y"].tolist() == rec[("s.", "x/y")].tolist()
    assert rec["s./~0.v"].tolist() == rec[("s.", "~", "v")].tolist()


@pytest.mark.parametrize("name", ["all", ".", "a.", ".v", "a.b.c", "/", "é\n", "\ud800", "v"])
def test_a_node_of_any_name_is_recorded(name):
    graph = chain(name)
    escaped = name.replace("~", "~0").replace("/", "~1")
    rec = record(graph, [(name,), (name, "v"), escaped, f"{escaped}.v"])
    assert rec[(name,)].tolist() == rec[escaped].tolist()
    assert rec[(name, "v")].tolist() == rec[f"{escaped}.v"].tolist()


@pytest.mark.parametrize(
    "keys", [["a"], ("a",), {"a"}, {"a": 1}, "a", iter(["a", "a"])], ids=range(6)
)
def test_any_iterable_of_keys_will_do(keys):
    assert list(record(chain("a"), keys)) == ["a"]


@pytest.mark.parametrize(
    "keys",
    [
        *(["b"], ["a.i"], ["a.w"], ["A"], [""], [()], [("a", "x")], [("b", "v")], ["a/v"], [3]),
        *([None], [["a", "v"]], 3, True, [{"a": 1}], [("a", 3)], ["in.v"], ["a.feedback"], [b"a"]),
    ],
    ids=str,
)
def test_a_key_that_names_nothing_is_an_input_error(keys):
    with pytest.raises(nirx.InputError, match="record"):
        record(chain("a"), keys)


def test_an_unknown_key_names_the_mend():
    with pytest.raises(nirx.InputError, match=r"did you mean 'hidden.v'\?"):
        record(chain("hidden"), ["hiden.v"])


def test_no_steps_give_recordings_of_no_length():
    graph = chain("a", "d", d=nir.Delay(np.array([0.0, 2.0])))
    rec = record(graph, ["a", "a.v", "d.buffer"], XS[:0])
    assert {k: v.shape for k, v in rec.items()} == {
        "a": (0, 3, 2),
        "a.v": (0, 3, 2),
        "d.buffer": (0, 3, 2, 2),
    }
    assert {v.dtype for v in rec.values()} == {np.dtype(np.float32)}
