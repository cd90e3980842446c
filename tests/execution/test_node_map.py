"""node_map: a user's module runs a node, with or without a state of its own."""

# nir takes arrays and None where its annotations say dicts and ints.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false

from __future__ import annotations

import itertools
from typing import Any

import nir
import numpy as np
import pytest

import nirx
from nirx.basics.type_map import TypeMap

D = nirx.Discretization(dt=1.0)
S = np.array([2])
ONE = np.ones(2)
XS = np.random.default_rng(0).integers(0, 4, (8, 3, 2)).astype(np.float32)


class Mine(nir.NIRNode):
    """A type that nirx does not know."""

    def __init__(self, gain: float):
        self.gain, self.metadata = gain, {}
        self.input_type, self.output_type = {"input": S}, {"output": S}


def line(*nodes: Any, loop: bool = False) -> nir.NIRGraph:
    named = {"i": nir.Input(S)} | {f"n{k}": n for k, n in enumerate(nodes)} | {"o": nir.Output(S)}
    names = list(named)
    edges = list(itertools.pairwise(names))
    edges += [(names[-2], names[1])] if loop else []
    return nir.NIRGraph(named, edges, metadata={}, type_check=False)


def lif() -> nir.LIF:
    return nir.LIF(4 * ONE, ONE, 0 * ONE, ONE / 2, 0 * ONE)


def net(graph: nir.NIRGraph, node_map: Any) -> Any:
    return nirx.from_nir(graph, "numpy", D, node_map=node_map)


class Sum:
    """y is the sum of all x so far; keeps no state of its own."""

    def __init__(self, node: Any):
        self.gain = getattr(node, "gain", 1.0)

    def __call__(self, x: Any, state: Any) -> tuple[Any, Any]:
        total = x * np.float32(self.gain) if state is None else state["total"] + x
        return total, {"total": total}


class SumFromZero(Sum):
    def init_state(self, batch_shape: tuple[int, ...]) -> Any:
        return {"total": np.zeros((*batch_shape, 2), np.float32)}


def double(node: Any) -> Any:
    return lambda x: 2 * x


def test_a_stateless_function_runs_a_known_type():
    ys, state = net(line(lif()), {nir.LIF: double}).run(XS)
    assert ys.tolist() == (2 * XS).tolist()
    assert state == {}


def test_a_stateless_function_runs_an_unknown_type():
    n = net(line(Mine(3.0)), {Mine: lambda node: lambda x: x * np.float32(node.gain)})
    assert n.run(XS)[0].tolist() == (3 * XS).tolist()
    assert n(XS[0])[0].tolist() == (3 * XS[0]).tolist()


def test_a_base_class_in_the_map_serves_its_subclasses():
    class Special(Mine):
        pass

    assert net(line(Special(3.0)), {Mine: double}).run(XS)[0].tolist() == (2 * XS).tolist()


@pytest.mark.parametrize("kind", [Sum, SumFromZero])
@pytest.mark.parametrize("chunk", [1, 3, 256])
def test_a_stateful_module_keeps_its_tree_under_its_name(kind, chunk):
    n = net(line(Mine(1.0), lif()), {Mine: kind})
    ys, state, rec = n.run(XS, record=["n0", "n1.v"], chunk=chunk)
    assert rec["n0"].tolist() == np.cumsum(XS, axis=0).tolist()
    assert state["n0"]["total"].tolist() == XS.sum(axis=0).tolist()
    own = None
    for t, x in enumerate(XS):
        y, own = n(x, own)
        assert y.tolist() == ys[t].tolist()
    assert own is not None
    assert own["n0"]["total"].tolist() == state["n0"]["total"].tolist()


@pytest.mark.parametrize("kind", [Sum, SumFromZero])
def test_a_cut_run_with_a_stateful_module_is_one_run(kind):
    n = net(line(Mine(1.0)), {Mine: kind})
    _, middle = n.run(XS[:3])
    assert n.run(XS[3:], middle)[0].tolist() == n.run(XS)[0][3:].tolist()
    assert middle["n0"]["total"].tolist() == XS[:3].sum(axis=0).tolist()


def test_init_state_holds_what_the_module_says():
    assert net(line(Mine(1.0)), {Mine: Sum}).init_state((3,)) == {}
    tree = net(line(Mine(1.0)), {Mine: SumFromZero}).init_state((3,))
    assert tree["n0"]["total"].shape == (3, 2)


def test_no_steps_and_one_step_of_a_module_without_init_state():
    n = net(line(Mine(1.0)), {Mine: Sum})
    ys, state = n.run(XS[:0])
    assert ys.shape == (0, 3, 2)
    assert n.run(XS[:1], state)[0].tolist() == XS[:1].tolist()


def test_an_empty_state_comes_back_to_its_module():
    seen = []

    class Counter:
        def init_state(self, batch_shape: Any) -> Any:
            return {}

        def __call__(self, x: Any, state: Any) -> tuple[Any, Any]:
            seen.append(state)
            return x, {}

    n = net(line(Mine(1.0)), {Mine: lambda node: Counter()})
    _, state = n(XS[0])
    n(XS[1], state)
    assert seen == [{}, {}]


