"""The corner set: every neuron spikes if it can, and those that do not are named."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nirx
from nirx.errors import InputError
from nirx.graphs.schedule import schedule
from nirx.inputs import source_for
from support.inputs import STEP, spiking_graph, two_inputs

GRAPH = spiking_graph((2, 3, 2))


def silent(graph: Any, text: str = "corners", dtype: str = "float32"):
    source = source_for(schedule(graph, STEP), text, dtype, graph=graph)
    return source, source.identity["silent"]


def test_corners_drive_every_neuron():
    source, found = silent(GRAPH)
    assert found == {"neurons": 12, "count": 0, "first": []}
    net = nirx.from_nir(GRAPH, "numpy", STEP)
    _, _, rec = net.run(source.read(0, source.steps), record=["lif"])
    assert rec["lif"].any((0, 1)).all()
    assert source.steps < 4100


def test_corners_contain_all_patterns():
    source, _ = silent(GRAPH)
    xs = source.read(0, source.steps)["input"][:, 0]
    board = np.indices((2, 3, 2)).sum(0) % 2
    for pattern in (xs == 0, xs == 1, xs < 0, xs >= 4, xs == board, xs == 1 - board):
        assert pattern.all((1, 2, 3)).any()
    for channel in range(2):
        alone = (xs[:, channel] > 0).all((1, 2)) & (xs[:, 1 - channel] == 0).all((1, 2))
        assert alone.any()


def test_corners_grow_until_all_spike_and_name_silent_neurons():
    strong, found = silent(spiking_graph((4,), threshold=30.0))
    assert found["count"] == 0
    assert max(level for _, level, _ in strong.identity["segments"]) > 4
    _, found = silent(spiking_graph((4,), weight=0.0))
    assert found == {"neurons": 4, "count": 4, "first": [f"lif[{k}]" for k in range(4)]}
    source, found = silent(spiking_graph((40,), weight=0.0))
    assert (found["count"], len(found["first"])) == (40, 10)
    assert source.steps < 4100


def test_corners_of_many_channels_are_bounded():
    source, found = silent(spiking_graph((100,)))
    assert found["count"] == 0
    assert source.steps <= 4096


def test_corners_of_two_inputs_turn_on_channels_of_each_alone():
    source, _ = silent(two_inputs((2,), (2,)))
    xs = source.read(0, source.steps)
    for name, other in (("a", "b"), ("b", "a")):
        for k in range(2):
            alone = (xs[name][:, 0, k] > 0) & (xs[name][:, 0, 1 - k] == 0)
            assert (alone & (xs[other] == 0).all((1, 2))).any()


def test_corners_leave_the_graph_alone():
    graph = spiking_graph((4,))
    lif: Any = graph.nodes["lif"]
    before = lif.v_threshold.copy()
    silent(graph)
    assert np.array_equal(lif.v_threshold, before)
    with pytest.raises(InputError, match="the length is fixed"):
        source_for(schedule(graph, STEP), "corners", "float32", graph=graph, steps=3)
