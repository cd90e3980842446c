"""The report of a quantization, and float compared with integers."""

# nir's own annotations are narrower than what it accepts.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false

from __future__ import annotations

import nir
import numpy as np
import pytest

import nirx
from nirx import Arithmetic, Discretization
from nirx.comparison.integers import IntegerComparison
from support.graphs import chain, neuron

FLOATS = Discretization(dt=1.0)


def report(graph, arithmetic, **options):
    found = nirx.quantize(graph, arithmetic, discretization=FLOATS, **options)
    return {own.path: own for own in found.report}, found


def test_whole_numbers_are_taken_as_they_are():
    graph = chain({"w": nir.Linear(np.eye(2) * 3), "n": neuron(nir.IF, v_threshold=7.0)})
    own, found = report(graph, Arithmetic())
    assert found.taken
    assert np.array_equal(found.graph.nodes["w"].weight, np.eye(2) * 3)
    assert found.outputs == {"output": 1.0}
    assert own["n"].threshold == (7, 7)
    assert "taken as it is" in str(found)
    scaled = nirx.quantize(graph, Arithmetic(), scale={"w": 10}, discretization=FLOATS)
    assert not scaled.taken
    assert np.array_equal(scaled.graph.nodes["n"].v_threshold, [70, 70])


def test_weights():
    graph = chain({"w": nir.Linear(np.array([[1.0, 0.002], [0.5, -0.3]])), "n": neuron(nir.IF)})
    own = report(graph, Arithmetic())[0]["w"]
    assert own.weight_scale == 127
    assert own.weight_bits == 8
    assert own.rounding == pytest.approx(max(0.002, abs(64 / 127 - 0.5)))
    assert own.rounding_percent == pytest.approx(100 * max(0.002, abs(64 / 127 - 0.5)))
    assert (own.zeros, own.saturated, own.weights) == (1, 0, 4)
    assert "25 % of its weights round to 0" in own.notes[0]


@pytest.mark.parametrize(
    ("arithmetic", "percent", "lost"),
    [
        (Arithmetic(), 100 * (137 / (4096 / 30) - 1), ()),
        (Arithmetic(decay="shift"), 100 * (1 - 30 / 32), ()),
        (Arithmetic(decay_bits=4), 100.0, ("tau of 40 steps (1 neurons)",)),
    ],
)
def test_decays(arithmetic, percent, lost):
    taus = np.array([30.0, 40.0 if lost else 30.0])
    graph = chain({"w": nir.Linear(np.eye(2) * 0.3), "n": neuron(nir.LIF, tau=taus)})
    own = report(graph, arithmetic)[0]["n"]
    assert own.decay_percent == pytest.approx(percent, rel=0.02)
    assert own.lost == lost
    assert any("lost" in note for note in own.notes) == bool(lost)


def test_inputs_make_room_and_count_overflows():
    graph = chain({"w": nir.Linear(np.array([[0.1], [-1.0]])), "n": neuron(nir.IF)}, 1, 2)
    xs = np.ones((200, 1), np.int64)
    narrow = Arithmetic(membrane_bits=9)
    without, found = report(graph, narrow)
    state = nirx.from_nir(found.graph, "numpy").run(xs)[1]
    assert state["n"]["v_overflows"].tolist()[0] == 0
    assert state["n"]["v_overflows"].tolist()[1] > 100
    assert without["n"].v_overflows is None
    with pytest.raises(nirx.GraphError, match="its threshold is 0 units"):
        # 200 thresholds deep: nothing is left of a threshold in 7 bits
        nirx.quantize(
            graph,
            Discretization(dt=1.0, spikes="multi", arithmetic=Arithmetic(membrane_bits=7)),
            discretization=FLOATS,
            inputs=xs,
        )
    wide = report(graph, Arithmetic(membrane_bits=24), inputs=xs)[0]
    assert wide["n"].v_overflows == 0
    assert wide["n"].largest_v == 200 * 128
    assert "v uses 16 of 24 bits" in wide["n"].notes


def test_overflows_are_noted():
    graph = chain({"w": nir.Linear(np.array([[-1.0]])), "n": neuron(nir.IF, 1)}, 1)
    xs = np.ones((9, 1), np.int64)
    own = report(graph, Arithmetic(membrane_bits=8), scale={"w": 100}, inputs=xs)[0]["n"]
    assert own.v_overflows == 8
    assert own.notes == ("v left its bits 8 times: more membrane_bits",)


def test_each_cause_is_found_alone():
    graph = chain({"w": nir.Linear(np.eye(2)), "n": neuron(nir.LIF, tau=3.3, r=2.0)})
    xs = (np.random.default_rng(0).random((200, 2)) < 0.6).astype(np.int64)

    def causes(**fields):
        own = nirx.compare(graph, xs, arithmetic=Arithmetic(**fields), discretization=FLOATS)
        assert isinstance(own, IntegerComparison)
        assert own.spikes["n"][0] > 20
        assert "differing by each cause alone" in str(own)
        return own

    wide = {"membrane_bits": 32, "decay_bits": 20, "weight_bits": 16}
    fine = causes(**wide)
    assert fine.agree
    assert set(fine.causes.values()) == {0}
    coarse = causes(**{**wide, "decay_bits": 2}).causes
    assert coarse["decays"] > 0
    assert (coarse["weights"], coarse["width"]) == (0, 0)
    narrow = causes(**{**wide, "membrane_bits": 5}).causes
    assert narrow["width"] > 0
    assert narrow["decays"] == 0


def test_without_spikes_outputs_are_compared_in_the_float_graphs_unit():
    graph = chain({"w": nir.Linear(np.eye(2) * 0.3), "n": neuron(nir.LI)})
    xs = np.ones((30, 2), np.int64)
    found = nirx.compare(graph, xs, arithmetic=Arithmetic(), discretization=FLOATS)
    (node,) = found.others[0].nodes
    assert node.key == "output"
    assert 0 < node.max_error < 0.003


def test_whole_graphs_differ_by_decays_and_width_alone():
    graph = chain({"w": nir.Linear(np.eye(2) * 9), "n": neuron(nir.LIF, tau=4.0, r=4.0)})
    graph.nodes["n"].v_threshold[:] = 20
    xs = np.ones((40, 2), np.int64)
    own = Arithmetic(weight_shift=2, threshold_shift=2)
    found = nirx.compare(graph, xs, arithmetic=own, discretization=FLOATS)
    assert isinstance(found, IntegerComparison)
    assert set(found.causes) == {"width"}
    assert found.spikes["n"][0] > 5
    assert found.to_dict()["quantization"]["taken_as_it_is"]
