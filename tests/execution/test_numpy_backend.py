"""What a network takes and gives: arrays, dicts, dtypes, and no shared memory."""

# nir takes arrays and None where its annotations say dicts and ints.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false

from __future__ import annotations

from typing import Any

import nir
import numpy as np
import pytest

import nirx
from support.two_ports import ONE, D, S, assert_same, inputs, leaves, net


def li_graph() -> nir.NIRGraph:
    """A recurrent LI that puts out its own v, twice, and an Input that is an Output."""
    nodes = {"i": nir.Input(S), "v": nir.LI(4 * ONE, ONE, ONE), "w": nir.I(ONE)}
    nodes |= {"p": nir.Output(S), "q": nir.Output(S), "r": nir.Output(S)}
    edges = [("i", "v"), ("v", "w"), ("w", "v"), ("v", "v"), ("v", "p"), ("v", "q"), ("i", "r")]
    return nir.NIRGraph(nodes, edges, type_check=False)


@pytest.mark.parametrize("way", ["step", "run", "init_state"])
def test_what_is_returned_does_not_alias_itself(way):
    n = nirx.from_nir(li_graph(), "numpy", D)
    xs = np.ones((3, 2), np.float32)
    if way == "init_state":
        out = leaves(n.init_state(()))
    else:
        ys, state = n(xs[0]) if way == "step" else n.run(xs)
        out = {**leaves(ys, "y"), **leaves(state, "s")}
    keys = sorted(out)
    pairs = [(a, b) for k, a in enumerate(keys) for b in keys[k + 1 :]]
    assert [(a, b) for a, b in pairs if np.shares_memory(out[a], out[b])] == []


@pytest.mark.parametrize("steps", [None, 0, 1, 3])
def test_what_is_returned_does_not_alias_what_came_in(steps):
    """`None`: one step, by a call."""
    n = nirx.from_nir(li_graph(), "numpy", D)
    state, xs = n.init_state(()), np.ones((steps or 1, 2), np.float32)
    given = {**leaves(state, "state"), "xs": xs}
    before = {key: array.copy() for key, array in given.items()}
    results = n(xs[0], state) if steps is None else n.run(xs[:steps], state, record="all", chunk=2)
    found = [leaf for result in results for leaf in leaves(result).values()]
    assert [k for k, a in given.items() for b in found if np.shares_memory(a, b)] == []
    for leaf in found:
        leaf[...] = 7
    assert_same(given, before)


@pytest.mark.parametrize("way", ["step", "run"])
def test_what_is_returned_are_writable_arrays_of_the_runs_dtype(way):
    nodes = {"i": nir.Input(np.array([], int)), "n": nir.I(np.array(1.0))}
    nodes["o"] = nir.Output(np.array([], int))
    scalar = nir.NIRGraph(nodes, [("i", "n"), ("n", "o")], type_check=False)
    for g, features in ((scalar, ()), (li_graph(), (2,))):
        n = nirx.from_nir(g, "numpy", D)
        xs = np.ones((3, *features), np.float32)
        ys, state = n(xs[0]) if way == "step" else n.run(xs)
        for leaf in [*leaves(ys).values(), *leaves(state).values()]:
            assert isinstance(leaf, np.ndarray)
            assert leaf.dtype == np.float32
            assert leaf.flags.writeable


def test_one_input_and_one_output_are_bare_or_a_dict():
    nodes = {"i": nir.Input(S), "s": nir.Scale(2 * ONE), "o": nir.Output(S)}
    n = nirx.from_nir(nir.NIRGraph(nodes, [("i", "s"), ("s", "o")], type_check=False), "numpy", D)
    x = np.ones(2, np.float32)
    assert n(x)[0].tolist() == n({"i": x})[0].tolist() == [2, 2]


GOOD = np.zeros((4, 2), np.float32)
BAD: dict[str, Any] = {
    "no dict": GOOD,
    "a list": [GOOD, GOOD],
    "one missing": {"x": GOOD},
    "one unknown": {"x": GOOD, "y": GOOD, "z": GOOD},
    "an odd key": {"x": GOOD, "y": GOOD, 3: GOOD},
    "empty": {},
    "features": {"x": GOOD, "y": GOOD[:, :1]},
    "no features": {"x": GOOD, "y": GOOD[:, 0]},
    "scalar": {"x": np.float32(1), "y": GOOD},
    "lengths": {"x": GOOD, "y": GOOD[:3]},
    "batches": {"x": GOOD[:, None], "y": GOOD},
    "float64": {"x": GOOD, "y": GOOD.astype(np.float64)},
    "float16": {"x": GOOD, "y": GOOD.astype(np.float16)},
    "complex": {"x": GOOD, "y": GOOD.astype(np.complex64)},
    "text": {"x": GOOD, "y": "spikes"},
    "objects": {"x": GOOD, "y": GOOD.astype(object)},
    "ragged": {"x": GOOD, "y": [[1.0], [1.0, 2.0]]},
    "none": {"x": GOOD, "y": None},
    "dates": {"x": GOOD, "y": GOOD.astype("datetime64[s]")},
    "no time": {"x": GOOD[0], "y": GOOD[0]},
}


@pytest.mark.parametrize("name", BAD)
def test_faulty_inputs_are_input_errors(name):
    with pytest.raises(nirx.InputError):
        net().run(BAD[name])
    if name not in ("lengths", "no time"):
        with pytest.raises(nirx.InputError):
            net()(BAD[name])


@pytest.mark.parametrize("dtype", ["?", "i1", "u8", "i8"])
def test_bools_and_integers_are_cast(dtype):
    xs = {k: (v > 1).astype(dtype) for k, v in inputs(5).items()}
    floats = {k: v.astype(np.float32) for k, v in xs.items()}
    assert_same(net().run(xs)[0], net().run(floats)[0])
    assert_same(net().run({k: v.tolist() for k, v in xs.items()})[0], net().run(floats)[0])


def test_nan_and_infinity_propagate_and_nan_never_spikes():
    lif = nir.LIF(4 * ONE, ONE, 0 * ONE, ONE, 0 * ONE)
    nodes = {"i": nir.Input(S), "n": lif, "o": nir.Output(S)}
    n = nirx.from_nir(nir.NIRGraph(nodes, [("i", "n"), ("n", "o")], type_check=False), "numpy", D)
    xs = np.array([[np.nan, np.inf], [0, 0], [9, 9]], np.float32)
    ys, state = n.run(xs)
    assert ys.tolist() == [[0, 1], [0, 0], [0, 1]]
    assert np.isnan(state["n"]["v"]).tolist() == [True, False]


@pytest.mark.parametrize("dtype", ["float16", "int32", "complex64", "no", None, int])
def test_another_dtype_is_unsupported(dtype):
    with pytest.raises(nirx.UnsupportedError, match="dtype"):
        net(dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.dtype("float32"), "float32"])
def test_a_dtype_by_any_name(dtype):
    assert net(dtype).dtype == np.float32
