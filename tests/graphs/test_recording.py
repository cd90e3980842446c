"""record=: paths, state variables, tuples of names, and "all"."""

from __future__ import annotations

from typing import Any

import nir
import numpy as np
import pytest

import nirx
from support.graphs import chain, lif, neuron

D = nirx.Discretization(dt=1.0)


def lifs(*names: str, **others: Any) -> nir.NIRGraph:
    """A chain of LIFs, then of other nodes."""
    return chain({**{name: lif(v_threshold=0.5) for name in names}, **others})


def net(graph: nir.NIRGraph) -> Any:
    return nirx.from_nir(graph, "numpy", D)


XS = np.random.default_rng(0).integers(0, 4, (9, 3, 2)).astype(np.float32)


def record(graph: nir.NIRGraph, keys: Any, xs: np.ndarray = XS, **options: Any) -> dict[Any, Any]:
    return net(graph).run(xs, record=keys, **options)[2]


def test_run_returns_recordings_only_if_record_is_given():
    n = net(lifs("a"))
    assert len(n.run(XS)) == 2
    assert n.run(XS, record=[])[2] == {}
    assert len(n.run(XS, record=None)) == 2


@pytest.mark.parametrize("chunk", [1, 4, 256])
def test_recordings_equal_single_steps(chunk):
    n = net(lifs("a", d=nir.Delay(np.array([0.0, 2.0]))))
    rec = n.run(XS, record=["a", "a.v", "d.buffer", "input"], chunk=chunk)[2]
    state = None
    for t, x in enumerate(XS):
        _, state = n(x, state)
        assert rec["input"][t].tolist() == x.tolist()
        assert rec["a.v"][t].tolist() == state["a"]["v"].tolist()
        assert rec["d.buffer"][t].tolist() == state["d"]["buffer"].tolist()
        assert rec["d.buffer"][t, :, -1].tolist() == rec["a"][t].tolist()
    assert rec["d.buffer"].shape == (9, 3, 2, 2)


def test_recordings_inside_a_feedback_component_equal_single_steps():
    graph = lifs("a", "b")
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
    n = net(lifs("a", "b"))
    assert n.run(XS, record="all")[0].tobytes() == n.run(XS)[0].tobytes()


def test_a_key_is_read_as_a_node_before_a_state_variable():
    rec = record(lifs("a", "a.v"), ["a.v", ("a", "v"), ("a.v",), "a.v.v"])
    assert set(rec) == {"a.v", ("a", "v"), ("a.v",), "a.v.v"}
    assert rec["a.v"].tolist() == rec[("a.v",)].tolist()
    assert rec["a.v"].tolist() != rec[("a", "v")].tolist()


@pytest.mark.parametrize("names", [("a", "a.v"), ("a.v", "a")])
def test_each_key_of_all_can_be_recorded_alone(names):
    graph = lifs(*names)
    everything = record(graph, "all")
    for key, values in everything.items():
        assert record(graph, [key])[key].tolist() == values.tolist(), key


def test_all_has_every_output_and_every_v_and_i():
    rec = record(lifs("a", c=neuron(nir.CubaLI), d=nir.Delay(np.ones(2))), "all")
    assert set(rec) == {"input", "a", "a.v", "c", "c.v", "c.i", "d", "output"}


def test_paths_escape_slash_and_tilde():
    graph = chain({"s.": lifs("x/y", "~")})
    rec = record(graph, ["s./x~1y", "s./~0.v", ("s.", "x/y"), ("s.", "~", "v")])
    assert rec["s./x~1y"].tolist() == rec[("s.", "x/y")].tolist()
    assert rec["s./~0.v"].tolist() == rec[("s.", "~", "v")].tolist()


@pytest.mark.parametrize("name", ["all", ".", "a.", ".v", "a.b.c", "/", "é\n", "\ud800", "v"])
def test_a_node_of_any_name_is_recorded(name):
    graph = lifs(name)
    escaped = name.replace("~", "~0").replace("/", "~1")
    rec = record(graph, [(name,), (name, "v"), escaped, f"{escaped}.v"])
    assert rec[(name,)].tolist() == rec[escaped].tolist()
    assert rec[(name, "v")].tolist() == rec[f"{escaped}.v"].tolist()


@pytest.mark.parametrize(
    "keys", [["a"], ("a",), {"a"}, {"a": 1}, "a", iter(["a", "a"])], ids=range(6)
)
def test_any_iterable_of_keys_is_accepted(keys):
    assert list(record(lifs("a"), keys)) == ["a"]


@pytest.mark.parametrize(
    "keys",
    [
        *(["b"], ["a.i"], ["a.w"], ["A"], [""], [()], [("a", "x")], [("b", "v")], ["a/v"], [3]),
        *(
            [None],
            [["a", "v"]],
            3,
            True,
            [{"a": 1}],
            [("a", 3)],
            ["input.v"],
            ["a.feedback"],
            [b"a"],
        ),
    ],
    ids=str,
)
def test_a_key_that_names_nothing_is_an_input_error(keys):
    with pytest.raises(nirx.InputError, match="record"):
        record(lifs("a"), keys)


def test_an_unknown_key_suggests_a_known_one():
    with pytest.raises(nirx.InputError, match=r"did you mean 'hidden.v'\?"):
        record(lifs("hidden"), ["hiden.v"])


def test_recordings_of_no_steps_are_empty():
    graph = lifs("a", d=nir.Delay(np.array([0.0, 2.0])))
    rec = record(graph, ["a", "a.v", "d.buffer"], XS[:0])
    assert {k: v.shape for k, v in rec.items()} == {
        "a": (0, 3, 2),
        "a.v": (0, 3, 2),
        "d.buffer": (0, 3, 2, 2),
    }
    assert {v.dtype for v in rec.values()} == {np.dtype(np.float32)}