@pytest.mark.parametrize("kind", [Sum, SumFromZero, double])
def test_everything_is_recorded_with_a_mapped_neuron(kind):
    n = net(line(lif(), Mine(1.0)), {nir.LIF: kind, Mine: double})
    rec = n.run(XS, record="all")[2]
    assert {"n0", "n1"} <= set(rec)
    assert rec["n1"].tolist() == (2 * rec["n0"]).tolist()


@pytest.mark.parametrize("kind", [Sum, double])
def test_a_mapped_neuron_has_none_of_nirxs_state(kind):
    n = net(line(lif()), {nir.LIF: kind})
    assert n.schedule.state_spec == {}
    with pytest.raises(nirx.InputError, match="record"):
        n.run(XS, record=["n0.v"])


@pytest.mark.parametrize("kind", [Sum, SumFromZero, double])
def test_a_mapped_delay_in_a_cycle_runs(kind):
    graph = line(lif(), nir.Delay(2 * ONE), loop=True)
    ys, _ = net(graph, {nir.Delay: kind}).run(XS)
    assert ys.shape == XS.shape


@pytest.mark.parametrize("kind", [Sum, SumFromZero])
def test_a_stateful_module_in_a_feedback_component(kind):
    graph = line(nir.Scale(ONE / 4), Mine(1.0), lif(), loop=True)
    n = net(graph, {Mine: kind})
    ys, end = n.run(XS, chunk=3)
    state = None
    for t, x in enumerate(XS):
        y, state = n(x, state)
        assert y.tolist() == ys[t].tolist()
    assert repr(state) == repr(end)


def test_feedback_into_a_module_is_part_of_the_state():
    graph = line(Mine(1.0), lif(), loop=True)
    n = net(graph, {Mine: SumFromZero})
    _, middle = n.run(XS[:4])
    assert n.run(XS[4:], middle)[0].tolist() == n.run(XS)[0][4:].tolist()
    assert n.run(XS[4:], middle)[0].tolist() != n.run(XS[4:], n.init_state((3,)))[0].tolist()


@pytest.mark.parametrize("result", [1, lambda x: x[..., :1], lambda x: None, lambda x: (x, x, x)])
def test_a_module_that_gives_something_else_is_an_input_error(result):
    def call(x: Any) -> Any:
        return result(x) if callable(result) else result

    n = net(line(Mine(1.0)), {Mine: lambda node: call})
    with pytest.raises(nirx.InputError, match="n0"):
        n.run(XS)


def test_a_stateful_module_that_gives_no_state_is_an_input_error():
    def call(x: Any, state: Any) -> Any:
        return x

    with pytest.raises(nirx.InputError, match=r"expected \(y, state\)"):
        net(line(Mine(1.0)), {Mine: lambda node: call}).run(XS)


def test_a_builder_gets_a_copy_of_the_node():
    graph = line(nir.Scale(ONE))

    def build(node: nir.Scale) -> Any:
        node.scale[:] = 7
        return lambda x: x * node.scale.astype(np.float32)

    assert net(graph, {nir.Scale: build}).run(XS)[0].tolist() == (7 * XS).tolist()
    assert graph.nodes["n0"].scale.tolist() == [1, 1]


def test_a_mapped_subgraph_is_run_by_its_module():
    graph = line(line(nir.Scale(5 * ONE)))
    n = net(graph, {nir.NIRGraph: double})
    assert n.run(XS)[0].tolist() == (2 * XS).tolist()


def test_an_unmapped_type_is_still_a_fault():
    with pytest.raises(nirx.GraphError, match="unknown node type Mine"):
        net(line(Mine(1.0)), {nir.LIF: double})


@pytest.mark.parametrize("node_map", [3, [nir.LIF], {"LIF": double}])
def test_a_map_of_another_form_is_an_input_error(node_map):
    with pytest.raises(nirx.InputError, match="node_map"):
        net(line(lif()), node_map)


def test_register_adds_and_override_replaces():
    node_map = TypeMap({nir.LIF: double})
    with pytest.raises(nirx.InputError, match="use override"):
        node_map.register(nir.LIF, double)
    with pytest.raises(nirx.InputError, match="use register"):
        node_map.override(Mine, double)

    @node_map.register(Mine)
    def build(node: Any) -> Any:
        return Sum(node)

    node_map.override(nir.LIF)(build)
    assert dict(node_map) == {nir.LIF: build, Mine: build}
    assert net(line(Mine(1.0)), node_map).run(XS)[0].tolist() == np.cumsum(XS, 0).tolist()


@pytest.mark.parametrize("way", ["step", "run"])
def test_a_module_may_write_into_its_input(way):
    def doubled(x: Any) -> Any:
        x *= 2
        return x

    nodes = {
        "i": nir.Input(np.array([2])),
        "s": nir.Scale(np.ones(2)),
        "o": nir.Output(np.array([2])),
    }
    graph = nir.NIRGraph(nodes, [("i", "s"), ("s", "o")], type_check=False)
    n, xs = net(graph, {nir.Scale: lambda node: doubled}), np.ones((3, 2), np.float32)
    ys, _ = n(xs[0]) if way == "step" else n.run(xs)
    assert (ys == 2).all()
    assert (xs == 1).all()
