"""State trees mirror the graph's nesting; a run starts and ends with one."""

from __future__ import annotations

from typing import Any

import nir
import numpy as np
import pytest

import nirx
from support.graphs import chain, lif, line, make_graph, neuron

D = nirx.Discretization(dt=1.0)


def net(dtype: str = "float32") -> Any:
    """A subgraph with a recurrent CubaLIF, a LIF with an odd name, and a Delay."""
    inner = make_graph(
        [*line("input", "c", "w", "c"), ("c", "output")],
        c=neuron(nir.CubaLIF, tau_syn=3.0, v_threshold=0.25),
        w=nir.Affine(np.eye(2) / 2, np.array([0.25, 0.5])),
    )
    delay = nir.Delay(np.array([0.0, 3.0]))
    graph = chain({"s/u.b": inner, "l~": lif(v_threshold=0.5), "d": delay})
    return nirx.from_nir(graph, "numpy", D, dtype)


def spikes(t: int, *batch: int, seed: int = 0, dtype: str = "float32") -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 3, (t, *batch, 2)).astype(dtype)


def shapes(tree: Any) -> Any:
    return {k: shapes(v) for k, v in tree.items()} if isinstance(tree, dict) else tree.shape


@pytest.mark.parametrize("batch", [(), (5,), (2, 3)])
def test_the_tree_mirrors_the_graph_and_its_arrays_start_with_the_batch(batch):
    expected = {
        "d": {"buffer": (*batch, 3, 2)},
        "l~": {"v": (*batch, 2)},
        "s/u.b": {
            "c": {
                "v": (*batch, 2),
                "i": (*batch, 2),
                "feedback": {"s~1u.b/w": (*batch, 2)},
            }
        },
    }
    n = net()
    assert shapes(n.init_state(batch)) == expected
    _, after = n(spikes(1, *batch)[0])
    assert shapes(after) == expected
    _, after = n.run(spikes(4, *batch))
    assert shapes(after) == expected


def test_a_single_number_is_a_batch_shape():
    assert shapes(net().init_state(3)) == shapes(net().init_state((3,)))
    assert shapes(net().init_state(np.int64(3))) == shapes(net().init_state((3,)))


def test_the_state_spec_of_the_schedule_is_the_tree_without_batch():
    n = net()
    assert n.schedule.state_spec == shapes(n.init_state(()))


def test_the_buffer_is_oldest_first():
    xs = np.array([[0, 1], [0, 2], [0, 3], [0, 4]], np.float32)
    graph = chain({"d": nir.Delay(np.array([0.0, 3.0]))})
    _, state = nirx.from_nir(graph, "numpy", D).run(xs)
    assert state["d"]["buffer"][:, 1].tolist() == [2, 3, 4]


def test_a_graph_without_state_has_an_empty_tree():
    n = nirx.from_nir(chain([]), "numpy", D)
    assert n.init_state((4,)) == {}
    assert n(spikes(1)[0], {})[1] == {}


def test_silent_feedback_starts_at_the_bias():
    n = net()
    feedback = n.init_state((3,))["s/u.b"]["c"]["feedback"]["s~1u.b/w"]
    assert feedback.tolist() == [[0.25, 0.5]] * 3


def test_every_leaf_is_used():
    xs = spikes(6)
    n = net()
    plain = n.run(xs, n.init_state(()))[0]
    for keys in (("d", "buffer"), ("l~", "v"), ("s/u.b", "c", "v"), ("s/u.b", "c", "i")):
        state = n.init_state(())
        leaf = state
        for key in keys:
            leaf = leaf[key]
        leaf += 0.4
        assert n.run(xs, state)[0].tolist() != plain.tolist(), keys


DROPPED = object()


def change(keys: str, value: Any = DROPPED):
    def apply(state: dict[str, Any]) -> Any:
        *path, last = keys.split("|")
        branch = state
        for key in path:
            branch = branch[key]
        branch[last] = value
        if value is DROPPED:
            del branch[last]
        return state

    return apply


LEAF = np.zeros((5, 2), np.float32)
FAULTS = {
    "not a dict": lambda s: [s],
    "a number": lambda s: 3,
    "a node missing": change("l~"),
    "a variable missing": change("s/u.b|c|i"),
    "a subgraph missing": change("s/u.b"),
    "feedback missing": change("s/u.b|c|feedback"),
    "a feedback edge missing": change("s/u.b|c|feedback|s~1u.b/w"),
    "an extra node": change("x", {"v": LEAF}),
    "an extra node inside": change("s/u.b|x", {"v": LEAF}),
    "a stateless node": change("s/u.b|w", {"v": LEAF}),
    "an extra variable": change("l~|i", LEAF),
    "extra feedback": change("l~|feedback", {"d": LEAF}),
    "an extra feedback edge": change("s/u.b|c|feedback|x", LEAF),
    "a leaf for a node": change("l~", LEAF),
    "a dict for a leaf": change("l~|v", {}),
    "none for a leaf": change("l~|v", None),
    "another dtype": change("l~|v", LEAF.astype(np.float64)),
    "text": change("l~|v", "text"),
    "another batch": change("l~|v", LEAF[:4]),
    "no batch": change("l~|v", LEAF[0]),
    "other features": change("l~|v", LEAF[:, :1]),
    "a shorter buffer": change("d|buffer", np.zeros((5, 2, 2), np.float32)),
    "another type of key": change("l~", {3: LEAF}),
    "an empty key": change("", {"a": LEAF}),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_faulty_state_is_an_input_error(name):
    n = net()
    state = FAULTS[name](n.init_state((5,)))
    with pytest.raises(nirx.InputError):
        n.run(spikes(3, 5), state)
    with pytest.raises(nirx.InputError):
        n(spikes(3, 5)[0], state)


def test_integer_states_are_cast():
    n = net()
    state = nirx.state_to_numpy(n.init_state(()))
    state["l~"]["v"] = [0, 0]
    assert n.run(spikes(4), state)[0].tolist() == n.run(spikes(4))[0].tolist()


def test_state_to_numpy_copies():
    state = net().init_state((2,))
    copied = nirx.state_to_numpy(state)
    assert shapes(copied) == shapes(state)
    copied["l~"]["v"] += 1
    assert not state["l~"]["v"].any()


def test_a_bfloat16_state_becomes_float32():
    torch = pytest.importorskip("torch")
    leaf = torch.tensor([1.5, -2.0], dtype=torch.bfloat16, requires_grad=True)
    found = nirx.state_to_numpy({"lif": {"v": leaf}})["lif"]["v"]
    assert found.dtype == np.float32
    assert found.tolist() == [1.5, -2.0]
