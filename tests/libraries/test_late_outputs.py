"""A library whose spikes come a step late, moved to one whose spikes do not, and back."""

# The libraries are in .venv-libraries only, where these tests run.
# pyright: reportMissingImports=false

from __future__ import annotations

from dataclasses import replace

import nir
import numpy as np
import pytest

import nirx
from nirx.bridging.adapt import adapt_graph
from nirx.bridging.bridge import find_bridge
from nirx_conformance.libraries.neurons import around, drive, neuron

LATE = nirx.Discretization(dt=1e-3, reset="subtract", output="old", reset_when="next")


def quickstart():
    nnx = pytest.importorskip("flax.nnx")
    sn = pytest.importorskip("spyx.nn", reason="spyx is installed by `make libraries` only")
    rngs = nnx.Rngs(0)
    return sn.Sequential(
        nnx.Linear(8, 32, use_bias=False, rngs=rngs),
        sn.LIF((32,), rngs=rngs),
        nnx.Linear(32, 6, rngs=rngs),
        sn.IF((6,)),
        nnx.Linear(6, 3, use_bias=False, rngs=rngs),
        sn.LI((3,), rngs=rngs),
    )


def test_spyx_moves_to_snntorch_and_back():
    pytest.importorskip("snntorch", reason="installed by `make libraries` only")
    there = nirx.move(quickstart(), "snntorch")
    assert there.fidelity != "different"
    assert there.silent == there.by_nirx == ()
    assert [change.node for change in there.changes] == ["1", "3"]
    assert all(change.exact for change in there.changes)
    assert there.adapted is None
    assert {"1", "3", "output"} <= {node.key for node in there.to_target.nodes}
    assert set(there.graph.nodes["1"].nodes) == {"input", "neuron", "delay", "output"}
    back = nirx.move(there.graph, "spyx", xs=there.inputs)
    assert back.fidelity != "different"
    assert not back.graph.nodes["1"].nodes["delay"].delay.any()
    runs = [
        nirx.from_nir(graph, "numpy", dtype="float64").run(there.inputs["input"])[0]
        for graph in (there.original, there.graph, back.graph)
    ]
    np.testing.assert_array_equal(runs[0], runs[1])
    np.testing.assert_array_equal(runs[0], runs[2])


def test_what_is_left_is_refused_without_the_output():
    pytest.importorskip("slax", reason="installed by `make libraries` only")
    with pytest.raises(nirx.UnsupportedError, match=r"'1': reset_when='next'; slax.LIF") as refusal:
        nirx.move(quickstart(), "slax")
    assert "output" not in str(refusal.value)


def adapted(graph, d, target="snntorch"):
    pytest.importorskip(target, reason="installed by `make libraries` only")
    node_map = find_bridge(target).node_map
    return adapt_graph(graph, nirx.schedule(graph, d), node_map, exactly=True)


def test_a_start_above_the_threshold_is_not_the_same():
    graph = around(neuron("LIF", rest=0.0))
    rule = replace(LATE, initial_v="leak")
    assert adapted(graph, rule).moved == {"neuron": "neuron/delay"}
    graph.nodes["neuron"].v_leak[3] = 5.0
    with pytest.raises(nirx.UnsupportedError, match="output='old'"):
        adapted(graph, rule)


def test_a_cycle_is_not_the_same():
    graph = around(neuron("LIF", rest=0.0))
    graph.nodes["loop"] = nir.Linear(np.eye(30))
    graph.edges += [("neuron", "loop"), ("loop", "neuron")]
    with pytest.raises(nirx.UnsupportedError, match="output='old'"):
        adapted(graph, LATE)


@pytest.mark.parametrize("steps", [1, 3])
def test_a_delay_gives_a_step_away_only_where_all_readers_are_delays(steps):
    graph = around(neuron("LIF", rest=0.0))
    graph.nodes["later"] = nir.Delay(np.full(30, steps * 1e-3))
    graph.edges = [e for e in graph.edges if e[1] != "output"]
    graph.edges += [("neuron", "later"), ("later", "output")]
    rule = replace(LATE, output="new")
    found = adapted(graph, rule, "spyx")
    np.testing.assert_allclose(found.graph.nodes["later"].delay, (steps - 1) * 1e-3, atol=1e-12)
    xs = drive(50)
    ours = [
        nirx.from_nir(g, "numpy", d, "float64").run(xs)[0]
        for g, d in ((graph, rule), (found.graph, found.discretization))
    ]
    assert ours[0].any()
    np.testing.assert_array_equal(*ours)
    graph.nodes["too"] = nir.Output(np.array([30]))
    graph.edges.append(("neuron", "too"))
    with pytest.raises(nirx.UnsupportedError, match="output='new'"):
        adapted(graph, rule, "spyx")
